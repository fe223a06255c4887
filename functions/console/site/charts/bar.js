// One score as a bar: a hollow mark where it started, a filled one where it is now, and a tick at the target.

import { html, svg } from '../scripts/html.js';

/**
 * What a bar shows, in percent; what is absent is not drawn.
 * @typedef {object} Bar
 * @property {number | undefined} start
 * @property {number | undefined} now
 * @property {number | undefined} target
 */

const HEIGHT = 22;
const MIDDLE = HEIGHT / 2;

/**
 * A place on the bar; marks at its ends stay within it.
 * @param {number} score in percent
 */
const place = (score) => `${(2 + Math.min(100, Math.max(0, score)) * 0.96).toFixed(2)}%`;

/**
 * The bar. `label` says the same in words.
 * @param {Bar} bar
 * @param {string} label
 */
export function scoreBar({ start, now, target }, label) {
  return html`<svg class="bar" role="img" aria-label=${label} width="100%" height=${HEIGHT}>
    <rect class="bar-track" x="2%" width="96%" y=${MIDDLE - 2} height="4" rx="2"></rect>
    ${start !== undefined && now !== undefined && svg`<line class=${now < start ? 'bar-move falls' : 'bar-move rises'}
      x1=${place(start)} x2=${place(now)} y1=${MIDDLE} y2=${MIDDLE}></line>`}
    ${target !== undefined && svg`<line class="bar-target" x1=${place(target)} x2=${place(target)} y1="1" y2=${HEIGHT - 1}></line>`}
    ${start !== undefined && svg`<circle class="bar-start" cx=${place(start)} cy=${MIDDLE} r="4.5"></circle>`}
    ${now !== undefined && svg`<circle class="bar-now" cx=${place(now)} cy=${MIDDLE} r="5.5"></circle>`}
  </svg>`;
}

/**
 * A part of a whole as a bar, such as 12 of 15 sessions. The figures stand beside it, so it says nothing by itself.
 * @param {number | undefined} part from 0 to 1
 */
export function rateBar(part) {
  return html`<svg class="rate" aria-hidden="true" width="100%" height="8">
    <rect class="bar-track" width="100%" height="8" rx="4"></rect>
    ${part !== undefined && svg`<rect class="rate-part" width=${`${(part * 100).toFixed(2)}%`} height="8" rx="4"></rect>`}
  </svg>`;
}
