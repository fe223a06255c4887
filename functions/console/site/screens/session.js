// A session: last time beside this time, notes that are saved as one types, and the step to the agent.

import { get, newRequestId, patch, post } from '../scripts/api.js';
import { html } from '../scripts/html.js';
import { date, dateAndTime, list, text } from '../scripts/messages.js';
import { go, link } from '../scripts/router.js';
import { idOf, session as person } from '../scripts/session.js';
import { moment, progress, score, state } from './figures.js';
import { Notes } from './notes.js';
import { namesOf } from './people.js';
import { choices } from './scope.js';
import { fromInput, nextMeeting, toInput } from './window.js';

/** @typedef {import('./scope.js').Schemas} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {Schemas['CoachingSession']} Session */
/** @typedef {Schemas['Change']} Change */
/**
 * @typedef {object} Data
 * @property {Notes} notes
 * @property {Session | undefined} previous  the last session of the plan before this one
 * @property {Change[]} changes  the latest first
 * @property {Schemas['CoachingPlan'] | undefined} plan
 * @property {Schemas['CriterionProgress'][]} moves  how scores moved since the previous session
 * @property {Map<string, string>} names
 */

const DAY = 86_400_000;
/** The most sessions of a plan that are looked through for the previous one. */
const MAX_SESSIONS = 100;
/** The longest window of figures, in days. */
const MAX_WINDOW = 400;

/** @type {import('../scripts/router.js').Screen<Data>} */
export const session = {
  path: '/sessions/:session',
  title: 'session.title',
  roles: ['manager', 'admin', 'service'],
  heading: ({ notes, names }) => text('session.heading', { agent: names.get(notes.session.agentUserName) ?? '', date: date(timeOf(notes.session)) }),
  load,
  view,
};

/** @param {Session} session */
export const timeOf = ({ sessionTime, createTime }) => sessionTime ?? createTime;

/** @param {Visit} visit */
async function load(visit) {
  const { signal } = visit;
  const { coachingSession } = await get('…/coachingSessions/{coachingSession}', { path: { coachingSession: visit.parameters.session ?? '' }, signal });
  const ofPlan = get('…/coachingSessions', { query: { coachingPlanName: coachingSession.coachingPlanName, pageSize: MAX_SESSIONS }, signal });
  const plan = get('…/coachingPlans/{coachingPlan}', { path: { coachingPlan: idOf(coachingSession.coachingPlanName) }, signal });
  const changes = changesOf(coachingSession, signal);
  const before = Date.parse(timeOf(coachingSession));
  const previous = (await ofPlan).coachingSessions
    .filter((one) => one.name !== coachingSession.name && Date.parse(timeOf(one)) < before)
    .sort((a, b) => Date.parse(timeOf(b)) - Date.parse(timeOf(a)))[0];
  const moves = await movesSince(previous, coachingSession, signal);
  const known = await changes;
  const names = await namesOf([coachingSession.agentUserName, coachingSession.creatorUserName, previous?.managerSubmitterUserName, ...people(known)]);
  /** @type {Data} */
  const data = { notes: new Notes(coachingSession, visit, () => refreshChanges(data, visit)), previous, changes: known, plan: (await plan).coachingPlan, moves, names };
  return data;
}

/**
 * @param {Session} session
 * @param {AbortSignal} signal
 * @returns {Promise<Change[]>} the history, which a service does not read
 */
async function changesOf({ name }, signal) {
  if (person.role === 'service') return [];
  return (await get('…/changes', { query: { name, pageSize: MAX_SESSIONS }, signal })).changes;
}

/** Who made the changes, without services, which are nobody in the directory. @param {Change[]} changes */
const people = (changes) => changes.filter(({ role }) => role !== 'service').map(({ userName }) => userName);

/**
 * @param {Data} data
 * @param {Visit} visit
 */
async function refreshChanges(data, visit) {
  data.changes = await changesOf(data.notes.session, visit.signal).catch(() => data.changes);
  data.names = new Map([...data.names, ...(await namesOf(people(data.changes)))]);
  visit.show();
}

