// Notes that are saved as one types. A save names the version that it changes, so nobody's text is lost: when somebody
// else was faster, both versions are shown and the person chooses.

import { ApiError, get, patch } from '../scripts/api.js';
import { idOf } from '../scripts/session.js';

/** @typedef {import('coaching-api').components['schemas']['CoachingSession']} Session */
/** @typedef {import('../scripts/router.js').Visit} Visit */
/** @typedef {'meetingNotes' | 'privateNotes' | 'sessionTime'} Field */
/** @typedef {'saved' | 'typing' | 'saving' | 'failed' | 'conflict'} State */

/** The pause in typing after which it is saved, in milliseconds. */
const PAUSE = 800;
/** The pause before a save that failed is tried again, in milliseconds. */
const AGAIN = 5000;

/** A session with what was typed and is not saved yet. */
export class Notes {
  /** @type {Partial<Record<Field, string>>} */
  unsaved = {};
  /** @type {State} */
  state = 'saved';
  /** @type {unknown} why the last save failed */
  error = null;
  /** @type {Session | null} what somebody else made of it meanwhile */
  theirs = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Promise<void> | null} */
  #saving = null;

  /**
   * @param {Session} session as it was last read
   * @param {Visit} visit
   * @param {() => void} changed called after each save, and when somebody else has changed it
   */
  constructor(session, visit, changed) {
    this.session = session;
    this.visit = visit;
    this.changed = changed;
    visit.signal.addEventListener('abort', () => clearTimeout(this.#timer));
    addEventListener('online', () => this.state === 'failed' && this.save(), { signal: visit.signal });
  }

  /**
   * What stands in `field`.
   * @param {Field} field
   */
  value(field) {
    return this.unsaved[field] ?? this.session[field] ?? '';
  }

  /**
   * Takes what was typed.
   * @param {Field} field
   * @param {string} value
   */
  type(field, value) {
    if (value === (this.session[field] ?? '') && !this.#saving) delete this.unsaved[field];
    else this.unsaved[field] = value;
    this.visit.isUnsaved = true;
    if (this.state !== 'conflict') this.state = 'typing';
    this.#later(PAUSE);
    this.visit.show();
  }

  /** @param {number} pause */
  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), pause);
  }

  /**
   * Saves what is not saved yet; one save at a time.
   * @returns {Promise<void>}
   */
  async save() {
    clearTimeout(this.#timer);
    if (this.#saving) {
      await this.#saving;
      return this.save();
    }
    if (this.state === 'conflict') return;
    if (!Object.keys(this.unsaved).length) return this.#show('saved');
    this.#saving = this.#send({ ...this.unsaved });
    await this.#saving;
    this.#saving = null;
    if (this.state === 'typing') this.#later(PAUSE);
  }

  /** @param {Partial<Record<Field, string>>} sent */
  async #send(sent) {
    this.#show('saving');
    try {
      const options = { path: { coachingSession: idOf(this.session.name) }, body: { coachingSession: sent }, ifMatch: this.session.etag };
      this.#take((await patch('…/coachingSessions/{coachingSession}', options)).coachingSession, sent);
    } catch (error) {
      this.error = error;
      if (error instanceof ApiError && error.status === 409) await this.#meet(sent);
      else this.#fail(error);
    }
  }

  /**
   * Takes `session`, in which `sent` stands.
   * @param {Session} session
   * @param {Partial<Record<Field, string>>} sent
   */
  #take(session, sent) {
    this.session = session;
    for (const field of /** @type {Field[]} */ (Object.keys(sent))) if (this.unsaved[field] === sent[field]) delete this.unsaved[field];
    this.error = null;
    this.theirs = null;
    this.#show(Object.keys(this.unsaved).length ? 'typing' : 'saved');
    this.changed();
  }

  /**
   * Looks at what somebody else made of it. What they did not touch is saved with theirs.
   * @param {Partial<Record<Field, string>>} sent
   */
  async #meet(sent) {
    try {
      const { coachingSession: theirs } = await get('…/coachingSessions/{coachingSession}', { path: { coachingSession: idOf(this.session.name) } });
      const fields = /** @type {Field[]} */ (Object.keys(sent));
      if (fields.every((field) => (theirs[field] ?? '') === sent[field])) return this.#take(theirs, sent);
      const isApart = fields.every((field) => (theirs[field] ?? '') === (this.session[field] ?? ''));
      if (isApart) {
        this.session = theirs;
        return this.#send(sent);
      }
      this.theirs = theirs;
      this.#show('conflict');
      this.changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    this.error = error;
    this.#show('failed');
    const isPassing = error instanceof ApiError && (error.isOffline || error.status >= 500 || error.status === 429);
    if (isPassing && !this.visit.signal.aborted) this.#later(AGAIN);
  }

  /** Puts what was typed in the place of theirs. */
  async keepMine() {
    if (!this.theirs) return;
    this.session = this.theirs;
    this.theirs = null;
    this.state = 'typing';
    await this.save();
  }

  /** Lets theirs stand, and what was typed go. */
  takeTheirs() {
    if (!this.theirs) return;
    this.unsaved = {};
    this.#take(this.theirs, {});
  }

  /** @param {State} state */
  #show(state) {
    this.state = state;
    this.visit.isUnsaved = Object.keys(this.unsaved).length > 0;
    this.visit.show();
  }
}
