// Downloads of exports: what the answer holds, or what a job makes, which is waited for.

import { get } from '../scripts/api.js';
import { text } from '../scripts/messages.js';
import { idOf } from '../scripts/session.js';

/** @typedef {import('coaching-api').components['schemas']['ExportResponse']} ExportResponse */

/** The pause between two looks at a job, in milliseconds. */
const LOOK_EVERY = 1000;

/**
 * Saves `address` as a file of the person.
 * @param {string} address
 * @param {string} fileName
 */
function save(address, fileName) {
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
}

/**
 * Saves what an export answered, and tells how far a job is.
 * @param {ExportResponse} answer
 * @param {import('../scripts/router.js').Visit} visit
 */
export async function download({ content, contentType, fileName, rowCount, job }, visit) {
  if (content !== undefined) {
    const address = URL.createObjectURL(new Blob([content], { type: contentType ?? 'text/csv' }));
    save(address, fileName ?? 'export.csv');
    URL.revokeObjectURL(address);
    visit.say(text('export.done', { count: rowCount ?? 0 }));
    return;
  }
  for (;;) {
    const made = await get('…/jobs/{job}', { path: { job: idOf(job ?? '') }, signal: visit.signal });
    if (made.job.state === 'SUCCEEDED') {
      for (const { uri, fileName } of made.job.results) if (uri) save(uri, fileName);
      visit.say(text('export.done', { count: made.job.results.reduce((sum, { rowCount }) => sum + rowCount, 0) }));
      return;
    }
    if (made.job.state === 'FAILED' || made.job.state === 'CANCELLED') throw new Error(made.job.error?.message ?? text('export.failed'));
    visit.say(text('export.working', { percent: made.job.progressPercent }));
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}
