// A client with the types that a stock generator made of openapi.json: what it may write and what not is checked by tsc.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Progress = components["schemas"]["AgentCoachingProgress"];
type Session = components["schemas"]["CoachingSession"];

const PROFILE = "customers/acme/profiles/support";
const client = createClient<paths>({ baseUrl: "http://127.0.0.1:3000", headers: { authorization: "Bearer …" } });
const path = { customer: "acme", profile: "support" };

/** Those furthest from their targets. */
async function furthest(): Promise<Progress[]> {
  const { data, error } = await client.POST("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve", {
    params: { path },
    body: { usecaseNames: [`${PROFILE}/usecases/care`], orderBy: "ORDER_BY_GAP", orderDirection: "ORDER_DIRECTION_DESC", pageSize: 5 },
  });
  if (error !== undefined) throw new Error(error.message);
  return data.agentCoachingProgresses;
}

/** Every session that waits for its agent, page by page. */
async function* submitted(): AsyncGenerator<Session> {
  let pageToken: string | undefined;
  do {
    const { data, error } = await client.GET("/v1/customers/{customer}/profiles/{profile}/coachingSessions", {
      params: { path, query: { states: ["SUBMITTED"], pageSize: 100, pageToken } },
    });
    if (error !== undefined) throw new Error(error.message);
    yield* data.coachingSessions;
    pageToken = data.nextPageToken;
  } while (pageToken);
}

/** Creates a session, and says what was wrong with which field if it is refused. */
async function create(agent: string, sessionTime: Date): Promise<Session> {
  const { data, error } = await client.POST("/v1/customers/{customer}/profiles/{profile}/coachingSessions", {
    params: { path },
    body: {
      agentUserName: agent,
      creatorUserName: "customers/acme/users/maria",
      coachingPlanName: `${PROFILE}/coachingPlans/ana-plan`,
      sessionTime: sessionTime.toISOString(),
    },
  });
  if (error === undefined) return data.coachingSession;
  const fields = "details" in error ? error.details.flatMap((detail) => ("fieldViolations" in detail ? detail.fieldViolations : [])) : [];
  throw new Error(fields.map(({ field, description }) => `${field}: ${description}`).join("; ") || error.message);
}

async function wrong(): Promise<void> {
  await client.POST("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve", {
    params: { path },
    // @ts-expect-error: without usecaseNames
    body: { pageSize: 5 },
  });
  await client.POST("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve", {
    params: { path },
    // @ts-expect-error: an order that does not exist
    body: { usecaseNames: [], orderBy: "ORDER_BY_NAME" },
  });
  await client.POST("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve", {
    params: { path },
    // @ts-expect-error: a number is a number
    body: { usecaseNames: [], pageSize: "5" },
  });
}

export { create, furthest, submitted, wrong };
