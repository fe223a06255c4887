// A team: who moved, who is furthest from their targets, and how much that rests on.

import { scoreBar } from '../charts/bar.js';
import { post } from '../scripts/api.js';
import { html, keyed } from '../scripts/html.js';
import { number, percent, text } from '../scripts/messages.js';
import { link } from '../scripts/router.js';
import { idOf } from '../scripts/session.js';
import { download } from './download.js';
import { countsInWords, gap, points, progress, score, when } from './figures.js';
import { RowsInView } from './rows.js';
import { choose, fieldsOf, scopeChoice, scopeOf } from './scope.js';

/** @typedef {import('./scope.js').Schemas} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {Schemas['AgentCoachingProgress']} Agent */
/** @typedef {Schemas['CriterionProgress']} Criterion */
/** @typedef {Schemas['TeamProgress']} Team */
/** @typedef {{ name: string, isDescending: boolean }} Order */
/**
 * @typedef {object} Data
 * @property {import('./scope.js').Scope} scope
 * @property {Order} order
 * @property {string} measure  what the bars show: the key of a criterion; empty: all targets
 * @property {Agent[]} agents  those that are loaded
 * @property {Team | undefined} team
 * @property {string | undefined} nextPageToken
 * @property {string[]} unreachable
 * @property {RowsInView} rows
 */

const PATH = '/team';
/** The most agents of a request. */
const PAGE = 100;
/** How the service names the orders. */
const ORDERS = /** @type {const} */ ({ gap: 'ORDER_BY_GAP', progress: 'ORDER_BY_PROGRESS', name: 'ORDER_BY_UNSPECIFIED' });

/** @type {import('../scripts/router.js').Screen<Data>} */
export const team = { path: PATH, title: 'team.title', roles: ['manager', 'admin', 'service'], isInMenu: true, load, view };

/** @param {Visit} visit */
async function load(visit) {
  const scope = await scopeOf(visit);
  const asked = visit.query.get('order') ?? 'gap';
  const order = { name: asked in ORDERS ? asked : 'gap', isDescending: (visit.query.get('direction') ?? 'desc') === 'desc' };
  /** @type {Data} */
  const data = { scope, order, measure: visit.query.get('measure') ?? '', agents: [], team: undefined, nextPageToken: undefined, unreachable: [], rows: new RowsInView(visit, () => loadMore(data, visit)) };
  if (scope.usecases.length) await loadPage(data, visit);
  if (!criteriaOf(data).has(data.measure)) data.measure = '';
  return data;
}

/**
 * The criteria that may be chosen, each with what it is called: with its template, if another has the same name.
 * @param {Pick<Data, 'agents' | 'team'>} data
 */
function criteriaOf({ agents, team }) {
  const criteria = new Map([...(team ? [team] : []), ...agents].flatMap(({ criterionProgresses }) => criterionProgresses.map((criterion) => [keyOf(criterion), criterion])));
  const names = [...criteria.values()].map(({ criterionDisplayName }) => criterionDisplayName);
  const isShared = (/** @type {string} */ name) => names.indexOf(name) !== names.lastIndexOf(name);
  return new Map(
    [...criteria].map(([key, { criterionDisplayName: name, scorecardTemplateName }]) => [key, isShared(name) ? `${name} (${idOf(scorecardTemplateName)})` : name]),
  );
}

/** @param {Data} data */
const requestOf = ({ scope, order }) => ({
  ...fieldsOf(scope),
  orderBy: ORDERS[/** @type {keyof typeof ORDERS} */ (order.name)],
  orderDirection: /** @type {'ORDER_DIRECTION_DESC' | 'ORDER_DIRECTION_ASC'} */ (order.isDescending ? 'ORDER_DIRECTION_DESC' : 'ORDER_DIRECTION_ASC'),
});

/**
 * @param {Data} data
 * @param {Visit} visit
 */
async function loadPage(data, visit) {
  const body = { ...requestOf(data), includeTeam: true, includeCriteriaWithoutTarget: true, pageSize: PAGE, pageToken: data.nextPageToken ?? '' };
  const answer = await post('…/coachingProgresses:retrieve', { body, signal: visit.signal });
  data.agents.push(...answer.agentCoachingProgresses);
  data.team ??= answer.team;
  data.nextPageToken = answer.nextPageToken;
  data.unreachable.push(...(answer.unreachable ?? []));
}

/**
 * Loads the next page as one scrolls towards it.
 * @param {Data} data
 * @param {Visit} visit
 */
async function loadMore(data, visit) {
  if (data.nextPageToken) await visit.attempt(() => loadPage(data, visit));
}

