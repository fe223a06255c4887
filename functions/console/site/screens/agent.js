// An agent: how each criterion moved, what each plan brought, the plan with its sessions and comments.

import { scoreLines } from '../charts/lines.js';
import { ApiError, get, newRequestId, post } from '../scripts/api.js';
import { html, keyed } from '../scripts/html.js';
import { date, list, percent, text } from '../scripts/messages.js';
import { go, link } from '../scripts/router.js';
import { idOf, session as person } from '../scripts/session.js';
import { effectInWords } from './effect.js';
import { moment, progress, score, state } from './figures.js';
import { planFor } from './next.js';
import { namesOf } from './people.js';
import { choose, scopeOf } from './scope.js';
import { timeOf } from './session.js';
import { nextMeeting, WINDOW_DAYS, windowOf } from './window.js';

/** @typedef {import('./scope.js').Schemas} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {Schemas['ScoreSeries']} Series */
/**
 * @typedef {object} Data
 * @property {string} agent  the agent's name in the API
 * @property {import('./scope.js').Scope} scope  whose group the effects are compared with
 * @property {number} days
 * @property {{ startTime: string, endTime: string }} window
 * @property {Schemas['ScorecardTemplate'][]} templates
 * @property {Series[]} series
 * @property {Schemas['CriterionProgress'][]} measured  the criteria's figures over the window
 * @property {Schemas['CoachingPlan'][]} plans  the active ones first
 * @property {Schemas['CoachingSession'][]} sessions  the latest first
 * @property {Schemas['CoachingComment'][]} comments
 * @property {import('./effect.js').Effect[]} effects
 * @property {unknown} effectError  why there are no effects
 * @property {Map<string, string>} names
 * @property {string} usecaseName  of what is begun here
 * @property {string} requestId
 */

const DEFAULT_DAYS = 90;
/** Of windows up to this length a point is a day, of longer ones a week. */
const MAX_DAILY = 30;
/** The most criteria of a request of series. */
const MAX_CRITERIA = 50;
const PAGE = 50;
/** The most agents of a request of effects. */
const MAX_AGENTS = 1000;

/** @type {import('../scripts/router.js').Screen<Data>} */
export const agent = {
  path: '/agents/:user',
  title: 'agent.title',
  roles: ['manager', 'admin', 'service'],
  heading: ({ agent, names }) => names.get(agent) ?? idOf(agent),
  load,
  view,
};

/** @param {Visit} visit */
async function load(visit) {
  const { signal } = visit;
  const user = `${person.customerName}/users/${visit.parameters.user ?? ''}`;
  const asked = Number(visit.query.get('days'));
  const days = WINDOW_DAYS.includes(asked) ? asked : DEFAULT_DAYS;
  const window = windowOf(days, Date.now());
  const agentUserNames = [user];
  const [scope, { scorecardTemplates: templates }] = await Promise.all([scopeOf(visit), get('…/scorecardTemplates:listCurrent', { query: { pageSize: PAGE }, signal })]);
  const usecaseNames = scope.usecases.map(({ name }) => name);
  const criteria = templates.flatMap((template) => partsOf(template)).slice(0, MAX_CRITERIA);
  const granularity = /** @type {'GRANULARITY_DAY' | 'GRANULARITY_WEEK'} */ (days > MAX_DAILY ? 'GRANULARITY_WEEK' : 'GRANULARITY_DAY');
  const body = { agentUserNames, usecaseNames, ...window };
  const progressBody = { ...body, includeInactiveUsers: true, includeCriteriaWithoutTarget: true };
  const effects = usecaseNames.length ? readEffects({ ...body, ...comparedWith(scope, user) }, user, signal) : Promise.resolve({ effects: [], effectError: null });
  const [series, measured, plans, sessions] = await Promise.all([
    criteria.length && usecaseNames.length ? post('…/scoreSeries:retrieve', { body: { ...body, criteria, granularity }, signal }) : { scoreSeries: [] },
    usecaseNames.length ? post('…/coachingProgresses:retrieve', { body: progressBody, signal }) : { agentCoachingProgresses: [] },
    post('…/coachingPlans:list', { body: { agentUserNames, pageSize: PAGE }, signal }),
    get('…/coachingSessions', { query: { agentUserName: user, pageSize: PAGE }, signal }),
  ]);
  const coachingPlans = [...plans.coachingPlans].sort((a, b) => Number(b.isActive) - Number(a.isActive));
  const planNames = coachingPlans.slice(0, 20).map(({ name }) => name);
  const comments = planNames.length ? (await get('…/coachingComments', { query: { coachingPlanNames: planNames, pageSize: PAGE }, signal })).coachingComments : [];
  const latest = [...sessions.coachingSessions].sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
  const people = [user, ...latest.map(({ creatorUserName }) => creatorUserName), ...comments.map(({ creatorUserName }) => creatorUserName)];
  /** @type {Data} */
  const data = {
    agent: user, scope, days, window, templates, plans: coachingPlans, sessions: latest, comments,
    series: series.scoreSeries,
    measured: measured.agentCoachingProgresses[0]?.criterionProgresses ?? [],
    ...(await effects),
    names: await namesOf(people),
    usecaseName: coachingPlans.find(({ isActive, usecaseName }) => isActive && usecaseName)?.usecaseName ?? usecaseNames[0] ?? '',
    requestId: newRequestId(),
  };
  return data;
}

