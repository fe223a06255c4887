// An agent: scores over time, a target for a criterion that has none, a comment.

import { expect } from './browser.js';

export async function agent(browser) {
  const maria = await browser.signedIn('maria');
  await maria.visit('/agents/ana');
  const words = await maria.text();
  expect(/Ana Abe/.test(words) && /Greeting and ownership/.test(words), words);
  expect(/scorecards before\).* points\./.test(words), `it says what coaching brought: ${words}`);
  const label = await maria.page.$eval('svg.lines', (chart) => chart.getAttribute('aria-label'));
  expect(/from .*% to .*%.*scorecards.*sessions.*target/.test(label), `a chart says in words: ${label}`);
  await maria.check('agent');
  const without = (await maria.page.$$('figure.chart input')).length;
  expect(without > 2, 'criteria without a target are shown');
  await maria.type('figure.chart input', '85');
  await maria.page.keyboard.press('Enter');
  await maria.page.waitForFunction(() => /The target of .* is 85% now/.test(document.querySelector('.told').innerText));
  expect((await maria.page.$$('figure.chart input')).length === without - 1, 'it has one now');
  await maria.type('#message', 'Well done.');
  await maria.page.locator('::-p-xpath(//button[text()="Send"])').click();
  await maria.page.waitForFunction(() => document.querySelector('#comments').parentElement.innerText.includes('Well done.'));
  maria.quiet('agent');
}
