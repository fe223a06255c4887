// The coaching itself, for who leads coaches: sessions due, held and acknowledged, each rate with what it is a rate of.

import { rateBar } from '../charts/bar.js';
import { post } from '../scripts/api.js';
import { html, keyed } from '../scripts/html.js';
import { number, percent, text } from '../scripts/messages.js';
import { download } from './download.js';
import { namesOf } from './people.js';
import { fieldsOf, scopeChoice, scopeOf } from './scope.js';

/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {import('./scope.js').Schemas['CoachOverview']} Coach */
/** @typedef {{ scope: import('./scope.js').Scope, coaches: Coach[], agentsWithoutSessionCount: number, names: Map<string, string> }} Data */

const PATH = '/activity';
const PAGE = 200;
const DAY = 86_400;

/** @type {import('../scripts/router.js').Screen<Data>} */
export const activity = { path: PATH, title: 'activity.title', roles: ['manager', 'admin', 'service'], isInMenu: true, load, view };

/** @param {Visit} visit */
async function load(visit) {
  const scope = await scopeOf(visit);
  /** @type {Data} */
  const data = { scope, coaches: [], agentsWithoutSessionCount: 0, names: new Map() };
  if (!scope.usecases.length) return data;
  let pageToken = '';
  do {
    const answer = await post('…/coachOverviews:retrieve', { body: { ...fieldsOf(scope), pageSize: PAGE, pageToken }, signal: visit.signal });
    data.coaches.push(...answer.coachOverviews);
    data.agentsWithoutSessionCount = answer.agentsWithoutSessionCount;
    pageToken = answer.nextPageToken ?? '';
  } while (pageToken);
  data.names = await namesOf(data.coaches.map(({ coachUserName }) => coachUserName));
  return data;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  if (!data.scope.usecases.length) return html`<empty-state .message=${text('scope.noUsecase')}></empty-state>`;
  const { coaches, names, scope } = data;
  const sorted = [...coaches].sort((a, b) => (names.get(a.coachUserName) ?? '').localeCompare(names.get(b.coachUserName) ?? ''));
  return html`
    <div class="choices">${scopeChoice(scope, PATH, visit)}
      <button type="button" @click=${() => visit.attempt(() => exportOverviews(data, visit))}>${text('export.csv')}</button></div>
    ${data.agentsWithoutSessionCount ? html`<p class="notice">${text('activity.without', { count: data.agentsWithoutSessionCount })}</p>` : null}
    ${sorted.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label=${text('activity.title')}><table class="activity"><caption>${text('activity.caption', { count: sorted.length, days: scope.days })}</caption>
          <thead><tr>
            <th scope="col">${text('activity.coach')}</th><th scope="col" class="number">${text('activity.agents')}</th>
            <th scope="col" class="number">${text('activity.sessions')}</th><th scope="col">${text('activity.held')}</th>
            <th scope="col">${text('activity.acknowledged')}</th><th scope="col">${text('activity.overdue')}</th><th scope="col" class="number">${text('activity.median')}</th></tr></thead>
          <tbody>${sorted.map((coach) => keyed(coach.coachUserName, row(coach, names)))}</tbody></table></div>
          <p class="quiet">${text('activity.note')}</p>`
      : html`<empty-state .message=${text('activity.empty')}></empty-state>`}`;
}

/**
 * @param {Coach} coach
 * @param {Map<string, string>} names
 */
function row(coach, names) {
  const isSubmitted = coach.submittedCount + coach.acknowledgedCount;
  return html`<tr>
    <th scope="row">${names.get(coach.coachUserName) ?? ''}</th>
    <td class="number">${number(coach.coachedAgentCount)}</td>
    <td class="number">${number(coach.coachingSessionCount)}</td>
    <td>${rate(coach.dueCount - coach.notHeldCount, coach.dueCount, coach.heldRate)}</td>
    <td>${rate(coach.acknowledgedCount, isSubmitted, coach.acknowledgedRate)}</td>
    <td>${overdue(coach)}</td>
    <td class="number">${coach.medianSecondsToAcknowledge === undefined ? '–' : lasting(coach.medianSecondsToAcknowledge)}</td>
  </tr>`;
}

/**
 * A rate with its denominator, in words and as a bar.
 * @param {number} part
 * @param {number} whole
 * @param {number | undefined} rate
 */
const rate = (part, whole, rate) =>
  whole === 0
    ? html`<span class="quiet">${text('activity.none')}</span>`
    : html`${text('activity.of', { part, whole })} <span class="quiet">${rate === undefined ? '' : percent(rate * 100)}</span>${rateBar(rate)}`;

/** @param {Coach} coach */
function overdue({ notHeldCount, notAcknowledgedCount }) {
  if (!notHeldCount && !notAcknowledgedCount) return html`<span class="met">${text('activity.nothing')}</span>`;
  return html`${notHeldCount ? html`<div class="overdue">${text('activity.notHeld', { count: notHeldCount })}</div>` : null}
    ${notAcknowledgedCount ? html`<div class="overdue">${text('activity.notAcknowledged', { count: notAcknowledgedCount })}</div>` : null}`;
}

/** @param {number} seconds */
const lasting = (seconds) =>
  seconds < DAY ? text('activity.hours', { count: Math.round(seconds / 3600) }) : text('activity.days', { count: Math.round(seconds / DAY) });

/**
 * Saves the overviews of the agents whose coaching is seen.
 * @param {Data} data
 * @param {Visit} visit
 */
async function exportOverviews({ scope }, visit) {
  const body = { ...fieldsOf(scope), timeZoneId: Intl.DateTimeFormat().resolvedOptions().timeZone };
  await download(await post('…/coachingOverviews:export', { body, query: { requestId: crypto.randomUUID() }, signal: visit.signal }), visit);
}