/** @param {Criterion} criterion */
const keyOf = ({ scorecardTemplateName, criterionOrChapterId = '' }) => `${idOf(scorecardTemplateName)}.${criterionOrChapterId}`;

/**
 * What a row shows: of one criterion as it is, of all targets the means of those that have both scores.
 * @param {{ progress?: number, gap?: number, criterionProgresses: Criterion[] }} agent
 * @param {string} measure
 */
export function figuresOf(agent, measure) {
  const ofMeasure = agent.criterionProgresses.filter((criterion) => (measure ? keyOf(criterion) === measure : !criterion.withoutTarget));
  const moved = ofMeasure.filter((criterion) => criterion.score !== undefined && criterion.baselineScore !== undefined);
  const shown = moved.length ? moved : ofMeasure.filter((criterion) => criterion.score !== undefined);
  /** @param {(criterion: Criterion) => number | undefined} figure */
  const mean = (figure) => {
    const figures = shown.map(figure).filter((value) => value !== undefined);
    return figures.length ? figures.reduce((sum, value) => sum + value, 0) / figures.length : undefined;
  };
  /** @param {(criterion: Criterion) => number} count */
  const range = (count) => ({ least: Math.min(...shown.map(count)), most: Math.max(...shown.map(count)) });
  return {
    start: mean((criterion) => criterion.baselineScore),
    now: mean((criterion) => criterion.score),
    target: mean((criterion) => criterion.target),
    startCounts: range((criterion) => criterion.baselineScorecardCount),
    nowCounts: range((criterion) => criterion.scorecardCount),
    progress: measure ? mean((criterion) => criterion.progress) : agent.progress,
    gap: measure ? mean((criterion) => criterion.gap) : agent.gap,
  };
}

/**
 * The agents in the order that is shown. The service orders by all targets; by one criterion they are ordered here, once
 * all are loaded.
 * @param {Data} data
 */
