// Coaching activity: rates with what they are rates of.

import { expect } from './browser.js';

export async function activity(browser) {
  const maria = await browser.signedIn('maria');
  await maria.visit('/activity');
  const row = await maria.text('table.activity tbody tr');
  expect(/Maria Moreno/.test(row) && /\d+ of \d+/.test(row) && /%/.test(row), row);
  await maria.check('activity');
}