/**
 * The agents of a request of effects: those of the group, beside whom the effects are seen.
 * @param {import('./scope.js').Scope} scope
 * @param {string} user
 */
const comparedWith = ({ group }, user) => ({ agentUserNames: [user], groupNames: group ? [group] : [], includeIndirectGroupMembers: true });

/**
 * What coaching brought. The rest of the screen does not wait for it to succeed.
 * @param {{ usecaseNames: string[] }} body
 * @param {string} user the agent's name in the API
 * @param {AbortSignal} signal
 * @returns {Promise<Pick<Data, 'effects' | 'effectError'>>}
 */
async function readEffects(body, user, signal) {
  try {
    const { effects } = await post('…/coachingEffects:retrieve', { body: { ...body, pageSize: MAX_AGENTS }, signal });
    return { effects: effects.filter(({ agentUserName }) => agentUserName === user), effectError: null };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { effects: [], effectError: error };
  }
}

/** A template's name without its revision. @param {Schemas['ScorecardTemplate']} template */
const nameOf = ({ name }) => name.replace(/@[^@/]*$/, '');

/** The whole of a template, then its criteria. @param {Schemas['ScorecardTemplate']} template */
const partsOf = (template) => [
  { scorecardTemplateName: nameOf(template) },
  ...template.template.chapters.flatMap(({ criteria }) => criteria.map(({ criterionId }) => ({ scorecardTemplateName: nameOf(template), criterionOrChapterId: criterionId }))),
];

/**
 * What a part of a template is called.
 * @param {Data} data
 * @param {{ scorecardTemplateName: string, criterionOrChapterId?: string }} part
 */