export function inOrder({ agents, measure, order, nextPageToken }) {
  if (!measure || order.name === 'name' || nextPageToken) return agents;
  const figure = (/** @type {Agent} */ agent) => figuresOf(agent, measure)[order.name === 'gap' ? 'gap' : 'progress'];
  const sign = order.isDescending ? -1 : 1;
  return agents
    .map((agent) => ({ agent, value: figure(agent) }))
    .sort((a, b) => (a.value === undefined ? 1 : b.value === undefined ? -1 : sign * (a.value - b.value)))
    .map(({ agent }) => agent);
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function view(data, visit) {
  if (!data.scope.usecases.length) return html`<empty-state .message=${text('scope.noUsecase')}></empty-state>`;
  const agents = inOrder(data);
  return html`
    <div class="choices">
      ${scopeChoice(data.scope, PATH, visit)}
      ${measureChoice(data, visit)}
      <button type="button" @click=${() => visit.attempt(() => exportShown(data, visit))} ?disabled=${!agents.length}>${text('export.csv')}</button>
    </div>
    ${data.unreachable.length ? html`<p class="notice">${text('team.unreachable', { count: data.unreachable.length })}</p>` : null}
    ${agents.length ? table(data, agents, visit) : html`<empty-state .message=${text('team.empty')}></empty-state>`}
    <p class="quiet">${text('team.note', { days: data.scope.days })}</p>`;
}

/**
 * @param {Data} data
 * @param {Visit} visit
 */
function measureChoice(data, visit) {
  const take = (/** @type {Event} */ event) => choose(PATH, visit, { measure: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`<label>${text('team.measure')}
    <select @change=${take}>
      <option value="" ?selected=${!data.measure}>${text('team.allTargets')}</option>
      ${[...criteriaOf(data)].sort(([, a], [, b]) => a.localeCompare(b)).map(([key, name]) => html`<option value=${key} ?selected=${key === data.measure}>${name}</option>`)}
    </select></label>`;
}

/**
 * @param {Data} data
 * @param {Agent[]} agents
 * @param {Visit} visit
 */
function table(data, agents, visit) {
  const { before, shown, after } = data.rows.of(agents);
  const total = data.team?.agentCount ?? (data.nextPageToken ? -1 : agents.length);
  return html`
    <table class="team" role="table" aria-rowcount=${total < 0 ? -1 : total + 2}>
      <caption>${text('team.caption', { count: total < 0 ? agents.length : total, figure: total < 0 ? text('team.atLeast', { count: agents.length }) : number(total), days: data.scope.days })}</caption>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex="1">
          ${heading(data, visit, 'name', 'team.agent')}
          <th role="columnheader" scope="col">${text('team.bar')}</th>
          <th role="columnheader" scope="col" class="number">${text('team.start')}</th>
          <th role="columnheader" scope="col" class="number">${text('team.now')}</th>
          ${heading(data, visit, 'progress', 'team.progress')}
          ${heading(data, visit, 'gap', 'team.gap')}
          <th role="columnheader" scope="col">${text('team.lastSession')}</th>
          <th role="columnheader" scope="col">${text('team.plan')}</th>
        </tr>
      </thead>
      ${data.team ? html`<tbody role="rowgroup" class="whole">${row(data, data.team, html`${text('team.whole', { count: data.team.agentCount })}`, 2, null)}</tbody>` : null}
      <tbody role="rowgroup" class="rows">
        ${keyed('before', space(before))}
        ${shown.map(({ entry, index }) => keyed(entry.agentUserName, row(data, entry, html`<a href=${link(`/agents/${encodeURIComponent(idOf(entry.agentUserName))}`, { group: idOf(data.scope.group) })}>${entry.agentDisplayName}</a>`, index + 3, entry)))}
        ${keyed('after', space(after))}
      </tbody>
    </table>
    ${data.nextPageToken ? html`<p class="quiet" role="status">${text('team.more')}</p>` : null}`;
}

/** @param {number} height of the rows that are out of view, in pixels */
const space = (height) => html`<tr aria-hidden="true" class="space"><td colspan="8"><svg width="1" height=${height}></svg></td></tr>`;

/**
 * @param {Data} data
 * @param {Visit} visit
 * @param {keyof typeof ORDERS} name
 * @param {import('../scripts/messages.js').Key} label
 */
function heading({ order }, visit, name, label) {
  const isChosen = order.name === name;
  const isDescending = isChosen ? !order.isDescending : name !== 'name';
  const take = () => choose(PATH, visit, { order: name, direction: isDescending ? 'desc' : 'asc' });
  return html`<th role="columnheader" scope="col" class=${name === 'name' ? null : 'number'} aria-sort=${isChosen ? (order.isDescending ? 'descending' : 'ascending') : null}>
    <button type="button" class="sort" @click=${take}>${text(label)} <span aria-hidden="true">${isChosen ? (order.isDescending ? '↓' : '↑') : ''}</span></button></th>`;
}

/**
 * @param {Data} data
 * @param {{ progress?: number, gap?: number, criterionProgresses: Criterion[] }} measured
 * @param {import('../scripts/html.js').Template} name
 * @param {number} index of the row among all
 * @param {Agent | null} agent null: the team
 */
function row({ measure }, measured, name, index, agent) {
  const figures = figuresOf(measured, measure);
  const isMeasured = figures.now !== undefined;
  return html`<tr role="row" aria-rowindex=${index}>
    <th role="rowheader" scope="row">${name}</th>
    <td role="cell" class="drawn">${isMeasured ? scoreBar(figures, inWords(figures)) : null}</td>
    <td role="cell" class="number start">${score(figures.start, figures.startCounts)}</td>
    <td role="cell" class="number now">${score(figures.now, figures.nowCounts)}</td>
    <td role="cell" class="number progress">${progress(figures.progress)}</td>
    <td role="cell" class="number gap">${isMeasured || figures.gap !== undefined ? gap(figures.gap) : html`<span class="quiet">${text(measured.criterionProgresses.length ? 'team.noScore' : 'team.noTarget')}</span>`}</td>
    <td role="cell" class="last">${agent ? when(agent.lastCoachingSessionTime) : null}</td>
    <td role="cell" class="plan">${agent ? (agent.coachingPlanNames.length ? text('team.plans', { count: agent.coachingPlanNames.length }) : html`<span class="quiet">${text('team.noPlan')}</span>`) : null}</td>
  </tr>`;
}

/** @param {ReturnType<typeof figuresOf>} figures */
export function inWords({ start, now, target, nowCounts }) {
  const words = [];
  if (start !== undefined && now !== undefined) words.push(text('bar.fromTo', { start: percent(start), now: percent(now), points: points(now - start) }));
  else if (now !== undefined) words.push(text('bar.now', { now: percent(now) }));
  if (target !== undefined) words.push(text('bar.target', { target: percent(target) }));
  if (now !== undefined) words.push(countsInWords(nowCounts));
  return words.join(', ');
}

/**
 * Saves what is seen: the same agents, window and order of figures.
 * @param {Data} data
 * @param {Visit} visit
 */
async function exportShown({ scope }, visit) {
  const body = { ...fieldsOf(scope), timeZoneId: Intl.DateTimeFormat().resolvedOptions().timeZone };
  await download(await post('…/coachingProgresses:export', { body, query: { requestId: crypto.randomUUID() }, signal: visit.signal }), visit);
}
