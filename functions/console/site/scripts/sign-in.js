// Sign-in, and the tokens that it gives.
//
// On AWS: OAuth 2.0's authorization code with PKCE (RFC 7636), as RFC 9700 and the guidance for browser-based apps ask
// of a page: the endpoints by discovery, S256, `state`, the issuer of the answer compared (RFC 9207), a `nonce` in the ID
// token, refresh tokens that rotate. On one machine: the address that the service prints has a sign-in token in its
// fragment, which the service exchanges for an access token.
//
// Tokens are in memory and in the tab's session storage, nowhere else.

import { html, render } from './html.js';
import { text } from './messages.js';
import { session } from './session.js';

/**
 * What the deployment says of sign-in: `console/configuration.json`.
 * @typedef {object} Configuration
 * @property {boolean} [isLocal]  whether this is the service on one machine, which signs in by its own tokens
 * @property {string} [issuer]
 * @property {string} [audience]
 * @property {string} [clientId]
 * @property {string} [scopes]
 */

/**
 * What of the issuer's metadata is used (OpenID Connect Discovery 1.0).
 * @typedef {object} Metadata
 * @property {string} issuer
 * @property {string} authorization_endpoint
 * @property {string} token_endpoint
 * @property {string} [end_session_endpoint]
 * @property {string} [revocation_endpoint]
 * @property {boolean} [authorization_response_iss_parameter_supported]
 */

/**
 * @typedef {object} Tokens
 * @property {string} access
 * @property {string} [refresh]
 * @property {string} [id]
 * @property {string} [signIn]  on one machine, what the access token is had for
 * @property {number} [ends]  when the access token ends, in milliseconds since 1970
 */

/** @typedef {{ userName: string, displayName: string, role: string, token: string }} Person  of the demo, with their sign-in token */

/**
 * What is remembered of a sign-in that has been begun.
 * @typedef {object} Begun
 * @property {string} state
 * @property {string} verifier
 * @property {string} nonce
 * @property {string} place  the fragment to come back to
 */

/** The keys in session storage. */
const KEPT_TOKENS = 'coaching.tokens';
const KEPT_SIGN_IN = 'coaching.signIn';
/** A token is renewed when it ends within this time, in milliseconds. */
const AHEAD = 60_000;
/** The longest that the issuer's answers are waited for, in milliseconds. */
const ANSWER_WITHIN = 15_000;
/** How a `state` begins that was sent from a window of its own, which hands the answer over and closes. */
const OF_A_WINDOW = 'window.';

/** The page's own address, where the issuer sends the browser back to. */
const here = () => location.origin + location.pathname;

/** Where a window of its own hands over what the issuer answered. */
const answers = () => new BroadcastChannel('coaching.signIn');

/** @type {Configuration} */
let configuration = {};
/** @type {Tokens | null} */
let tokens = null;
/** @type {Person[]} */
let demoPeople = [];
/** @type {Promise<Metadata> | null} */
let discovered = null;
/** @type {Promise<boolean> | null} the renewal that is under way */
let renewal = null;
/** @type {Promise<void> | null} the sign-in that requests wait for */
let again = null;
/** What went wrong, to be told. */
let problem = '';

/**
 * Takes what the address brings or the tab has kept. Call it before anything else.
 * @returns {Promise<boolean>} whether somebody is signed in
 */
export async function start() {
  const brought = tokenOfFragment(location.hash);
  const answer = new URLSearchParams(location.search);
  if (brought || answer.has('state')) history.replaceState(null, '', here() + (brought ? '' : location.hash));
  if (answer.get('state')?.startsWith(OF_A_WINDOW)) {
    answers().postMessage(answer.toString());
    window.close();
  }
  configuration = await (await fetch(new URL('console/configuration.json', here()))).json();
  tokens = JSON.parse(sessionStorage.getItem(KEPT_TOKENS) ?? 'null');
  if (brought) keep({ access: '', signIn: brought });
  else if (answer.has('state') || answer.has('error')) await finish(answer);
  if (tokens && configuration.isLocal && !(await renewed())) forget();
  return tokens !== null;
}

/** What the page can offer to who is not signed in. */
export const canSignIn = () => ({
  isLocal: configuration.isLocal ?? false,
  isPossible: Boolean(configuration.issuer && configuration.clientId),
  problem,
});

/** The people of the demo, who can be chosen between. */
export const people = () => demoPeople;

/** The access token, renewed if it ends soon. */
export async function goodToken() {
  if (tokens?.ends && tokens.ends - Date.now() < AHEAD) await renewed();
  return tokens?.access ?? '';
}

/**
 * Renews the access token without the person.
 * @returns {Promise<boolean>} whether there is a new one
 */
export function renewed() {
  renewal ??= renew().finally(() => {
    renewal = null;
  });
  return renewal;
}

