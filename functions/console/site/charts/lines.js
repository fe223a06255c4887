// A score over time: a line with a mark for each part of the window, the target as steps, sessions as upright lines.

import { html, svg } from '../scripts/html.js';

/**
 * @typedef {object} Lines
 * @property {{time: number, score: number}[]} points   in milliseconds and percent, the earliest first
 * @property {{time: number, target: number}[]} targets each from when it was in force
 * @property {number[]} sessions when there was one
 * @property {number} start of the window
 * @property {number} end
 */

const TOP = 12;
const BOTTOM = 22;
/** A chart of this height, in pixels, is taken to be wide as well. */
const WIDE_FROM = 150;

/**
 * The scores at which lines go across: the least round range around all that is drawn.
 * @param {number[]} scores in percent
 * @returns {number[]} from low to high, at least two
 */
export function levels(scores) {
  const step = 20;
  const low = Math.floor(Math.min(100, ...scores) / step) * step;
  const high = Math.min(100, Math.ceil(Math.max(0, ...scores) / step) * step);
  const from = Math.max(0, Math.min(low, high - step));
  return Array.from({ length: Math.round((Math.max(high, from + step) - from) / step) + 1 }, (_, index) => from + index * step);
}

/**
 * The value of the target at each moment as corners of a line.
 * @param {Lines['targets']} targets
 * @param {number} end
 */
export function steps(targets, end) {
  return targets.flatMap(({ time, target }, index) => [
    { time, score: target },
    { time: targets[index + 1]?.time ?? end, score: target },
  ]);
}

/**
 * The chart. `label` says in words what it shows; `day` writes a time below it.
 * @param {Lines} lines
 * @param {{label: string, height: number, day: (time: number) => string, percent: (score: number) => string}} options
 */
export function scoreLines(lines, { label, height, day, percent }) {
  const targets = steps(lines.targets, lines.end);
  const across = levels([...lines.points, ...targets].map(({ score }) => score));
  const low = across[0] ?? 0;
  const high = across[across.length - 1] ?? 100;
  const span = Math.max(1, lines.end - lines.start);
  const left = height < WIDE_FROM ? 12 : 4;
  /** @param {number} time in percent of the width, from beside the labels of the levels on */
  const x = (time) => left + ((97 - left) * (Math.min(lines.end, Math.max(lines.start, time)) - lines.start)) / span;
  /** @param {number} score in pixels */
  const y = (score) => TOP + ((height - TOP - BOTTOM) * (high - score)) / (high - low);
  /** @param {{time: number, score: number}[]} corners */
  const path = (corners) => corners.map(({ time, score }, index) => `${index ? 'L' : 'M'}${x(time).toFixed(2)} ${y(score).toFixed(1)}`).join('');
  // The last label is the last day that is in the window.
  const labelled = [lines.start, (lines.start + lines.end) / 2, lines.end - 1];
  const anchors = ['start', 'middle', 'end'];

  return html`<svg class="lines" role="img" aria-label=${label} width="100%" height=${height}>
    ${across.map((score) => svg`<line class="lines-level" x1="0" x2="100%" y1=${y(score)} y2=${y(score)}></line>
      <text class="lines-text" x="0" y=${y(score) - 3}>${percent(score)}</text>`)}
    ${lines.sessions.map((time) => svg`<line class="lines-session" x1=${`${x(time)}%`} x2=${`${x(time)}%`} y1=${TOP} y2=${height - BOTTOM}></line>
      <rect class="lines-session-mark" x=${`${x(time)}%`} y=${height - BOTTOM - 4} width="8" height="8" rx="1" transform="translate(-4 0)"></rect>`)}
    <svg width="100%" height=${height} viewBox=${`0 0 100 ${height}`} preserveAspectRatio="none">
      <path class="lines-target" d=${path(targets) || 'M0 0'} vector-effect="non-scaling-stroke"></path>
      <path class="lines-score" d=${path(lines.points) || 'M0 0'} vector-effect="non-scaling-stroke"></path>
    </svg>
    ${lines.points.map(({ time, score }) => svg`<circle class="lines-point" cx=${`${x(time)}%`} cy=${y(score)} r="3.5"></circle>`)}
    ${labelled.map((time, index) => svg`<text class="lines-text" x=${`${x(time)}%`} y=${height - 6} text-anchor=${anchors[index]}>${day(time)}</text>`)}
  </svg>`;
}