/**
 * How the agent's scores moved since the previous session, against as many days before it.
 * @param {Session | undefined} previous
 * @param {Session} session
 * @param {AbortSignal} signal
 */
async function movesSince(previous, { agentUserName, usecaseName }, signal) {
  const since = previous ? Date.parse(timeOf(previous)) : Infinity;
  const days = (Date.now() - since) / DAY;
  if (!(days > 0 && days < MAX_WINDOW)) return [];
  const usecaseNames = usecaseName ? [usecaseName] : (await choices()).usecases.map(({ name }) => name);
  if (!usecaseNames.length) return [];
  const body = { agentUserNames: [agentUserName], usecaseNames, startTime: new Date(since).toISOString(), includeInactiveUsers: true };
  const { agentCoachingProgresses } = await post('…/coachingProgresses:retrieve', { body, signal });
  return agentCoachingProgresses[0]?.criterionProgresses ?? [];
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  const { notes, plan, names } = data;
  const { session } = notes;
  const agent = names.get(session.agentUserName) ?? '';
  return html`
    <p class="under-heading">${state(session)}
      <a href=${link(`/agents/${encodeURIComponent(idOf(session.agentUserName))}`)}>${text('session.toAgent', { agent })}</a>
      <span class="quiet">${text('session.plan', { plan: plan?.displayName ?? idOf(session.coachingPlanName) })}</span></p>
    ${steps(data)}
    ${sinceAcknowledgement(data)}
    <div class="beside">
      <section aria-labelledby="last-time" class="last-time"><h2 id="last-time">${text('session.lastTime')}</h2>${lastTime(data)}</section>
      <section aria-labelledby="this-time"><h2 id="this-time">${text('session.thisTime')}</h2>
        ${notes.theirs ? conflict(data, notes.theirs) : null}
        ${editor(data, visit)}
      </section>
    </div>
    ${history(data)}`;
}

/** What the state of the session asks of whom. @param {Data} data */
function steps({ notes: { session }, names }) {
  const agent = names.get(session.agentUserName) ?? '';
  if (session.state === 'ACKNOWLEDGED') return html`<p class="notice">${text('session.acknowledgedNote', { agent })}</p>${agentComment(session, agent)}`;
  if (session.state === 'SUBMITTED') return html`<p class="notice">${text('session.submittedNote', { agent })} ${session.managerSubmitTime ? moment(session.managerSubmitTime) : null}</p>${agentComment(session, agent)}`;
  return agentComment(session, agent);
}

/**
 * @param {Session} session
 * @param {string} agent
 */
const agentComment = ({ agentComment }, agent) => (agentComment ? html`<figure class="said"><blockquote>${agentComment}</blockquote><figcaption>${agent}</figcaption></figure>` : null);

/** What was changed after the agent had acknowledged. @param {Data} data */
function sinceAcknowledgement({ changes, names, notes: { session } }) {
  const acknowledged = changes.findIndex(({ after }) => after['acknowledgeTime'] !== undefined);
  const later = changes.slice(0, Math.max(0, acknowledged)).filter(({ role }) => role !== 'agent');
  const at = changes[acknowledged]?.changeTime;
  if (!later.length || !at) return null;
  return html`<section class="notice" aria-labelledby="since"><h2 id="since">${text('session.since', { agent: names.get(session.agentUserName) ?? '', time: dateAndTime(at) })}</h2>
    <ul>${later.map((change) => html`<li>${changeLine(change, names)}
      ${'meetingNotes' in change.before || 'meetingNotes' in change.after
        ? html`<details><summary>${text('session.compare')}</summary><div class="beside">
            <div><h3>${text('session.before')}</h3><p class="written">${String(change.before['meetingNotes'] ?? '')}</p></div>
            <div><h3>${text('session.after')}</h3><p class="written">${String(change.after['meetingNotes'] ?? '')}</p></div></div></details>`
        : null}</li>`)}</ul></section>`;
}

