// An agent's own page: what waits, goals, history, and nobody else's.

import { expect } from './browser.js';

export async function mine(browser) {
  const ana = await browser.signedIn('ana');
  const words = await ana.text();
  expect(/Hello, Ana Abe/.test(words) && /wait for you/.test(words), words);
  expect(/Maria Moreno/.test(await ana.text('.card figcaption')), 'who said it');
  expect((await ana.page.$$('table.goals svg.bar')).length >= 3, 'goals are bars');
  await ana.type('#comment', 'Could we look at a chat next time?');
  await ana.page.locator('::-p-xpath(//button[contains(., "Send the comment only")])').click();
  await ana.page.waitForFunction(() => /comment was sent/.test(document.querySelector('.told').innerText));
  await ana.click('.sessions li:nth-child(2) summary');
  await ana.check('mine');
}
