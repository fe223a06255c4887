// The API client: requests by the paths of openapi.json, whose types the editor and tsc know.
//
//   const { coachingSessions } = await get('…/coachingSessions', { query: { pageSize: 20 } });
//   await patch('…/coachingSessions/{coachingSession}', { path: { coachingSession: id }, body, ifMatch: etag });
//   for await (const page of pages('get', '…/coachingSessions', {})) …
//
// `…` stands for /v1/customers/{customer}/profiles/{profile}, as in docs/api.md. {customer} and {profile} are those that
// the person works in.

import { session } from './session.js';
import { goodToken, renewed, signInAgain } from './sign-in.js';

/** @typedef {import('coaching-api').paths} Paths */
/** @typedef {'get' | 'post' | 'patch' | 'delete'} Method */
/** @typedef {'/v1/customers/{customer}/profiles/{profile}'} OfProfile */
/**
 * The paths, as they are written here.
 * @typedef {{ [P in keyof Paths as P extends `${OfProfile}${infer Rest}` ? `…${Rest}` : P]: Paths[P] }} ShortPaths
 */
/**
 * The paths that take the method `M`.
 * @template {Method} M
 * @typedef {{ [P in keyof ShortPaths]: ShortPaths[P] extends { [K in M]: { responses: unknown } } ? P : never }[keyof ShortPaths]} PathsOf
 */
/**
 * @template {Method} M
 * @template {PathsOf<M>} P
 * @typedef {ShortPaths[P] extends { [K in M]: infer O } ? O : never} Operation
 */
/**
 * What an operation answers.
 * @template {Method} M
 * @template {PathsOf<M>} P
 * @typedef {Operation<M, P> extends { responses: { 200: { content: { 'application/json': infer A } } } } ? A : never} Answer
 */
/**
 * What a request of an operation may hold.
 * @template {Method} M
 * @template {PathsOf<M>} P
 * @typedef {object} Options
 * @property {Partial<Record<string, string>>} [path]  the ids in the path, beside customer and profile
 * @property {Operation<M, P> extends { parameters: { query?: infer Q } } ? Q : never} [query]
 * @property {Operation<M, P> extends { requestBody?: { content: { 'application/json': infer B } } } ? B : never} [body]
 * @property {string} [ifMatch]  the etag that is to be changed
 * @property {AbortSignal} [signal]
 */

/** The longest that an answer is waited for, in milliseconds: a little longer than API Gateway does. */
const ANSWER_WITHIN = 35_000;
/** The number of times that a request is repeated which the service could not take. */
const REPEATS = 3;
/** The first pause before it is repeated, in milliseconds; each is twice the one before. */
const FIRST_PAUSE = 400;
/** The longest pause that the service may ask for, in milliseconds. */
const LONGEST_PAUSE = 10_000;

/** Why a request did not succeed. */
export class ApiError extends Error {
  /**
   * @param {number} status  the HTTP status; 0 if there was no answer
   * @param {string} reason  such as RESOURCE_NOT_FOUND; OFFLINE or TIMEOUT if there was no answer
   * @param {string} message
   * @param {{ field: string, description: string }[]} violations  the bad fields
   * @param {string} requestId  under which the service has logged it
   */
  constructor(status, reason, message, violations = [], requestId = '') {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.violations = violations;
    this.requestId = requestId;
  }

  /** Whether the service was not reached. */
  get isOffline() {
    return this.status === 0;
  }
}

/**
 * @template {PathsOf<'get'>} P
 * @param {P} path
 * @param {Options<'get', P>} [options]
 * @returns {Promise<Answer<'get', P>>}
 */
export const get = (path, options) => request('get', path, options);

/**
 * @template {PathsOf<'post'>} P
 * @param {P} path
 * @param {Options<'post', P>} [options]
 * @returns {Promise<Answer<'post', P>>}
 */
export const post = (path, options) => request('post', path, options);

/**
 * @template {PathsOf<'patch'>} P
 * @param {P} path
 * @param {Options<'patch', P>} [options]
 * @returns {Promise<Answer<'patch', P>>}
 */
export const patch = (path, options) => request('patch', path, options);

/**
 * @template {PathsOf<'delete'>} P
 * @param {P} path
 * @param {Options<'delete', P>} [options]
 * @returns {Promise<Answer<'delete', P>>}
 */
export const del = (path, options) => request('delete', path, options);

/**
 * The pages of a list, one request each. A list by GET has its pageToken in the query, one by POST in the body.
 * @template {'get' | 'post'} M
 * @template {PathsOf<M>} P
 * @param {M} method
 * @param {P} path
 * @param {Options<M, P>} [options]
 * @returns {AsyncGenerator<Answer<M, P>>}
 */
