// How figures are written: never without the number of scorecards behind them, and never by colour alone.

import { html } from '../scripts/html.js';
import { dateAndTime, fromNow, number, percent, text } from '../scripts/messages.js';

/** Fewer scorecards than this say little, and are marked. */
export const FEW_SCORECARDS = 5;

/** @typedef {{ least: number, most: number }} Counts  the numbers of scorecards behind a mean of several scores */

/** @param {Counts} counts */
const countsInDigits = ({ least, most }) => (least === most ? number(most) : `${number(least)}–${number(most)}`);

/** @param {Counts} counts */
export const countsInWords = (counts) => text('figure.scorecards', { count: counts.most, figure: countsInDigits(counts) });

/**
 * A score with its number of scorecards.
 * @param {number | undefined} score in percent
 * @param {Counts} counts
 */
export function score(score, counts) {
  if (score === undefined) return html`<span class="quiet">${text('figure.none')}</span>`;
  const isFew = counts.least < FEW_SCORECARDS;
  return html`<span class=${isFew ? 'figure few' : 'figure'}>${percent(score)}</span>
    <span class="count">${countsInDigits(counts)}<span class="hidden"> ${countsInWords(counts)}${isFew ? `, ${text('figure.few')}` : ''}</span></span>`;
}

/**
 * Percentage points with their sign.
 * @param {number} points
 */
export const points = (points) => number(points, { maximumFractionDigits: 1, signDisplay: 'exceptZero' });

/** @param {number | undefined} progress in percentage points */
export function progress(progress) {
  if (progress === undefined) return html`<span class="quiet">${text('figure.none')}</span>`;
  const kind = Math.abs(progress) < 0.05 ? 'stays' : progress > 0 ? 'rises' : 'falls';
  return html`<span class=${kind}>${points(progress)}</span>`;
}

/** @param {number | undefined} gap in percentage points */
export function gap(gap) {
  if (gap === undefined) return html`<span class="quiet">${text('figure.none')}</span>`;
  return gap <= 0 ? html`<span class="met">${text('figure.met')}</span>` : html`${number(gap)}`;
}

/**
 * A time as one speaks of it, with the moment beside it.
 * @param {string | undefined} time
 */
export function when(time) {
  if (!time) return html`<span class="quiet">${text('figure.noTime')}</span>`;
  return html`<time datetime=${time} title=${dateAndTime(time)}>${fromNow(time)}</time>`;
}

/**
 * A time with both: when, and how long ago.
 * @param {string} time
 */
export const moment = (time) => html`<time datetime=${time}>${dateAndTime(time)} <span class="quiet">(${fromNow(time)})</span></time>`;

/** @typedef {import('coaching-api').components['schemas']['CoachingSession']} Session */

/**
 * The state of a session as a word.
 * @param {Session} session
 */
export function state({ state, overdue }) {
  const word = text(/** @type {import('../scripts/messages.js').Key} */ (`session.state.${state}`));
  return html`<span class=${`state ${state.toLowerCase()}`}>${word}</span>${overdue ? html` <span class="overdue">${text('session.overdue')}</span>` : null}`;
}
