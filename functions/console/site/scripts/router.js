// Addresses within the page: #/{profile}{path}?{query}. They can be shared: who opens one sees what they may.

import { session } from './session.js';

/**
 * A screen, which is one file in screens/.
 *
 * The shell shows the heading, and while `load` works or when it fails, what there is to say; `load` throws the errors of
 * api.js. What `load` answers is the screen's own: listeners change it and call `visit.show()`.
 * @template [D=any]
 * @typedef {object} Screen
 * @property {string} path  such as `/agents/:user`; `:name` is a part of it that `visit.parameters` has
 * @property {import('./messages.js').Key} title  its heading, and its entry in the menu
 * @property {import('./session.js').Role[]} roles  who sees it
 * @property {boolean} [isInMenu]  the first that a role has is where they begin
 * @property {(data: D) => string} [heading]  a heading of what was loaded, in place of the title
 * @property {(visit: Visit) => Promise<D>} load
 * @property {(data: D, visit: Visit) => import('./html.js').Template} view
 */

/**
 * A look at a screen, until the person goes elsewhere.
 * @typedef {object} Visit
 * @property {Record<string, string>} parameters  the parts of the path
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal  aborted when the person goes elsewhere; for the requests of `load`
 * @property {() => void} show  calls `view` again
 * @property {() => Promise<void>} reload  loads again, and shows that; what was there stays until then
 * @property {(text: string) => void} say  tells what happened, also to screen readers
 * @property {<T>(action: () => Promise<T>) => Promise<T | undefined>} attempt  does what a listener asks for; an error
 *   is told at the top of the screen, and answered by `undefined`
 * @property {boolean} isUnsaved  whether leaving would lose something, so that the person is asked before
 */

/**
 * The address of `path` in the profile of the session, for `href`.
 * @param {string} path
 * @param {Record<string, string | number | string[] | undefined>} [query]
 */
export function link(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== '') parameters.append(name, String(one));
  }
  const asked = parameters.size ? `?${parameters}` : '';
  return `#/${encodeURIComponent(session.profileId)}${path}${asked}`;
}

/**
 * Goes to `path`.
 * @param {string} path
 * @param {Record<string, string | number | string[] | undefined>} [query]
 */
export function go(path, query) {
  location.hash = link(path, query);
}

/**
 * Makes `query` the one of the address, without going anywhere: what a filter shows can be shared and gone back to.
 * @param {string} path
 * @param {Record<string, string | number | string[] | undefined>} query
 */
export function keepQuery(path, query) {
  history.replaceState(history.state, '', link(path, query));
}

/**
 * The profile, path and query of `hash`.
 * @param {string} hash
 */
export function read(hash) {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [profile = '', ...rest] = path.split('/');
  return { profile: decoded(profile), path: `/${rest.join('/')}`, query: new URLSearchParams(query) };
}

/**
 * The parameters of `path`, if it is one of `pattern`.
 * @param {string} pattern
 * @param {string} path
 * @returns {Record<string, string> | null}
 */
export function parametersOf(pattern, path) {
  const wanted = pattern.split('/');
  const there = path.split('/');
  if (wanted.length !== there.length) return null;
  /** @type {Record<string, string>} */
  const parameters = {};
  for (const [index, part] of wanted.entries()) {
    const found = there[index] ?? '';
    if (part.startsWith(':') && found) parameters[part.slice(1)] = decoded(found);
    else if (part !== found) return null;
  }
  return parameters;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
