// Whom to coach next, and why: steps that are overdue first, then what a score would gain most, then who waited longest.

import { get, newRequestId, post } from '../scripts/api.js';
import { html, keyed } from '../scripts/html.js';
import { date, fromNow, number, percent, text } from '../scripts/messages.js';
import { go, link } from '../scripts/router.js';
import { idOf, session as person } from '../scripts/session.js';
import { fieldsOf, scopeChoice, scopeOf } from './scope.js';
import { timeOf } from './session.js';
import { daysSince, nextMeeting } from './window.js';

/** @typedef {import('./scope.js').Schemas} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {Schemas['CoachingOpportunity']} Opportunity */
/**
 * An agent with the reasons to coach them.
 * @typedef {object} Candidate
 * @property {Schemas['AgentCoachingOverview']} overview
 * @property {Schemas['CoachingSession'][]} overdue
 * @property {Opportunity[]} opportunities  the greatest impact first
 * @property {number | undefined} days  since their last session; undefined: there was none in the window
 * @property {string} requestId  with which a plan and a session are created once
 */
/** @typedef {{ scope: import('./scope.js').Scope, candidates: Candidate[], shown: number, isPending: boolean }} Data */

const PATH = '/next';
/** The most agents that are ranked. */
const MAX_AGENTS = 1000;
/** The most opportunities of each type and agent. */
const OF_EACH_TYPE = 2;
/** The most overdue sessions that are read at once. */
const MAX_OVERDUE = 1000;
/** Who was coached within this number of days does not wait, if there is no other reason. */
const SOON = 14;
/** The most opportunities that are shown of an agent. */
const MAX_OPPORTUNITIES = 3;
/** The number of agents that are shown at once. */
const SHOWN = 20;

/** @type {import('../scripts/router.js').Screen<Data>} */
export const next = { path: PATH, title: 'next.title', roles: ['manager', 'admin', 'service'], isInMenu: true, load, view };

/** @param {Visit} visit */
async function load(visit) {
  const { signal } = visit;
  const scope = await scopeOf(visit);
  /** @type {Data} */
  const data = { scope, candidates: [], shown: SHOWN, isPending: false };
  if (!scope.usecases.length) return data;
  const fields = fieldsOf(scope);
  const { agentCoachingOverviews } = await post('…/coachingOverviews:retrieve', { body: { ...fields, pageSize: MAX_AGENTS }, signal });
  if (!agentCoachingOverviews.length) return data;
  const agentUserNames = agentCoachingOverviews.map(({ agentUserName }) => agentUserName);
  const { usecaseNames, startTime, endTime } = fields;
  const opportunityConfig = { avgPerformerOpportunitiesLimit: OF_EACH_TYPE, orgTargetOpportunitiesLimit: OF_EACH_TYPE, downwardTrendOpportunitiesLimit: OF_EACH_TYPE };
  const suggested = post('…/coachingOpportunities:suggest', { body: { agentUserNames, usecaseNames, startTime, endTime, opportunityConfig }, signal });
  const isAnyOverdue = agentCoachingOverviews.some(({ overdueCount }) => overdueCount > 0);
  const overdue = isAnyOverdue ? (await get('…/coachingSessions', { query: { overdue: true, pageSize: MAX_OVERDUE }, signal })).coachingSessions : [];
  const { coachingOpportunities, benchmarkPending } = await suggested;
  data.isPending = benchmarkPending ?? false;
  data.candidates = ranked(agentCoachingOverviews, overdue, coachingOpportunities, Date.now());
  return data;
}

/**
 * The agents with a reason, in the order in which to coach them.
 * @param {Schemas['AgentCoachingOverview'][]} overviews
 * @param {Schemas['CoachingSession'][]} overdue
 * @param {Opportunity[]} opportunities
 * @param {number} now in milliseconds
 * @returns {Candidate[]}
 */
export function ranked(overviews, overdue, opportunities, now) {
  return overviews
    .map((overview) => ({
      overview,
      overdue: overdue.filter(({ agentUserName }) => agentUserName === overview.agentUserName),
      opportunities: greatest(opportunities.filter(({ agentUserName }) => agentUserName === overview.agentUserName)),
      days: overview.lastCoachingSessionTime === undefined ? undefined : daysSince(overview.lastCoachingSessionTime, now),
      requestId: newRequestId(),
    }))
    .filter(({ overdue, opportunities, days }) => overdue.length || opportunities.length || days === undefined || days >= SOON)
    .sort(
      (a, b) =>
        b.overdue.length - a.overdue.length ||
        (b.opportunities[0]?.impact ?? 0) - (a.opportunities[0]?.impact ?? 0) ||
        (b.days ?? Infinity) - (a.days ?? Infinity) ||
        a.overview.agentDisplayName.localeCompare(b.overview.agentDisplayName),
    );
}

/**
 * Of each criterion the opportunity with the greatest impact, the greatest first.
 * @param {Opportunity[]} opportunities
 */