/** @param {Data} data */
function lastTime({ previous, moves, names }) {
  if (!previous) return html`<p class="quiet">${text('session.noLastTime')}</p>`;
  const coach = names.get(previous.managerSubmitterUserName ?? '');
  return html`
    <p>${moment(timeOf(previous))} ${state(previous)}</p>
    ${previous.meetingNotes ? html`<p class="written">${previous.meetingNotes}</p>` : html`<p class="quiet">${text('session.noNotes')}</p>`}
    ${coach ? html`<p class="quiet">${coach}</p>` : null}
    ${agentComment(previous, names.get(previous.agentUserName) ?? '')}
    ${previous.privateNotes ? html`<h3>${text('session.privateNotes')}</h3><p class="written private">${previous.privateNotes}</p>` : null}
    ${moves.length
      ? html`<table><caption>${text('session.moves')}</caption>
          <thead><tr><th scope="col">${text('session.criterion')}</th><th scope="col" class="number">${text('session.beforeThat')}</th><th scope="col" class="number">${text('session.sinceThen')}</th><th scope="col" class="number">${text('team.progress')}</th></tr></thead>
          <tbody>${moves.map((move) => html`<tr><th scope="row">${move.criterionDisplayName}</th>
            <td class="number">${score(move.baselineScore, { least: move.baselineScorecardCount, most: move.baselineScorecardCount })}</td>
            <td class="number">${score(move.score, { least: move.scorecardCount, most: move.scorecardCount })}</td>
            <td class="number">${progress(move.progress)}</td></tr>`)}</tbody></table>`
      : null}`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function editor({ notes, names, plan }, visit) {
  const { session } = notes;
  const agent = names.get(session.agentUserName) ?? '';
  const isOpen = session.state === 'SCHEDULED' || session.state === 'HELD';
  const hasNotes = notes.value('meetingNotes').trim() !== '';
  const take = (/** @type {import('./notes.js').Field} */ field) => (/** @type {Event} */ event) => notes.type(field, /** @type {HTMLTextAreaElement} */ (event.target).value);
  const takeTime = (/** @type {Event} */ event) => {
    const time = fromInput(/** @type {HTMLInputElement} */ (event.target).value);
    if (time) notes.type('sessionTime', time);
  };
  const leave = () => void notes.save();
  return html`
    <form class="notes" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="field" for="time">${text('session.time')}</label>
      <input id="time" type="datetime-local" .value=${notes.value('sessionTime') ? toInput(notes.value('sessionTime')) : ''} ?disabled=${!isOpen} @change=${takeTime}>
      <label class="field" for="notes">${text('session.notes')} <span class="quiet">${text('session.notesFor', { agent })}</span></label>
      <textarea id="notes" rows="10" maxlength="60000" .value=${notes.value('meetingNotes')} @input=${take('meetingNotes')} @blur=${leave}></textarea>
      <label class="field" for="private">${text('session.privateNotes')} <span class="quiet">${text('session.privateFor')}</span></label>
      <textarea id="private" class="private" rows="4" maxlength="60000" .value=${notes.value('privateNotes')} @input=${take('privateNotes')} @blur=${leave}></textarea>
      <div class="actions">
        ${isOpen
          ? html`<button type="button" class="main" ?disabled=${!hasNotes || notes.state === 'conflict'} @click=${() => visit.attempt(() => submit(notes, visit, agent))}>${text('session.submit', { agent })}</button>`
          : session.state === 'SUBMITTED'
            ? html`<button type="button" @click=${() => visit.attempt(() => takeBack(notes, visit))}>${text('session.takeBack')}</button>`
            : null}
        <button type="button" @click=${() => visit.attempt(() => planNext(session, plan))}>${text('session.next')}</button>
        <p role="status" aria-live="polite" class=${`save-state ${notes.state}`}>${savedWords(notes)}</p>
      </div>
      ${notes.state === 'failed' ? html`<error-state .error=${notes.error} .retry=${() => notes.save()}></error-state>` : null}
    </form>`;
}

/** @param {Notes} notes */
function savedWords({ state, session }) {
  if (state === 'saved') return text('session.saved', { time: dateAndTime(session.updateTime) });
  return text(/** @type {import('../scripts/messages.js').Key} */ (`session.save.${state}`));
}

/**
 * Both versions, when two people wrote at once.
 * @param {Data} data
 * @param {Session} theirs
 */
function conflict({ notes, names, changes }, theirs) {
  const who = names.get(changes[0]?.userName ?? '') ?? names.get(theirs.managerSubmitterUserName ?? '') ?? text('session.somebody');
  const fields = /** @type {import('./notes.js').Field[]} */ (Object.keys(notes.unsaved));
  return html`<div class="error conflict" role="alert">
    <h3>${text('session.conflict', { who, time: dateAndTime(theirs.updateTime) })}</h3>
    ${fields.map((field) => html`<p><b>${text(/** @type {import('../scripts/messages.js').Key} */ (`field.${field}`))}</b></p>
      <div class="beside">
        <div><h4>${text('session.mine')}</h4><p class="written">${notes.unsaved[field]}</p></div>
        <div><h4>${text('session.theirs')}</h4><p class="written">${theirs[field] ?? ''}</p></div>
      </div>`)}
    <p>${text('session.conflictHelp')}</p>
    <div class="actions">
      <button type="button" class="main" @click=${() => notes.keepMine()}>${text('session.keepMine')}</button>
      <button type="button" @click=${() => notes.takeTheirs()}>${text('session.takeTheirs')}</button>
    </div></div>`;
}

/**
 * @param {Change} change
 * @param {Map<string, string>} names
 */
function changeLine({ userName, changeTime, fields }, names) {
  const known = fields.filter((field) => field in FIELDS).map((field) => text(FIELDS[/** @type {keyof typeof FIELDS} */ (field)]));
  return html`${text('session.change', { who: names.get(userName) ?? idOf(userName), what: known.length ? list(known) : text('session.created') })} <span class="quiet">${moment(changeTime)}</span>`;
}

/** What the history calls the fields that people set. */
const FIELDS = /** @type {const} */ ({
  meetingNotes: 'field.meetingNotes',
  privateNotes: 'field.privateNotes',
  sessionTime: 'field.sessionTime',
  managerSubmitTime: 'field.managerSubmitTime',
  acknowledgeTime: 'field.acknowledgeTime',
  agentComment: 'field.agentComment',
});

/** @param {Data} data */
function history({ changes, names }) {
  if (!changes.length) return null;
  return html`<details class="history"><summary>${text('session.history', { count: changes.length })}</summary>
    <ol>${changes.map((change) => html`<li>${changeLine(change, names)}</li>`)}</ol></details>`;
}

/**
 * Saves what was typed, and submits it to the agent.
 * @param {Notes} notes
 * @param {Visit} visit
 * @param {string} agent
 */
async function submit(notes, visit, agent) {
  await notes.save();
  if (notes.state !== 'saved') return;
  await step(notes, { managerSubmitTime: new Date().toISOString() });
  visit.say(text('session.submitted', { agent }));
}

/**
 * @param {Notes} notes
 * @param {Visit} visit
 */
async function takeBack(notes, visit) {
  await step(notes, { managerSubmitTime: '' });
  visit.say(text('session.takenBack'));
}

/**
 * @param {Notes} notes
 * @param {{ managerSubmitTime: string }} coachingSession
 */
async function step(notes, coachingSession) {
  const options = { path: { coachingSession: idOf(notes.session.name) }, body: { coachingSession }, ifMatch: notes.session.etag };
  notes.session = (await patch('…/coachingSessions/{coachingSession}', options)).coachingSession;
  notes.changed();
}

/**
 * Plans the next session of the plan, a week after this one or on the next working day, and opens it.
 * @param {Session} session
 * @param {Schemas['CoachingPlan'] | undefined} plan
 */
async function planNext(session, plan) {
  const aWeekOn = Date.parse(timeOf(session)) + 7 * DAY;
  const sessionTime = aWeekOn > Date.now() ? new Date(aWeekOn) : nextMeeting(Date.now());
  const body = { agentUserName: session.agentUserName, creatorUserName: person.userName, coachingPlanName: plan?.name ?? session.coachingPlanName, sessionTime: sessionTime.toISOString() };
  const { coachingSession } = await post('…/coachingSessions', { body, query: { requestId: newRequestId() } });
  go(`/sessions/${idOf(coachingSession.name)}`);
}