export async function* pages(method, path, options = {}) {
  const place = method === 'get' ? 'query' : 'body';
  /** @type {string | undefined} */
  let pageToken;
  do {
    /** @type {Options<M, P>} */
    const asked = pageToken ? { ...options, [place]: { .../** @type {object} */ (options[place] ?? {}), pageToken } } : options;
    /** @type {Answer<M, P>} */
    const answer = await request(method, path, asked);
    yield answer;
    pageToken = /** @type {{ nextPageToken?: string }} */ (answer).nextPageToken;
  } while (pageToken);
}

/** A new `requestId`, with which a creation may be repeated. */
export const newRequestId = () => crypto.randomUUID();

/**
 * Sends a request and reads its answer. What the service could not take (429, 503) is repeated after a pause; so send a
 * creation with a `requestId`. When the token is not good any more, the person signs in again and the request is repeated.
 * @template {Method} M
 * @template {PathsOf<M>} P
 * @param {M} method
 * @param {P} path
 * @param {Options<M, P>} [options]
 * @returns {Promise<Answer<M, P>>}
 * @throws {ApiError}
 */
export async function request(method, path, options = {}) {
  const { query, body, ifMatch, signal } = options;
  const address = addressOf(path, options.path ?? {}, query ?? {});
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (ifMatch) headers['if-match'] = `"${ifMatch}"`;
  const sent = { method: method.toUpperCase(), headers, body: body === undefined ? null : JSON.stringify(body) };

  let hasSignedInAgain = false;
  for (let repeat = 0; ; ) {
    headers.authorization = `Bearer ${await goodToken()}`;
    const response = await answered(address, sent, signal);
    if (response.ok) return /** @type {Promise<Answer<M, P>>} */ (response.json());
    if (response.status === 401 && !hasSignedInAgain) {
      hasSignedInAgain = true;
      if (!(await renewed())) await signInAgain();
      continue;
    }
    if ((response.status !== 429 && response.status !== 503) || repeat === REPEATS) throw await errorOf(response);
    await pause(pauseBefore(repeat, response.headers.get('retry-after')), signal);
    repeat += 1;
  }
}

/**
 * The address of `path`, with the ids in it and the parameters of its query: a list is a parameter that stands several
 * times.
 * @param {string} path
 * @param {Partial<Record<string, string>>} ids
 * @param {object} query
 */
function addressOf(path, ids, query) {
  const known = { customer: session.customerId, profile: session.profileId, ...ids };
  const filled = path.replace('…', '/v1/customers/{customer}/profiles/{profile}').replace(/\{(\w+)\}/g, (_, name) => {
    const id = /** @type {Record<string, string | undefined>} */ (known)[name];
    if (!id) throw new TypeError(`${path}: no ${name}`);
    return encodeURIComponent(id);
  });
  const address = new URL(filled.slice(1), document.baseURI.split(/[?#]/)[0]);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') address.searchParams.append(name, String(one));
    }
  }
  return address;
}

/**
 * @param {URL} address
 * @param {RequestInit} sent
 * @param {AbortSignal | undefined} signal
 */
async function answered(address, sent, signal) {
  const late = AbortSignal.timeout(ANSWER_WITHIN);
  try {
    return await fetch(address, { ...sent, signal: signal ? AbortSignal.any([signal, late]) : late });
  } catch (error) {
    signal?.throwIfAborted();
    throw new ApiError(0, late.aborted ? 'TIMEOUT' : 'OFFLINE', String(error));
  }
}

/**
 * The error that `response` holds: the service's own, or API Gateway's `{"message": …}`.
 * @param {Response} response
 */
async function errorOf(response) {
  /** @type {{ message?: string, details?: { reason?: string, fieldViolations?: { field: string, description: string }[] }[] }} */
  const error = await response.json().catch(() => ({}));
  const details = error.details ?? [];
  const reason = details.find((detail) => detail.reason)?.reason ?? `HTTP_${response.status}`;
  const violations = details.flatMap((detail) => detail.fieldViolations ?? []);
  const requestId = response.headers.get('x-request-id') ?? '';
  return new ApiError(response.status, reason, error.message ?? response.statusText, violations, requestId);
}

/**
 * The pause before repeat number `repeat`, in milliseconds: as long as the service asks for, otherwise up to twice as
 * long each time, of a random length so that not all repeat at once.
 * @param {number} repeat
 * @param {string | null} retryAfter
 */
function pauseBefore(repeat, retryAfter) {
  const most = FIRST_PAUSE * 2 ** repeat;
  const asked = Number(retryAfter ?? 0) * 1000;
  return Math.min(LONGEST_PAUSE, (asked || 0) + most / 2 + (Math.random() * most) / 2);
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
