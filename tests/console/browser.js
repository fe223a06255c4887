// Opens the console of a service in Chromium, as one of the demo's people: of the service whose `environment` file the
// variables COACHING_URL and CONSOLE_URL are of.
//
//   const browser = await Browser.start();
//   const page = await browser.signedIn('maria');
//   await page.visit('/team');
//   await page.check('team');            // axe-core, the console, a picture in light and dark, wide and narrow
//   await browser.end();
//
// Pictures are left in PICTURES.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const tools = createRequire(path.resolve(process.env.NODE_TOOLS ?? 'target/node', 'tools.js'));
const puppeteer = tools('puppeteer-core');
const AXE = readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

const PICTURES = process.env.PICTURES ?? 'target/console';
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

/** The address that the service listens on. */
export const url = process.env.COACHING_URL ?? 'http://127.0.0.1:3000';

/** Stops unless `holds`. */
export function expect(holds, what) {
  if (!holds) throw new Error(what);
}

/** A page, with what it wrote to the console. */
export class Page {
  errors = [];
  /** Errors that a case means to cause: those that match are none. */
  expected = [];

  constructor(page, origin) {
    this.page = page;
    // An issuer's own pages are not ours to judge.
    const note = (error) => {
      if (page.url().startsWith(origin)) this.errors.push(error);
    };
    page.on('console', (message) => {
      const where = message.location().url ?? '';
      const isOfOthers = where.startsWith('http') && !where.startsWith(origin);
      if (['error', 'warn'].includes(message.type()) && !isOfOthers) note(message.text());
    });
    page.on('pageerror', (error) => note(String(error)));
    page.on('requestfailed', (request) => note(`${request.url()}: ${request.failure()?.errorText}`));
    page.setDefaultTimeout(30_000);
  }

  /** Goes to a screen of the profile in the address, and waits until it is loaded. */
  async visit(screen, profile = 'support') {
    await this.page.evaluate(async (hash) => {
      const gone = new Promise((resolve) => { addEventListener('hashchange', resolve, { once: true }); });
      if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange'));
      else location.hash = hash;
      await gone;
    }, `#/${profile}${screen}`);
    await this.loaded();
  }

  /** Waits until nothing is loading. */
  async loaded() {
    await this.page.waitForFunction(() => document.querySelector('main:not([aria-busy]) h1') && !document.querySelector('loading-state'));
    await this.page.waitForNetworkIdle({ idleTime: 150 });
  }

  /** The text of what `selector` finds. */
  text(selector = 'main') {
    return this.page.$eval(selector, (element) => element.innerText);
  }

  async click(selector) {
    await this.page.locator(selector).click();
  }

  async type(selector, text) {
    await this.page.locator(selector).fill(text);
  }

  /** The page is accessible and narrow enough in light and dark, and wrote no error. Leaves pictures called `name`. */
  async check(name) {
    mkdirSync(PICTURES, { recursive: true });
    const { page } = this;
    for (const scheme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      for (const [width, viewport] of [['wide', WIDE], ['narrow', NARROW]]) {
        await page.setViewport(viewport);
        await page.screenshot({ path: path.join(PICTURES, `${name}-${width}-${scheme}.png`), fullPage: true });
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(beyond <= 0, `${name}, ${width}: ${beyond} pixels wider than the window`);
        await this.accessible(`${name}, ${width}, ${scheme}`);
      }
    }
    await page.setViewport(WIDE);
    this.quiet(name);
  }

  async accessible(name) {
    // In the page's own world the policy would refuse to run a text.
    const client = await this.page.createCDPSession();
    const { frameTree } = await client.send('Page.getFrameTree');
    const world = await client.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
    const run = (expression) =>
      client.send('Runtime.evaluate', { expression, contextId: world.executionContextId, awaitPromise: true, returnByValue: true });
    await run(AXE);
    const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { result, exceptionDetails } = await run(
      `axe.run(document, { runOnly: ${JSON.stringify(rules)} }).then(({ violations }) => JSON.stringify(
        violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html + ' ' + node.failureSummary) }))))`,
    );
    await client.detach();
    expect(!exceptionDetails, `axe-core: ${exceptionDetails?.exception?.description}`);
    const violations = JSON.parse(result.value);
    expect(violations.length === 0, `${name}: ${JSON.stringify(violations, null, 2)}`);
  }

  /** Nothing but expected errors was written to the console. */
  quiet(name) {
    const said = this.errors.filter((error) => !this.expected.some((pattern) => pattern.test(error)));
    expect(said.length === 0, `${name}: the console says ${JSON.stringify(said)}`);
  }
}

/** Chromium. Each person has a window of their own, without the others' storage. */
export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await puppeteer.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--lang=en'],
      env: { ...process.env, LANGUAGE: 'en' },
    });
    return browser;
  }

  /** A page of a new window at `address`. */
  async open(address) {
    const context = await this.chromium.createBrowserContext();
    const page = new Page(await context.newPage(), new URL(address).origin);
    await page.page.setViewport(WIDE);
    await page.page.goto(address);
    return page;
  }

  /** A page on which the demo's `person` is signed in, such as `maria`. */
  async signedIn(person) {
    const page = await this.open(await signInAddress(person));
    await page.loaded();
    return page;
  }

  async end() {
    await this.chromium.close();
  }
}

/** The address that signs in `person`. */
export async function signInAddress(person) {
  const token = (process.env.CONSOLE_URL ?? '').split('#token=')[1];
  expect(token, 'CONSOLE_URL is no address that signs in');
  const response = await fetch(`${url}/console/people`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, origin: url },
  });
  expect(response.ok, `/console/people: ${response.status}`);
  const { people } = await response.json();
  const found = people.find(({ userName }) => userName.endsWith(`/${person}`));
  expect(found, `the demo has no ${person}`);
  return `${url}/#token=${found.token}`;
}