function labelOf({ templates }, { scorecardTemplateName, criterionOrChapterId }) {
  const template = templates.find((one) => nameOf(one) === scorecardTemplateName);
  const parts = template?.template.chapters.flatMap((chapter) => [[chapter.chapterId, chapter.displayName], ...chapter.criteria.map(({ criterionId, displayName }) => [criterionId, displayName])]);
  return (criterionOrChapterId ? parts?.find(([id]) => id === criterionOrChapterId)?.[1] : template?.title) ?? criterionOrChapterId ?? idOf(scorecardTemplateName);
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  const { days, series, templates } = data;
  const take = (/** @type {Event} */ event) => choose(`/agents/${visit.parameters.user}`, visit, { days: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`
    <div class="choices"><label>${text('scope.window')}<select @change=${take}>${WINDOW_DAYS.map((one) => html`<option value=${one} ?selected=${one === days}>${text('scope.days', { count: one })}</option>`)}</select></label>
      <button type="button" class="main" @click=${() => visit.attempt(() => newSession(data))}>${text('agent.newSession')}</button></div>
    <section aria-labelledby="scores"><h2 id="scores">${text('agent.scores')}</h2>
      ${series.length ? html`<p class="quiet">${text('agent.legend')}</p>` : html`<empty-state .message=${text('agent.noScores')}></empty-state>`}
      ${templates.map((template) => ofTemplate(data, template, visit))}</section>
    <section aria-labelledby="effects"><h2 id="effects">${text('agent.effects')}</h2>${effects(data, visit)}</section>
    <div class="beside">
      <section aria-labelledby="plans"><h2 id="plans">${text('agent.plans')}</h2>${plans(data)}</section>
      <section aria-labelledby="sessions"><h2 id="sessions">${text('agent.sessions')}</h2>${sessions(data)}</section>
      <section aria-labelledby="comments"><h2 id="comments">${text('agent.comments')}</h2>${comments(data, visit)}</section>
    </div>`;
}

/**
 * @param {Data} data
 * @param {Schemas['ScorecardTemplate']} template
 * @param {Visit} visit
 */
function ofTemplate(data, template, visit) {
  const own = data.series.filter(({ scorecardTemplateName }) => scorecardTemplateName === nameOf(template));
  if (!own.length) return null;
  return html`<h3>${template.title}</h3><div class="charts">${own.map((series) => keyed(`${series.usecaseName} ${series.scorecardTemplateName} ${series.criterionOrChapterId}`, chart(data, series, visit)))}</div>`;
}

/**
 * @param {Data} data
 * @param {Series} series
 * @param {Visit} visit
 */
function chart(data, series, visit) {
  const label = labelOf(data, series);
  const isWhole = !series.criterionOrChapterId;
  const points = series.points.flatMap(({ startTime, score }) => (score === undefined || startTime === undefined ? [] : [{ time: Date.parse(startTime), score }]));
  const count = series.points.reduce((sum, { scorecardCount }) => sum + scorecardCount, 0);
  const target = series.targets[series.targets.length - 1]?.target;
  const lines = {
    points,
    targets: series.targets.map(({ startTime, target }) => ({ time: Date.parse(startTime), target })),
    sessions: data.sessions.filter(({ state }) => state !== 'SCHEDULED').map((session) => Date.parse(timeOf(session))).filter((time) => time >= Date.parse(data.window.startTime)),
    start: Date.parse(data.window.startTime),
    end: Date.parse(data.window.endTime),
  };
  const measured = data.measured.find((one) => one.scorecardTemplateName === series.scorecardTemplateName && one.usecaseName === series.usecaseName && (one.criterionOrChapterId ?? '') === (series.criterionOrChapterId ?? ''));
  const words = text('agent.chart', { label, from: percent(points[0]?.score ?? 0), to: percent(points[points.length - 1]?.score ?? 0), count, sessions: lines.sessions.length });
  return html`<figure class=${isWhole ? 'chart whole' : 'chart'}>
    <figcaption><b>${isWhole ? text('agent.whole') : label}</b>
      ${measured ? html`${score(measured.score, { least: measured.scorecardCount, most: measured.scorecardCount })} ${measured.progress === undefined ? null : progress(measured.progress)}` : html`<span class="count">${text('figure.scorecards', { count, figure: count })}</span>`}
      ${target === undefined ? null : html`<span class="target">${text('bar.target', { target: percent(target) })}</span>`}</figcaption>
    ${scoreLines(lines, { label: target === undefined ? words : `${words} ${text('bar.target', { target: percent(target) })}`, height: isWhole ? 180 : 110, day: (time) => date(new Date(time)), percent })}
    <details><summary>${text('agent.figures')}<span class="hidden"> – ${label}</span></summary>
      <table><caption class="hidden">${label}</caption><thead><tr><th scope="col">${text('agent.from')}</th><th scope="col" class="number">${text('team.now')}</th></tr></thead>
        <tbody>${series.points.map((point) => html`<tr><th scope="row">${date(point.startTime ?? data.window.startTime)}</th><td class="number">${score(point.score, { least: point.scorecardCount, most: point.scorecardCount })}</td></tr>`)}</tbody></table></details>
    ${target === undefined ? targetForm(data, series, label, visit) : null}
  </figure>`;
}

/**
 * A criterion without a target gets one, on the agent's active plan of its usecase.
 * @param {Data} data
 * @param {Series} series
 * @param {string} label
 * @param {Visit} visit
 */
function targetForm({ plans }, series, label, visit) {
  const plan = plans.find(({ isActive, usecaseName }) => isActive && usecaseName === series.usecaseName);
  if (!plan) return html`<p class="quiet">${text('agent.noTarget')} ${text('agent.targetNeedsPlan')}</p>`;
  const set = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const target = Number(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('target'));
    const { scorecardTemplateName, criterionOrChapterId = '', usecaseName } = series;
    const body = { scorecardTemplateName, criterionOrChapterId, usecaseName, coachingPlanName: plan.name, target };
    return visit.attempt(async () => {
      await post('…/targets', { body, query: { requestId: newRequestId() } });
      await visit.reload();
      visit.say(text('agent.targetSet', { label, target: percent(target) }));
    });
  };
  return html`<form class="actions" @submit=${set}><label>${text('agent.noTarget')} <input name="target" type="number" min="0" max="100" step="0.01" required aria-label=${text('agent.targetOf', { label })}></label><button>${text('agent.setTarget')}</button></form>`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function effects(data, visit) {
  if (data.effectError) return html`<error-state .error=${data.effectError} .retry=${() => visit.reload()}></error-state>`;
  if (!data.effects.length) return html`<empty-state .message=${text('agent.noEffects')}></empty-state>`;
  const take = (/** @type {Event} */ event) => choose(`/agents/${visit.parameters.user}`, visit, { group: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`<label>${text('agent.comparedWith')}
      <select @change=${take}>${data.scope.groups.map(({ name, displayName }) => html`<option value=${idOf(name)} ?selected=${name === data.scope.group}>${displayName}</option>`)}
        <option value="" ?selected=${!data.scope.group}>${text('agent.nobody')}</option></select></label>
    <ul class="effects">${data.effects.map((effect) => html`<li>
    <b>${labelOf(data, effect)}</b> <span class="quiet">${text('agent.effectOf', { plan: data.plans.find(({ name }) => name === effect.coachingPlanName)?.displayName ?? idOf(effect.coachingPlanName), date: date(effect.coachingSessionTime) })}</span>
    <p>${effectInWords(effect)}</p></li>`)}</ul>`;
}

/** @param {Data} data */
function plans(data) {
  if (!data.plans.length) return html`<empty-state .message=${text('agent.noPlans')}></empty-state>`;
  return html`<ul class="plans">${data.plans.map((plan) => html`<li class="card"><h3>${plan.displayName ?? idOf(plan.name)} <span class="state">${text(plan.isActive ? 'plan.active' : 'plan.closed')}</span></h3>
    ${plan.startTime || plan.endTime ? html`<p class="quiet">${text('plan.span', { start: plan.startTime ? date(plan.startTime) : '…', end: plan.endTime ? date(plan.endTime) : '…' })}</p>` : null}
    ${plan.focusCriteria.length || plan.focusBehaviors.length ? html`<p>${text('plan.focus', { focus: list([...plan.focusCriteria.map((focus) => labelOf(data, focus)), ...plan.focusBehaviors]) })}</p>` : null}
    ${plan.comment ? html`<p class="written">${plan.comment}</p>` : null}</li>`)}</ul>`;
}

/** @param {Data} data */
function sessions({ sessions, names }) {
  if (!sessions.length) return html`<empty-state .message=${text('agent.noSessions')}></empty-state>`;
  return html`<ul class="sessions">${sessions.map((session) => keyed(session.name, html`<li><a href=${link(`/sessions/${idOf(session.name)}`)}>${date(timeOf(session))}</a> ${state(session)} <span class="quiet">${names.get(session.creatorUserName)}</span></li>`))}</ul>`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function comments(data, visit) {
  const plan = data.plans[0];
  const send = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const message = String(new FormData(form).get('message')).trim();
    if (!message || !plan) return;
    void visit.attempt(async () => {
      const body = { creatorUserName: person.userName, coachingPlanName: plan.name, message };
      const { coachingComment } = await post('…/coachingComments', { body, query: { requestId: newRequestId() } });
      data.comments.unshift(coachingComment);
      data.names.set(person.userName, person.displayName);
      form.reset();
      visit.say(text('agent.commented'));
    });
  };
  return html`
    ${plan ? html`<form @submit=${send}><label class="field" for="message">${text('agent.comment')}</label><textarea id="message" name="message" rows="3" maxlength="60000" required></textarea><div class="actions"><button>${text('agent.send')}</button></div></form>` : html`<p class="quiet">${text('agent.commentNeedsPlan')}</p>`}
    ${data.comments.map((comment) => keyed(comment.name, html`<figure class="said"><blockquote>${comment.message}</blockquote><figcaption>${data.names.get(comment.creatorUserName)}, ${moment(comment.createTime)}</figcaption></figure>`))}`;
}

/**
 * Plans a session on the next working day, below the active plan or a new one, and opens it.
 * @param {Data} data
 */
async function newSession({ agent, usecaseName, requestId }) {
  const coachingPlanName = await planFor(agent, usecaseName, undefined, requestId);
  const body = { agentUserName: agent, creatorUserName: person.userName, coachingPlanName, sessionTime: nextMeeting(Date.now()).toISOString() };
  const { coachingSession } = await post('…/coachingSessions', { body, query: { requestId } });
  go(`/sessions/${idOf(coachingSession.name)}`);
}
