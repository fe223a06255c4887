// An agent's own page: the session that waits for them, their goals, and what was said before.

import { scoreBar } from '../charts/bar.js';
import { get, post } from '../scripts/api.js';
import { html, keyed } from '../scripts/html.js';
import { date, fromNow, percent, text } from '../scripts/messages.js';
import { choose } from './scope.js';
import { idOf, session as person } from '../scripts/session.js';
import { gap, moment, progress, score, state } from './figures.js';
import { namesOf } from './people.js';
import { timeOf } from './session.js';
import { figuresOf, inWords } from './team.js';
import { WINDOW_DAYS, windowOf } from './window.js';

/** @typedef {import('./scope.js').Schemas} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {Schemas['CoachingSession']} Session */
/**
 * @typedef {object} Data
 * @property {Session[]} sessions  the newest first
 * @property {string | undefined} nextPageToken
 * @property {Schemas['CriterionProgress'][]} goals
 * @property {Map<string, string>} names
 * @property {Map<string, string>} comments what is typed, by session
 * @property {number} days the window of the goals
 */

const PATH = '/mine';
const PAGE = 50;
const DEFAULT_DAYS = 30;

/** @type {import('../scripts/router.js').Screen<Data>} */
export const mine = {
  path: PATH,
  title: 'mine.title',
  roles: ['agent'],
  isInMenu: true,
  heading: () => text('mine.heading', { name: person.displayName }),
  load,
  view,
};

/** @param {Visit} visit */
async function load(visit) {
  const { signal } = visit;
  const asked = Number(visit.query.get('days'));
  const days = WINDOW_DAYS.includes(asked) ? asked : DEFAULT_DAYS;
  const page = get('…/coachingSessions', { query: { agentUserName: person.userName, pageSize: PAGE }, signal });
  const goals = goalsOf(days, signal);
  const { coachingSessions, nextPageToken } = await page;
  const names = await namesOf([person.userName, ...coachingSessions.flatMap((session) => [session.creatorUserName, session.managerSubmitterUserName])]);
  /** @type {Data} */
  const data = { sessions: coachingSessions, nextPageToken, goals: await goals, names, comments: new Map(), days };
  return data;
}

/**
 * @param {number} days
 * @param {AbortSignal} signal
 */
async function goalsOf(days, signal) {
  const { usecases } = await get('…/usecases', { query: { pageSize: 20 }, signal });
  if (!usecases.length) return [];
  const body = { agentUserNames: [person.userName], usecaseNames: usecases.map(({ name }) => name), ...windowOf(days, Date.now()) };
  const { agentCoachingProgresses } = await post('…/coachingProgresses:retrieve', { body, signal });
  return agentCoachingProgresses[0]?.criterionProgresses ?? [];
}

/** The sessions that wait to be read and acknowledged, the longest waiting first. @param {Data} data */
const waiting = ({ sessions }) => sessions.filter(({ state }) => state === 'SUBMITTED').sort((a, b) => (a.managerSubmitTime ?? '').localeCompare(b.managerSubmitTime ?? ''));

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  const [first, ...others] = waiting(data);
  const ahead = data.sessions.filter(({ state }) => state === 'SCHEDULED').sort((a, b) => timeOf(a).localeCompare(timeOf(b)))[0];
  return html`
    <section aria-labelledby="waiting" class="card">
      <h2 id="waiting">${first ? text('mine.waiting', { count: 1 + others.length }) : text('mine.nothingWaits')}</h2>
      ${first ? keyed(first.name, toRead(data, first, visit)) : null}
      ${ahead ? html`<p class="quiet">${text('mine.next', { coach: data.names.get(ahead.creatorUserName) ?? '' })} ${moment(timeOf(ahead))}</p>` : null}
    </section>
    <section aria-labelledby="goals">
      <h2 id="goals">${text('mine.goals')}</h2>
      <label>${text('scope.window')}
        <select @change=${(/** @type {Event} */ event) => choose(PATH, visit, { days: /** @type {HTMLSelectElement} */ (event.target).value })}>
          ${WINDOW_DAYS.map((days) => html`<option value=${days} ?selected=${days === data.days}>${text('scope.days', { count: days })}</option>`)}
        </select></label>
      ${goals(data)}
    </section>
    <section aria-labelledby="history">
      <h2 id="history">${text('mine.history')}</h2>
      ${history(data, visit)}
    </section>`;
}

/**
 * @param {Data} data
 * @param {Session} session
 * @param {Visit} visit
 */
