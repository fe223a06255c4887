// Requests of the tests themselves, to prepare and to look at what the screens did.

import { url } from './browser.js';

/**
 * Sends a request with the token of `role`, such as `MANAGER`, and reads the answer.
 * @param {string} role
 * @param {string} method
 * @param {string} path below /v1/customers/acme
 * @param {object} [body]
 */
export async function send(role, method, path, body) {
  const response = await fetch(`${url}/v1/customers/acme${path}`, {
    method,
    headers: { authorization: `Bearer ${process.env[`${role}_TOKEN`]}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** The session `id` of the profile support. */
export const sessionOf = async (id) => (await send('MANAGER', 'GET', `/profiles/support/coachingSessions/${id}`)).coachingSession;

/** A new session of Ana with Maria. */
export const newSession = async (fields = {}) =>
  (
    await send('MANAGER', 'POST', '/profiles/support/coachingSessions', {
      agentUserName: 'customers/acme/users/ana',
      creatorUserName: 'customers/acme/users/maria',
      coachingPlanName: 'customers/acme/profiles/support/coachingPlans/ana-plan',
      ...fields,
    })
  ).coachingSession;
