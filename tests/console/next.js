// Whom to coach next: reasons, and a session from one with one press.

import { sessionOf } from './api.js';
import { expect } from './browser.js';

export async function next(browser) {
  const maria = await browser.signedIn('maria');
  await maria.visit('/next');
  const first = await maria.text('.candidates > li');
  expect(/overdue/.test(first) && /points below/.test(first) && /scorecards/.test(first), first);
  await maria.check('next');
  await maria.page.locator('::-p-xpath((//button[contains(., "Plan a session on")])[1])').click();
  await maria.page.waitForSelector('#notes');
  await maria.loaded();
  const session = await sessionOf(maria.page.url().split('/').at(-1));
  expect(session.state === 'SCHEDULED' && /points below/.test(session.privateNotes), JSON.stringify(session));
  maria.quiet('next');
}