/** Leaves for the issuer's page. */
export async function signIn() {
  try {
    const begun = newSignIn('', location.hash);
    sessionStorage.setItem(KEPT_SIGN_IN, JSON.stringify(begun));
    location.assign(await authorizationAddress(begun));
  } catch (error) {
    fail(error);
  }
}

/** Ends the session here and at the issuer. */
export async function signOut() {
  const had = tokens;
  forget();
  if (configuration.isLocal || !configuration.issuer) return location.assign(here());
  try {
    const metadata = await discovery();
    if (metadata.revocation_endpoint && had?.refresh) {
      await form(metadata.revocation_endpoint, { token: had.refresh, token_type_hint: 'refresh_token' }).catch(() => {});
    }
    if (!metadata.end_session_endpoint) return location.assign(here());
    const address = new URL(metadata.end_session_endpoint);
    const parameters = {
      client_id: configuration.clientId ?? '',
      post_logout_redirect_uri: here(),
      // What Amazon Cognito calls it.
      logout_uri: here(),
      ...(had?.id ? { id_token_hint: had.id } : {}),
    };
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    location.assign(address);
  } catch {
    location.assign(here());
  }
}

/**
 * Takes another person of the demo.
 * @param {Person} person
 */
export async function become(person) {
  keep({ access: '', signIn: person.token });
  await renewed();
}

/**
 * Has the person sign in again over the page as it is, so that nothing is lost. Resolves once the same person has.
 * @returns {Promise<void>}
 */
export function signInAgain() {
  again ??= askAgain().finally(() => {
    again = null;
  });
  return again;
}

/** @returns {Promise<void>} */
function askAgain() {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    let words = '';
    const done = async () => {
      if (!(await isSamePerson())) {
        words = text('signIn.wrongPerson', { name: session.displayName });
        return show();
      }
      dialog.close();
      dialog.remove();
      resolve();
    };
    const byWindow = async () => {
      try {
        await signInByWindow();
        await done();
      } catch (error) {
        words = text('signIn.failed', { why: String(error) });
        show();
      }
    };
    const byAddress = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const given = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('address'));
      const token = tokenOfFragment(given.slice(Math.max(0, given.indexOf('#'))));
      if (token) keep({ access: '', signIn: token });
      await renewed();
      await done();
    };
    const show = () =>
      render(
        html`
          <h2>${text('signIn.title')}</h2>
          ${words ? html`<p role="alert" class="error">${words}</p>` : null}
          ${configuration.isLocal
            ? html`<p>${text('signIn.paste')}</p>
                <form @submit=${byAddress}>
                  <label>${text('signIn.address')} <input name="address" type="password" autocomplete="off" required></label>
                  <button class="main">${text('page.signIn')}</button>
                </form>`
            : html`<p>${text('signIn.ended')}</p>
                <button type="button" class="main" @click=${byWindow}>${text('page.signIn')}</button>`}
          <button type="button" @click=${() => signOut()}>${text('page.signOut')}</button>
        `,
        dialog,
      );
    // The requests that wait could not go on.
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    show();
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Signs in by a window of its own, for the issuer's page would replace this one. */
async function signInByWindow() {
  const begun = newSignIn(OF_A_WINDOW, '');
  const opened = window.open('', '', 'popup,width=520,height=720');
  const address = await authorizationAddress(begun);
  const channel = answers();
  /** @type {Promise<string>} */
  const answered = new Promise((resolve) => {
    channel.onmessage = ({ data }) => {
      if (new URLSearchParams(data).get('state') === begun.state) resolve(data);
    };
  });
  if (opened) opened.location.href = address.href;
  const answer = new URLSearchParams(await answered);
  channel.close();
  await exchange(answer, begun);
}

/** Whether the token is that of the person whose page this is. */
async function isSamePerson() {
  const response = await fetch(new URL('v1/whoami', here()), { headers: { authorization: `Bearer ${tokens?.access}` } });
  if (!response.ok) return false;
  return !session.whoami || (await response.json()).userName === session.userName;
}

/**
 * The sign-in token of an address's fragment.
 * @param {string} hash
 */
