// What stands where there is nothing else to show: <loading-state>, <empty-state>, <error-state>.
//
//   <empty-state .message=${text('sessions.none')}></empty-state>
//   <error-state .error=${error} .retry=${() => visit.reload()}></error-state>

import { ApiError } from './api.js';
import { html, render } from './html.js';
import { text } from './messages.js';

/**
 * What to tell a person of `error`.
 * @param {unknown} error
 */
export function wordsOf(error) {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.reason === 'OFFLINE') return text('error.offline');
  if (error.reason === 'TIMEOUT') return text('error.timeout');
  if (error.status === 503 || error.status === 429) return text('error.unavailable');
  if (error.status === 403) return text('error.forbidden');
  if (error.status === 404) return text('error.notFound');
  if (error.status === 409 && error.reason !== 'RESOURCE_ALREADY_EXISTS') return text('error.changed');
  if (error.violations.length) return text('error.invalid');
  return error.message;
}

/** What is shown of an error: words, its bad fields, and the request to ask the operators about. */
const errorView = (/** @type {unknown} */ error) => html`
  <p>${wordsOf(error)}</p>
  ${error instanceof ApiError && error.violations.length
    ? html`<ul>${error.violations.map(({ field, description }) => html`<li><b>${field}</b> ${description}</li>`)}</ul>`
    : null}
  ${error instanceof ApiError && error.requestId && error.status >= 500
    ? html`<p class="quiet">${text('error.request', { id: error.requestId })}</p>`
    : null}
`;

class LoadingState extends HTMLElement {
  connectedCallback() {
    // Only what lasts is told.
    render(html`<p class="quiet" role="status">${text('page.loading')}</p>`, this);
  }
}

class EmptyState extends HTMLElement {
  #message = '';

  get message() {
    return this.#message;
  }

  set message(message) {
    this.#message = message;
    if (this.isConnected) this.connectedCallback();
  }

  connectedCallback() {
    render(html`<p class="quiet">${this.#message || text('page.empty')}</p>`, this);
  }
}

class ErrorState extends HTMLElement {
  /** @type {unknown} */
  #error = null;
  /** @type {(() => void) | null} */
  #retry = null;

  get error() {
    return this.#error;
  }

  set error(error) {
    this.#error = error;
    if (this.isConnected) this.connectedCallback();
  }

  get retry() {
    return this.#retry;
  }

  set retry(retry) {
    this.#retry = retry;
    if (this.isConnected) this.connectedCallback();
  }

  connectedCallback() {
    const retry = this.#retry;
    const shown = html`
      <div class="error" role="alert">
        ${errorView(this.#error)}
        ${retry ? html`<button type="button" @click=${() => retry()}>${text('page.retry')}</button>` : null}
      </div>
    `;
    render(this.#error ? shown : null, this);
  }
}

customElements.define('loading-state', LoadingState);
customElements.define('empty-state', EmptyState);
customElements.define('error-state', ErrorState);
