// The page: who is signed in, the menu, and the screen that the address names.

import { screens } from '../screens/screens.js';
import { get } from './api.js';
import { html, render } from './html.js';
import { chooseLanguage, language, languages, takeLanguage, text } from './messages.js';
import { link, parametersOf, read } from './router.js';
import { idOf, session } from './session.js';
import { become, canSignIn, people, signIn, signOut, start } from './sign-in.js';
import './states.js';

/** @typedef {import('./router.js').Screen} Screen */
/** @typedef {import('./router.js').Visit} Visit */
/** @typedef {import('./html.js').Template} Template */

/** The most users that are looked at for the profiles that there are. */
const USERS_FOR_PROFILES = 100;

/** @type {{ screen: Screen | null, data: unknown, visit: Visit, error: unknown, isLoading: boolean, problem: unknown } | null} */
let shown = null;
/** @type {AbortController} */
let leaving = new AbortController();
/** Where the person is, to come back to if they do not want to leave. */
let place = location.hash;
/** What was told last. */
let told = '';

/** The screens of the person's role. */
const open = () => screens.filter((screen) => screen.roles.includes(session.role));

/** Shows the whole page. */
function show() {
  render(session.whoami ? page() : welcome(), document.body);
}

/** What is shown to who is not signed in. */
function welcome() {
  const { isPossible, isLocal, problem } = canSignIn();
  document.title = `${text('signIn.title')} – ${text('page.name')}`;
  return html`
    <main id="main" class="welcome" tabindex="-1">
      <h1>${text('page.name')}</h1>
      ${problem ? html`<p role="alert" class="error">${problem}</p>` : null}
      <p>${isLocal ? text('signIn.local') : isPossible ? text('signIn.with') : text('signIn.notSetUp')}</p>
      ${isPossible ? html`<button type="button" class="main" @click=${() => signIn()}>${text('page.signIn')}</button>` : null}
      ${languageChoice()}
    </main>
  `;
}

function page() {
  return html`
    <a class="skip" href="#main" @click=${skip}>${text('page.skip')}</a>
    <header>
      <a class="name" href=${link('')}>${text('page.name')}</a>
      <nav aria-label=${text('page.menu')}>
        <ul>
          ${open()
            .filter((screen) => screen.isInMenu)
            .map((screen) => {
              const isHere = shown?.screen === screen;
              return html`<li><a href=${link(screen.path)} aria-current=${isHere ? 'page' : null}>${text(screen.title)}</a></li>`;
            })}
        </ul>
      </nav>
      <div class="settings">${profileChoice()} ${languageChoice()} ${personChoice()}
        <button type="button" @click=${() => signOut()}>${text('page.signOut')}</button>
      </div>
    </header>
    <main id="main" tabindex="-1" aria-busy=${shown?.isLoading ? 'true' : null}>
      ${session.profileId ? content() : profileQuestion()}
    </main>
    <p role="status" class="told">${told}</p>
  `;
}

function content() {
  if (!shown) return null;
  const { screen, data, visit, error, isLoading, problem } = shown;
  const isLoaded = screen && data !== undefined;
  const heading = (isLoaded && screen.heading?.(data)) || text(screen?.title ?? 'error.noSuchPage');
  document.title = `${heading} – ${text('page.name')}`;
  return html`
    <h1 tabindex="-1">${heading}</h1>
    <error-state .error=${problem}></error-state>
    ${error ? html`<error-state .error=${error} .retry=${() => visit.reload()}></error-state>` : null}
    ${isLoading && !isLoaded ? html`<loading-state></loading-state>` : null}
    ${isLoaded && !error ? screen.view(data, visit) : null}
  `;
}

function profileChoice() {
  if (session.profiles.length < 2) return null;
  const choose = (/** @type {Event} */ event) => {
    session.workIn(/** @type {HTMLSelectElement} */ (event.target).value);
    location.hash = link(read(location.hash).path.split('/').slice(0, 2).join('/'));
  };
  return html`<label>${text('page.profile')}
    <select .value=${session.profileId} @change=${choose}>
      ${session.profiles.map((id) => html`<option value=${id} ?selected=${id === session.profileId}>${id}</option>`)}
    </select></label>`;
}

/** Asks for a profile: of somebody who may work in all, not even the directory tells one. */
function profileQuestion() {
  const mayAsk = session.whoami?.profileNames === undefined;
  const take = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const id = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('profile')).trim();
    if (!id) return;
    session.profiles = [id];
    session.workIn(id);
    location.hash = link('');
  };
  return mayAsk
    ? html`<form @submit=${take}><label>${text('signIn.profileId')} <input name="profile" required></label>
        <button class="main">${text('page.next')}</button></form>`
    : html`<h1>${text('signIn.noProfile')}</h1>`;
}