const tokenOfFragment = (hash) => new URLSearchParams(hash.replace(/^#/, '')).get('token');

/**
 * Ends the sign-in that the issuer has answered.
 * @param {URLSearchParams} answer
 */
async function finish(answer) {
  const begun = sessionStorage.getItem(KEPT_SIGN_IN);
  sessionStorage.removeItem(KEPT_SIGN_IN);
  try {
    if (!begun) throw new Error('no sign-in was begun here');
    /** @type {Begun} */
    const sent = JSON.parse(begun);
    await exchange(answer, sent);
    if (sent.place) history.replaceState(null, '', here() + sent.place);
  } catch (error) {
    fail(error);
  }
}

/**
 * Exchanges the code of `answer` for tokens.
 * @param {URLSearchParams} answer
 * @param {Begun} begun
 */
async function exchange(answer, begun) {
  const metadata = await discovery();
  if (answer.get('state') !== begun.state) throw new Error('the answer is for another sign-in');
  const issuer = answer.get('iss');
  if (issuer ? issuer !== metadata.issuer : metadata.authorization_response_iss_parameter_supported) {
    throw new Error('the answer is from another issuer');
  }
  const error = answer.get('error');
  if (error) throw new Error(answer.get('error_description') ?? error);
  const given = await form(metadata.token_endpoint, {
    grant_type: 'authorization_code',
    code: answer.get('code') ?? '',
    redirect_uri: here(),
    code_verifier: begun.verifier,
  });
  if (given.id_token) {
    const claims = claimsOf(given.id_token);
    const audience = [claims?.aud].flat();
    if (claims?.nonce !== begun.nonce || claims?.iss !== metadata.issuer || !audience.includes(configuration.clientId)) {
      throw new Error('the ID token is for another sign-in');
    }
  }
  keep(tokensOf(given));
}

/** @returns {Promise<boolean>} */
async function renew() {
  const had = tokens;
  try {
    if (configuration.isLocal) return await renewHere();
    if (!had?.refresh) return false;
    const { token_endpoint } = await discovery();
    const given = await form(token_endpoint, { grant_type: 'refresh_token', refresh_token: had.refresh });
    // An issuer that rotates answers a new refresh token, one that does not none.
    keep({ ...had, ...tokensOf(given) });
    return true;
  } catch {
    return false;
  }
}

/** Has the service on one machine make an access token; it answers with the people of the demo as well. */
async function renewHere() {
  const response = await fetch(new URL('console/people', here()), {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens?.signIn}` },
  });
  if (!response.ok) return false;
  /** @type {{ token: string, people: Person[] }} */
  const { token, people } = await response.json();
  keep({ ...tokens, access: token, ...endOf(token) });
  demoPeople = people;
  return true;
}

/** @returns {Promise<Metadata>} */
function discovery() {
  discovered ??= discover().catch((error) => {
    discovered = null;
    throw error;
  });
  return discovered;
}

async function discover() {
  const issuer = configuration.issuer ?? '';
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  /** @type {Metadata} */
  const metadata = await response.json();
  if (metadata.issuer !== issuer) throw new Error(`${address} is of another issuer`);
  return metadata;
}

/**
 * @param {string} kind  how its `state` begins
 * @param {string} place
 * @returns {Begun}
 */
const newSignIn = (kind, place) => ({ state: kind + secret(), verifier: secret(), nonce: secret(), place });

/** 256 random bits. */
const secret = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** @param {Begun} begun */
async function authorizationAddress({ state, verifier, nonce }) {
  const { authorization_endpoint } = await discovery();
  const { clientId = '', audience, scopes = 'openid' } = configuration;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  const address = new URL(authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: here(),
    scope: scopes,
    state,
    nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
    // Auth0 gives a token for an API only to who names it; others ignore it (RFC 6749, 3.1).
    ...(audience && audience !== clientId ? { audience } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address;
}

/**
 * Posts a form of this client to an endpoint of the issuer.
 * @param {string} address
 * @param {Record<string, string>} fields
 */
async function form(address, fields) {
  const body = new URLSearchParams({ ...fields, client_id: configuration.clientId ?? '' });
  const response = await fetch(address, { method: 'POST', body, signal: AbortSignal.timeout(ANSWER_WITHIN) });
  const answer = await response.text();
  const given = answer ? JSON.parse(answer) : {};
  if (!response.ok) throw new Error(given.error_description ?? given.error ?? `${response.status}`);
  return given;
}

/**
 * @param {{ access_token: string, refresh_token?: string, id_token?: string, expires_in?: number }} given
 * @returns {Tokens}
 */
const tokensOf = ({ access_token, refresh_token, id_token, expires_in }) => ({
  access: access_token,
  ...(refresh_token ? { refresh: refresh_token } : {}),
  ...(id_token ? { id: id_token } : {}),
  ...(expires_in ? { ends: Date.now() + expires_in * 1000 } : {}),
});

/**
 * The claims of a JWT that came from its issuer: the service verifies tokens, not this page.
 * @param {string} token
 * @returns {Record<string, unknown> | null}
 */
function claimsOf(token) {
  try {
    const bytes = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
  } catch {
    return null;
  }
}

/**
 * When a JWT ends, if it says so.
 * @param {string} token
 */
function endOf(token) {
  const end = claimsOf(token)?.exp;
  return typeof end === 'number' ? { ends: end * 1000 } : {};
}

/** @param {Tokens} given */
function keep(given) {
  tokens = given;
  problem = '';
  sessionStorage.setItem(KEPT_TOKENS, JSON.stringify(given));
}

function forget() {
  tokens = null;
  demoPeople = [];
  session.end();
  sessionStorage.removeItem(KEPT_TOKENS);
}

/** @param {unknown} error */
function fail(error) {
  problem = text('signIn.failed', { why: error instanceof Error ? error.message : String(error) });
}