function greatest(opportunities) {
  const sorted = [...opportunities].sort((a, b) => b.impact - a.impact);
  return sorted.filter(({ criterionId }, index) => sorted.findIndex((other) => other.criterionId === criterionId) === index);
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  if (!data.scope.usecases.length) return html`<empty-state .message=${text('scope.noUsecase')}></empty-state>`;
  const { candidates, shown } = data;
  const more = () => {
    data.shown += SHOWN;
    visit.show();
  };
  return html`
    <div class="choices">${scopeChoice(data.scope, PATH, visit)}</div>
    <p class="quiet">${text('next.order')}</p>
    ${data.isPending ? html`<p class="notice">${text('next.pending')}</p>` : null}
    ${candidates.length
      ? html`<ol class="candidates">${candidates.slice(0, shown).map((candidate) => keyed(candidate.overview.agentUserName, card(candidate, data, visit)))}</ol>`
      : html`<empty-state .message=${text('next.empty')}></empty-state>`}
    ${candidates.length > shown ? html`<button type="button" @click=${more}>${text('page.more')}</button>` : null}`;
}

/**
 * @param {Candidate} candidate
 * @param {Data} data
 * @param {Visit} visit
 */
function card(candidate, data, visit) {
  const { overview, overdue, opportunities, days } = candidate;
  const [first] = opportunities;
  const create = () => visit.attempt(() => planSession(candidate, first, data));
  return html`<li class="card">
    <h2><a href=${link(`/agents/${encodeURIComponent(idOf(overview.agentUserName))}`)}>${overview.agentDisplayName}</a></h2>
    <ul class="reasons">
      ${overdue.map((session) => html`<li><span class="overdue">${text('session.overdue')}</span>
        ${text(session.state === 'SUBMITTED' ? 'next.notAcknowledged' : 'next.notHeld', { date: date(timeOf(session)), ago: fromNow(session.managerSubmitTime ?? timeOf(session)) })}
        <a href=${link(`/sessions/${idOf(session.name)}`)}>${text(session.state === 'SUBMITTED' ? 'next.open' : 'next.write')}</a></li>`)}
      ${opportunities.slice(0, MAX_OPPORTUNITIES).map((opportunity) => html`<li>${inWords(opportunity)} ${opportunity.isSignificant ? null : html`<span class="quiet">${text('next.chance')}</span>`}</li>`)}
      <li class=${days === undefined || days >= SOON ? null : 'quiet'}>${days === undefined ? text('next.notCoached', { days: data.scope.days }) : text('next.lastCoached', { count: days })}</li>
    </ul>
    <button type="button" class=${overdue.length ? null : 'main'} @click=${create}>${first ? text('next.createOn', { criterion: first.criterionDisplayName }) : text('next.create')}<span class="hidden"> – ${overview.agentDisplayName}</span></button>
  </li>`;
}

/** @type {Record<string, import('../scripts/messages.js').Key>} */
const WORDS = {
  OPPORTUNITY_TYPE_AVG_PERFORMER: 'next.belowEveryone',
  OPPORTUNITY_TYPE_ORG_TARGET: 'next.belowTarget',
  OPPORTUNITY_TYPE_DOWNWARD_TREND: 'next.fell',
};

/** @param {Opportunity} opportunity */
export function inWords({ opportunityType, criterionDisplayName, score, scorecardCount, reference, gap, impact }) {
  const values = { criterion: criterionDisplayName, score: percent(score), count: scorecardCount, reference: percent(reference), gap: number(gap), impact: number(impact) };
  return text(WORDS[opportunityType] ?? 'next.belowTarget', values);
}

/**
 * Plans a session about `opportunity` on the next working day, below the agent's plan or a new one, with the reason as a
 * private note, and opens it.
 * @param {Candidate} candidate
 * @param {Opportunity | undefined} opportunity
 * @param {Data} data
 */
async function planSession({ overview, requestId }, opportunity, { scope }) {
  const { agentUserName } = overview;
  const usecaseName = opportunity?.usecaseName ?? fieldsOf(scope).usecaseNames[0] ?? '';
  const coachingPlanName = await planFor(agentUserName, usecaseName, opportunity, requestId);
  const body = {
    agentUserName,
    creatorUserName: person.userName,
    coachingPlanName,
    sessionTime: nextMeeting(Date.now()).toISOString(),
    privateNotes: opportunity ? inWords(opportunity) : '',
  };
  const { coachingSession } = await post('…/coachingSessions', { body, query: { requestId } });
  go(`/sessions/${idOf(coachingSession.name)}`);
}

/**
 * The agent's active plan, or a new one about `opportunity`.
 * @param {string} agentUserName
 * @param {string} usecaseName
 * @param {Opportunity | undefined} opportunity
 * @param {string} requestId
 */
export async function planFor(agentUserName, usecaseName, opportunity, requestId) {
  const { coachingPlans } = await post('…/coachingPlans:list', { body: { agentUserNames: [agentUserName], isActive: true, usecaseNames: [usecaseName], pageSize: 1 } });
  const [plan] = coachingPlans;
  if (plan) return plan.name;
  const body = {
    agentUserName,
    creatorUserName: person.userName,
    isActive: true,
    usecaseName,
    displayName: opportunity?.criterionDisplayName ?? text('plan.new'),
    focusCriteria: opportunity ? [{ scorecardTemplateName: opportunity.scorecardTemplateName, criterionOrChapterId: opportunity.criterionId }] : [],
  };
  return (await post('…/coachingPlans', { body, query: { requestId } })).coachingPlan.name;
}