function languageChoice() {
  const choose = async (/** @type {Event} */ event) => {
    await chooseLanguage(/** @type {import('./messages.js').Language} */ (/** @type {HTMLSelectElement} */ (event.target).value));
    show();
  };
  return html`<label>${text('page.language')}
    <select .value=${language()} @change=${choose}>
      ${Object.entries(languages).map(([tag, name]) => html`<option value=${tag} lang=${tag} ?selected=${tag === language()}>${name}</option>`)}
    </select></label>`;
}

/** Who is signed in; in the demo, a choice of all its people. */
function personChoice() {
  const roleOf = (/** @type {string} */ role) => text(/** @type {import('./messages.js').Key} */ (`role.${role}`));
  const all = people();
  if (all.length < 2) return html`<span>${session.displayName} <span class="quiet">${roleOf(session.role)}</span></span>`;
  const choose = async (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    const person = all.find((one) => one.userName === value);
    if (!person) return;
    await become(person);
    await begin();
    if (location.hash === link('')) await visit();
    else location.hash = link('');
  };
  return html`<label>${text('page.person')}
    <select .value=${session.userName} @change=${choose}>
      ${all.map(
        (one) => html`<option value=${one.userName} ?selected=${one.userName === session.userName}>${one.displayName}, ${roleOf(one.role)}</option>`,
      )}
    </select></label>`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** Visits the screen that the address names. */
async function visit() {
  const { profile, path, query } = read(location.hash);
  if (shown?.visit.isUnsaved && !confirm(text('page.leave'))) {
    history.replaceState(null, '', place);
    return;
  }
  const mayWorkIn = session.profiles.includes(profile) || session.whoami?.profileNames === undefined;
  if (profile && profile !== session.profileId && mayWorkIn) {
    if (!session.profiles.includes(profile)) session.profiles.push(profile);
    session.workIn(profile);
  }
  const first = open().find((screen) => screen.isInMenu) ?? open()[0];
  if ((path === '/' || !profile) && first && session.profileId) {
    history.replaceState(null, '', link(first.path));
    return visit();
  }
  place = location.hash;
  leaving.abort();
  leaving = new AbortController();
  told = '';
  const found = open().map((screen) => ({ screen, parameters: parametersOf(screen.path, path) })).find((one) => one.parameters);
  const state = { screen: found?.screen ?? null, data: undefined, error: null, isLoading: true, problem: null, visit: visitOf(found?.parameters ?? {}, query) };
  shown = state;
  const isAnother = document.activeElement?.closest('nav, main') || document.activeElement === document.body;
  show();
  if (isAnother) document.querySelector('h1')?.focus();
  await state.visit.reload();
}

/**
 * @param {Record<string, string>} parameters
 * @param {URLSearchParams} query
 * @returns {Visit}
 */
function visitOf(parameters, query) {
  const { signal } = leaving;
  /** @type {Visit} */
  const visit = {
    parameters,
    query,
    signal,
    isUnsaved: false,
    show: () => {
      if (!signal.aborted) show();
    },
    reload: async () => {
      const state = shown;
      if (!state || state.visit !== visit) return;
      state.isLoading = true;
      state.error = null;
      visit.show();
      try {
        state.data = (await state.screen?.load(visit)) ?? null;
        state.error = null;
      } catch (error) {
        if (signal.aborted) return;
        state.error = error;
      }
      state.isLoading = false;
      visit.show();
    },
    say: (words) => {
      told = words;
      visit.show();
    },
    attempt: async (action) => {
      const state = shown;
      if (state) state.problem = null;
      try {
        return await action();
      } catch (error) {
        if (state) state.problem = error;
        return undefined;
      } finally {
        visit.show();
      }
    },
  };
  return visit;
}

/** Takes the person who is signed in, with the profiles that they may work in. */
async function begin() {
  const whoami = await get('/v1/whoami');
  let names = whoami.profileNames ?? whoami.user?.profileNames ?? [];
  session.begin(whoami, names.map(idOf));
  if (!names.length && whoami.profileNames === undefined && whoami.role !== 'agent') {
    const { users } = await get('/v1/customers/{customer}/users', { query: { pageSize: USERS_FOR_PROFILES } });
    names = [...new Set(users.flatMap((user) => user.profileNames))];
    session.begin(whoami, names.map(idOf));
  }
}

await takeLanguage();
if (await start()) {
  try {
    await begin();
    await visit();
  } catch (error) {
    const failed = html`<main id="main" class="welcome">
      <h1>${text('page.name')}</h1>
      <error-state .error=${error} .retry=${() => location.reload()}></error-state>
      <button type="button" @click=${() => signOut()}>${text('page.signOut')}</button>
    </main>`;
    render(failed, document.body);
  }
} else {
  show();
}
addEventListener('hashchange', () => {
  if (session.whoami) visit();
});
addEventListener('beforeunload', (event) => {
  if (shown?.visit.isUnsaved) event.preventDefault();
});
