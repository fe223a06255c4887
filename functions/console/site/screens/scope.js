// What the screens of a manager are about: a group, a usecase and a window, which stand in the address.

import { get } from '../scripts/api.js';
import { html } from '../scripts/html.js';
import { text } from '../scripts/messages.js';
import { keepQuery } from '../scripts/router.js';
import { idOf, session } from '../scripts/session.js';
import { WINDOW_DAYS, windowOf } from './window.js';

/** @typedef {import('coaching-api').components['schemas']} Schemas */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/**
 * @typedef {object} Scope
 * @property {Schemas['ListedGroup'][]} groups     that may be chosen
 * @property {Schemas['Usecase'][]} usecases
 * @property {string} group    the name of the one that is chosen; empty: everyone in the profile
 * @property {string} usecase  the same of usecases; empty: all
 * @property {number} days     the length of the window, which ends with today
 */
/** @typedef {Pick<Scope, 'groups' | 'usecases'>} Choices */

const DEFAULT_DAYS = 30;
/** The most usecases that one request takes. */
const MAX_USECASES = 20;
/** The most groups that are offered. */
const MAX_GROUPS = 200;

/** @type {Map<string, Promise<Choices>>} by person and profile: they are read once while the page is open */
const known = new Map();

/** @returns {Promise<Choices>} */
async function readChoices() {
  const [{ groups }, { usecases }] = await Promise.all([
    get('/v1/customers/{customer}/groups', { query: { pageSize: MAX_GROUPS } }),
    get('…/usecases', { query: { pageSize: MAX_USECASES } }),
  ]);
  return { groups, usecases };
}

/** The groups and usecases that may be chosen. */
export function choices() {
  const key = `${session.userName} ${session.profileName}`;
  const found = known.get(key) ?? readChoices();
  known.set(key, found);
  found.catch(() => known.delete(key));
  return found;
}

/**
 * What the address names: of groups, the one that the person leads by default.
 * @param {Visit} visit
 * @returns {Promise<Scope>}
 */
export async function scopeOf({ query }) {
  const { groups, usecases } = await choices();
  const own = groups.find(({ managerUserNames }) => managerUserNames.includes(session.userName)) ?? (session.role === 'manager' ? groups[0] : undefined);
  const asked = query.get('group');
  const group = groups.find(({ name }) => idOf(name) === asked) ?? (asked === '' ? undefined : own);
  const usecase = usecases.find(({ name }) => idOf(name) === query.get('usecase'));
  const days = Number(query.get('days'));
  return {
    groups,
    usecases,
    group: group?.name ?? '',
    usecase: usecase?.name ?? '',
    days: WINDOW_DAYS.includes(days) ? days : DEFAULT_DAYS,
  };
}

/**
 * The scope as the fields of a request.
 * @param {Scope} scope
 */
export function fieldsOf({ usecases, group, usecase, days }) {
  return {
    usecaseNames: usecase ? [usecase] : usecases.map(({ name }) => name),
    groupNames: group ? [group] : [],
    includeIndirectGroupMembers: true,
    ...windowOf(days, Date.now()),
  };
}

/**
 * Takes `values` into the address and shows what they select; what is shown stays until then.
 * @param {string} path
 * @param {Visit} visit
 * @param {Record<string, string>} values
 */
export function choose(path, visit, values) {
  for (const [name, value] of Object.entries(values)) visit.query.set(name, value);
  keepQuery(path, Object.fromEntries(visit.query));
  return visit.reload();
}

/**
 * The choices, each a list.
 * @param {Scope} scope
 * @param {string} path of the screen
 * @param {Visit} visit
 */
export function scopeChoice(scope, path, visit) {
  /** @param {string} name */
  const take = (name) => (/** @type {Event} */ event) => choose(path, visit, { [name]: /** @type {HTMLSelectElement} */ (event.target).value });
  const mayAskEveryone = session.role !== 'manager' || session.whoami?.profileNames === undefined;
  return html`<div class="scope" role="group" aria-label=${text('scope.label')}>
    <label>${text('scope.group')}
      <select @change=${take('group')}>
        ${scope.groups.map(({ name, displayName }) => html`<option value=${idOf(name)} ?selected=${name === scope.group}>${displayName}</option>`)}
        ${mayAskEveryone || !scope.groups.length ? html`<option value="" ?selected=${!scope.group}>${text('scope.everyone')}</option>` : null}
      </select></label>
    ${scope.usecases.length > 1
      ? html`<label>${text('scope.usecase')}
          <select @change=${take('usecase')}>
            <option value="" ?selected=${!scope.usecase}>${text('scope.allUsecases')}</option>
            ${scope.usecases.map(({ name, displayName }) => html`<option value=${idOf(name)} ?selected=${name === scope.usecase}>${displayName}</option>`)}
          </select></label>`
      : null}
    <label>${text('scope.window')}
      <select @change=${take('days')}>
        ${WINDOW_DAYS.map((days) => html`<option value=${days} ?selected=${days === scope.days}>${text('scope.days', { count: days })}</option>`)}
      </select></label>
  </div>`;
}
