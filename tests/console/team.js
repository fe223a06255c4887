// A team: what is asked and how soon it is there, its orders, by keyboard; and a profile of five thousand.

import { send } from './api.js';
import { expect } from './browser.js';

/** The requests of a screen, and how soon figures were there after the first byte, in milliseconds. */
const MOST_REQUESTS = 3;
const FIGURES_WITHIN = 1000;
const CROWD = 5000;

const names = (page) => page.page.$$eval('tbody.rows th', (cells) => cells.map((cell) => cell.innerText));
const cells = (page, kind) => page.page.$$eval(`tbody.rows td.${kind}`, (found) => found.map((cell) => cell.innerText));

export async function team(browser) {
  const page = await browser.signedIn('maria');
  const requests = [];
  page.page.on('request', (request) => request.url().includes('/v1/') && requests.push(request.url()));
  await page.page.reload();
  await page.page.waitForSelector('tbody.rows tr:not(.space)');
  const shownAfter = await page.page.evaluate(() => performance.now() - performance.getEntriesByType('navigation')[0].responseStart);
  await page.loaded();
  const ofScreen = requests.filter((address) => /groups|usecases|coachingProgresses/.test(address));
  const others = requests.filter((address) => !ofScreen.includes(address) && !/whoami|\/users\?/.test(address));
  expect(ofScreen.length <= MOST_REQUESTS && !others.length, `the screen asks ${requests.join(' ')}`);
  console.log(`  figures after ${Math.round(shownAfter)} ms, ${ofScreen.length} requests`);
  expect(shownAfter < FIGURES_WITHIN || process.env.SLOW, `figures are there after ${shownAfter} ms`);
  const shift = await page.page.evaluate(
    () =>
      new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.hadRecentInput ? 0 : entry.value; })).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 100);
      }),
  );
  expect(shift === 0, `the layout shifts by ${shift}`);

  const gaps = (await cells(page, 'gap')).map(parseFloat).filter((gap) => !Number.isNaN(gap));
  expect(gaps.length > 5 && gaps.every((gap, index) => index === 0 || gap <= gaps[index - 1]), `those furthest from target come first: ${gaps}`);
  const bar = await page.page.$eval('svg.bar[role=img]', (found) => found.getAttribute('aria-label'));
  expect(/From .*% to .*target .*%.*scorecards/.test(bar), `the bar says in words: ${bar}`);
  await page.check('team');

  // By keyboard alone: to the heading of the names, and pressed.
  await page.page.focus('th[scope=col] button.sort');
  await page.page.keyboard.press('Enter');
  await page.loaded();
  await page.page.waitForSelector('th[aria-sort=ascending]');
  const sorted = await names(page);
  expect(sorted.join() === [...sorted].sort((a, b) => a.localeCompare(b)).join(), `by name: ${sorted}`);
  expect(page.page.url().includes('order=name'), 'the order stands in the address');

  await page.page.select('.choices label:nth-of-type(1) select', 'support-team-0');
  await page.loaded();
  await page.page.waitForFunction((before) => [...document.querySelectorAll('tbody.rows th')].map((cell) => cell.innerText).join() !== before, {}, sorted.join());
  const measure = await page.page.$eval('.choices > label select', (select) => select.options[1].value);
  await page.page.select('.choices > label select', measure);
  await page.loaded();
  const counts = await page.page.$$eval('tbody.rows td.now .count', (found) => found.map((count) => count.textContent));
  expect(counts.length && counts.every((count) => /^\d+\s/.test(count)), `one criterion has one count: ${counts}`);
  await page.click('.choices > button');
  await page.page.waitForFunction(() => /rows were saved/.test(document.querySelector('.told').innerText));
  page.quiet('team');

  const ana = await browser.signedIn('ana');
  await ana.visit('/team');
  expect(/no such page/.test(await ana.text()), 'an agent has no team');
}

export async function crowd(browser) {
  const profile = 'customers/acme/profiles/crowd';
  await send('SERVICE', 'POST', '/profiles/crowd/usecases:batchUpsert', { usecases: [{ name: `${profile}/usecases/care`, displayName: 'care' }] });
  for (let first = 0; first < CROWD; first += 500) {
    const users = Array.from({ length: 500 }, (_, index) => {
      const id = `crowd-${String(first + index).padStart(4, '0')}`;
      return { name: `customers/acme/users/${id}`, displayName: id, isActive: true, roles: ['agent'], profileNames: [profile] };
    });
    await send('SERVICE', 'POST', '/users:batchUpsert', { users });
  }
  const page = await browser.signedIn('maria');
  await page.visit('/team?group=&order=name&direction=asc', 'crowd');
  const rows = () => page.page.$$eval('tbody.rows tr:not(.space)', (found) => found.length);
  const asked = [];
  page.page.on('request', (request) => request.url().includes(':retrieve') && asked.push(request.url()));
  let last = '';
  for (let turn = 0; turn < 100 && last < 'crowd-0600'; turn += 1) {
    await page.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.page.waitForNetworkIdle({ idleTime: 50 });
    expect((await rows()) < 120, `${await rows()} rows are in the page`);
    last = (await names(page)).at(-1) ?? '';
  }
  expect(last >= 'crowd-0600', `one can scroll on: ${last}`);
  expect(asked.length >= 6 && asked.length < 30, `pages are asked for as one scrolls: ${asked.length}`);
  await page.page.evaluate(() => scrollTo(0, 0));
  await page.page.waitForFunction(() => document.querySelector('tbody.rows th')?.innerText === 'crowd-0000');
  await page.accessible('crowd');
  page.quiet('crowd');
}
