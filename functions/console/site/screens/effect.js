// What coaching brought, in the words of a coach: what moved, how sure that is, and what colleagues did meanwhile.

import { number, percent, text } from '../scripts/messages.js';
import { points } from './figures.js';

/** @typedef {import('./scope.js').Schemas['CoachingEffect']} Effect  of a plan or session on one criterion */

/**
 * The effect as sentences.
 * @param {Effect} effect
 */
export function effectInWords({ beforeScore, beforeScorecardCount, afterScore, afterScorecardCount, effect, interval, isComplete, overlaps, comparison, adjustedEffect }) {
  const counts = { before: number(beforeScorecardCount), after: number(afterScorecardCount) };
  if (effect === undefined || beforeScore === undefined || afterScore === undefined) {
    return [text('effect.tooFew', counts), isComplete ? '' : text('effect.goesOn')].filter(Boolean).join(' ');
  }
  const sentences = [text('effect.moved', { from: percent(beforeScore), to: percent(afterScore), points: points(effect), ...counts })];
  if (!interval) sentences.push(text('effect.oneDay'));
  else if (interval.lower > 0 || interval.upper < 0) sentences.push(text('effect.sure', { lower: points(interval.lower), upper: points(interval.upper) }));
  else sentences.push(text('effect.unsure', { lower: points(interval.lower), upper: points(interval.upper) }));
  if (comparison && adjustedEffect !== undefined) {
    const values = { count: comparison.agentCount, points: points(comparison.effect), adjusted: points(adjustedEffect) };
    sentences.push(text('effect.compared', values));
  } else sentences.push(text('effect.notCompared'));
  if (overlaps) sentences.push(text('effect.overlaps'));
  if (!isComplete) sentences.push(text('effect.goesOn'));
  return sentences.join(' ');
}