function toRead(data, session, visit) {
  const coach = data.names.get(session.managerSubmitterUserName ?? session.creatorUserName) ?? '';
  const typed = data.comments.get(session.name) ?? session.agentComment ?? '';
  const take = (/** @type {Event} */ event) => {
    data.comments.set(session.name, /** @type {HTMLTextAreaElement} */ (event.target).value);
    visit.isUnsaved = true;
  };
  return html`
    <p>${moment(timeOf(session))} ${session.overdue ? html`<span class="overdue">${text('mine.since', { time: fromNow(session.managerSubmitTime ?? timeOf(session)) })}</span>` : null}</p>
    <figure class="said"><blockquote>${session.meetingNotes ?? ''}</blockquote><figcaption>${coach}</figcaption></figure>
    <form @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="field" for="comment">${text('mine.comment')} <span class="quiet">${text('mine.commentFor', { coach })}</span></label>
      <textarea id="comment" rows="3" maxlength="60000" .value=${typed} @input=${take}></textarea>
      <div class="actions">
        <button type="button" class="main" @click=${() => visit.attempt(() => answer(data, session, visit, true))}>${text('mine.acknowledge')}</button>
        <button type="button" @click=${() => visit.attempt(() => answer(data, session, visit, false))}>${text('mine.commentOnly')}</button>
      </div>
    </form>`;
}

/**
 * Sends the comment; with `isRead`, the session is acknowledged as it was shown.
 * @param {Data} data
 * @param {Session} session
 * @param {Visit} visit
 * @param {boolean} isRead
 */
async function answer(data, session, visit, isRead) {
  const agentComment = data.comments.get(session.name) ?? session.agentComment ?? '';
  const body = { agentComment, ...(isRead ? { acknowledged: true, submitted: true } : {}) };
  const { coachingSession } = await post('…/coachingSessions/{coachingSession}:acknowledge', { path: { coachingSession: idOf(session.name) }, body, ifMatch: session.etag });
  data.sessions = data.sessions.map((one) => (one.name === coachingSession.name ? coachingSession : one));
  data.comments.delete(session.name);
  visit.isUnsaved = data.comments.size > 0;
  visit.say(text(isRead ? 'mine.acknowledged' : 'mine.commented'));
  if (isRead) document.getElementById('waiting')?.scrollIntoView();
}

/** @param {Data} data */
function goals({ goals }) {
  if (!goals.length) return html`<empty-state .message=${text('mine.noGoals')}></empty-state>`;
  return html`<table class="goals" role="table"><caption class="hidden">${text('mine.goals')}</caption>
    <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">${text('mine.goal')}</th><th role="columnheader" scope="col">${text('team.bar')}</th>
      <th role="columnheader" scope="col" class="number">${text('team.now')}</th><th role="columnheader" scope="col" class="number">${text('mine.target')}</th>
      <th role="columnheader" scope="col" class="number">${text('team.progress')}</th><th role="columnheader" scope="col" class="number">${text('team.gap')}</th></tr></thead>
    <tbody role="rowgroup">${goals.map((goal) => {
      const figures = figuresOf({ criterionProgresses: [goal] }, '');
      return html`<tr role="row"><th role="rowheader" scope="row">${goal.criterionDisplayName} ${goal.coachingPlanName ? html`<span class="quiet">${text('mine.ofPlan')}</span>` : null}</th>
        <td role="cell" class="drawn">${figures.now === undefined ? null : scoreBar(figures, inWords(figures))}</td>
        <td role="cell" class="number now">${score(goal.score, figures.nowCounts)}</td>
        <td role="cell" class="number">${goal.target === undefined ? null : percent(goal.target)}</td>
        <td role="cell" class="number progress">${progress(goal.progress)}</td>
        <td role="cell" class="number gap">${gap(goal.gap)}</td></tr>`;
    })}</tbody></table>`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function history(data, visit) {
  const { sessions, names } = data;
  if (!sessions.length) return html`<empty-state .message=${text('mine.noSessions')}></empty-state>`;
  const latest = [...sessions].sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
  return html`
    <ul class="sessions">${latest.map((session) => keyed(session.name, html`<li><details>
      <summary>${date(timeOf(session))} ${state(session)} <span class="quiet">${names.get(session.managerSubmitterUserName ?? session.creatorUserName)}</span></summary>
      ${session.meetingNotes ? html`<p class="written">${session.meetingNotes}</p>` : html`<p class="quiet">${text('mine.noNotesYet')}</p>`}
      ${session.agentComment ? html`<figure class="said"><blockquote>${session.agentComment}</blockquote><figcaption>${text('mine.you')}</figcaption></figure>` : null}
    </details></li>`))}</ul>
    ${data.nextPageToken ? html`<button type="button" @click=${() => visit.attempt(() => loadMore(data, visit))}>${text('page.more')}</button>` : null}`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
async function loadMore(data, visit) {
  const query = { agentUserName: person.userName, pageSize: PAGE, pageToken: data.nextPageToken };
  const { coachingSessions, nextPageToken } = await get('…/coachingSessions', { query, signal: visit.signal });
  data.sessions.push(...coachingSessions);
  data.nextPageToken = nextPageToken;
  data.names = new Map([...data.names, ...(await namesOf(coachingSessions.map(({ creatorUserName }) => creatorUserName)))]);
}
