// The frame of the console on one machine: sign-in by the printed address, the demo's people, languages, what is shown
// when something fails; and the renderer.

import { Browser, expect, signInAddress, url } from './browser.js';

const browser = await Browser.start();

const kept = (page) => page.page.evaluate(() => sessionStorage.getItem('coaching.tokens'));
const header = (page) => page.text('body > header');

async function signIn() {
  const stranger = await browser.open(url);
  await stranger.page.waitForSelector('main.welcome');
  await stranger.check('welcome');
  const wrong = await browser.open(`${url}/#token=maria.AAAAAAAAAAAAAAAAAAAAAA`);
  wrong.expected.push(/401/);
  await wrong.page.waitForSelector('main.welcome');
  expect((await kept(wrong)) === null && !wrong.page.url().includes('token'), 'a wrong token signs nobody in and is gone');

  const page = await browser.open(await signInAddress('maria'));
  await page.loaded();
  expect(!page.page.url().includes('token'), `the token is taken out of the address: ${page.page.url()}`);
  expect((await header(page)).includes('Maria Moreno'), 'Maria is signed in');
  expect((await page.page.evaluate(() => document.cookie + JSON.stringify(localStorage))).length < 60, 'nothing is kept but in the session');
  await page.page.reload();
  await page.loaded();
  expect((await header(page)).includes('Maria Moreno'), 'she stays signed in');
  await page.page.evaluate(() => [...document.querySelectorAll('body > header button')].at(-1).click());
  await page.page.waitForSelector('main.welcome');
  expect((await kept(page)) === null, 'signing out leaves no token');
  page.quiet('sign-in');
}

async function people() {
  const page = await browser.signedIn('maria');
  const choice = 'body > header select';
  const choose = async (value) => {
    const selects = await page.page.$$(choice);
    for (const select of selects) {
      const values = await select.$$eval('option', (options) => options.map((option) => option.value));
      if (values.includes(value)) await select.select(value);
    }
    await page.loaded();
  };
  for (const [person, role] of [['ana', 'agent'], ['ada', 'admin'], ['support-supervisor-0', 'manager']]) {
    await choose(`customers/acme/users/${person}`);
    await page.page.waitForFunction(async (name) => {
      const { session } = await import(document.querySelector('script').src.replace('main.js', 'session.js'));
      return session.userName.endsWith(`/${name}`);
    }, {}, person);
    await page.loaded();
    const whoami = await page.page.evaluate(async () => {
      const { session } = await import(document.querySelector('script').src.replace('main.js', 'session.js'));
      return { user: session.userName, role: session.role, profiles: session.profiles };
    });
    expect(whoami.user.endsWith(`/${person}`) && whoami.role === role, JSON.stringify(whoami));
  }
  await choose('de');
  expect((await page.page.evaluate(() => document.documentElement.lang)) === 'de', 'the language is said');
  expect((await header(page)).includes('Abmelden'), 'and spoken');
  page.quiet('people');
}

async function failures() {
  const page = await browser.signedIn('maria');
  await page.visit('/no/such/screen');
  await page.check('no-such-page');
  let answer = null;
  await page.page.setRequestInterception(true);
  page.page.on('request', (request) => {
    const isAsked = request.url().includes('/v1/') || request.url().endsWith('/console/people');
    return answer && isAsked ? answer(request) : request.continue();
  });
  page.expected.push(/Failed to load resource/, /net::ERR/);
  const json = (status, body, headers = {}) => (request) =>
    request.respond({ status, contentType: 'application/json', headers, body: JSON.stringify(body) });
  const details = (reason) => [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'coaching', metadata: {} }];
  for (const [what, given, shown] of [
    ['offline', (request) => request.abort('internetdisconnected'), 'cannot be reached'],
    ['forbidden', json(403, { message: 'no', details: details('PERMISSION_DENIED') }), 'may not see'],
    ['broken', json(500, { message: 'the service failed', details: details('INTERNAL_ERROR') }, { 'x-request-id': 'abc' }), 'Request abc'],
  ]) {
    answer = given;
    await page.visit('/');
    await page.page.waitForSelector('error-state [role=alert]');
    expect((await page.text()).includes(shown), `${what}: ${await page.text()}`);
    await page.accessible(what);
  }
  let asked = 0;
  answer = (request) => {
    asked += 1;
    return asked < 3 ? json(503, {}, { 'retry-after': '0' })(request) : request.continue();
  };
  await page.page.evaluate(() => document.querySelector('error-state button').click());
  await page.loaded();
  expect(asked >= 3 && !(await page.page.$('error-state [role=alert]')), 'what the service could not take is repeated');

  // The token is refused while somebody works: they sign in over the page as it is.
  let isRefused = true;
  answer = (request) => (isRefused ? json(401, { message: 'Unauthorized' })(request) : request.continue());
  await page.page.evaluate(() => dispatchEvent(new HashChangeEvent('hashchange')));
  await page.page.waitForSelector('dialog[open] input');
  await page.accessible('signed out meanwhile');
  const before = await page.page.evaluate(() => location.href);
  isRefused = false;
  await page.type('dialog input', await signInAddress('ana'));
  await page.click('dialog form button');
  await page.page.waitForFunction(() => document.querySelector('dialog [role=alert]'));
  await page.type('dialog input', await signInAddress('maria'));
  await page.click('dialog form button');
  await page.page.waitForFunction(() => !document.querySelector('dialog'));
  await page.loaded();
  expect((await page.page.evaluate(() => location.href)) === before, 'the page stays as it was');
  page.quiet('failures');
}

/** What cannot be tried from screens alone: the renderer takes values for values. */
async function renderer() {
  const page = await browser.signedIn('maria');
  const wrong = await page.page.evaluate(async () => {
    const { html, keyed, render } = await import(document.querySelector('script').src.replace('main.js', 'html.js'));
    const wrong = [];
    const expect = (holds, what) => holds || wrong.push(what);
    const refuses = (what, show) => {
      try {
        show();
        wrong.push(`${what} was taken`);
      } catch (error) {
        expect(error instanceof TypeError, `${what}: ${error}`);
      }
    };
    const place = document.createElement('div');
    document.body.append(place);

    const evil = '<img src=x onerror="window.evil = true">"\'&';
    render(html`<p title=${evil} class="a ${evil}">${evil}</p>`, place);
    expect(place.querySelectorAll('*').length === 1, 'a value became an element');
    expect(place.textContent === evil && place.firstElementChild.title === evil, 'a value was changed');

    const form = (value, flag, entries) => html`
      <input .value=${value} ?disabled=${flag} @input=${() => {}}>
      <ul>${entries.map((entry) => keyed(entry, html`<li>${entry}</li>`))}</ul>
      <select .value=${entries[0]}>${entries.map((entry) => html`<option value=${entry}>${entry}</option>`)}</select>
    `;
    render(form('one', false, ['a', 'b', 'c']), place);
    const input = place.querySelector('input');
    const first = place.querySelector('li');
    input.focus();
    input.value = 'typed';
    input.setSelectionRange(2, 3);
    render(form('one', false, ['c', 'b', 'a']), place);
    expect(input === place.querySelector('input') && document.activeElement === input, 'the focus was lost');
    expect(input.value === 'typed' && input.selectionStart === 2, 'what was typed was lost');
    expect(place.querySelector('ul').textContent === 'cba' && place.querySelectorAll('li')[2] === first, 'keyed entries move');
    render(form('two', true, ['b']), place);
    expect(input.value === 'two' && input.disabled, 'another value is taken');
    expect(place.querySelectorAll('li').length === 1 && place.querySelector('select').value === 'b', 'entries go');
    render(html`<p>${null}${undefined}${false}${0}${[1, [2, html`<b>3</b>`]]}</p>`, place);
    expect(place.textContent === '0123', place.textContent);

    refuses('an address that is a script', () => render(html`<a href=${'java\nscript:alert(1)'}>x</a>`, place));
    refuses('a handler as text', () => render(html`<p onclick=${'alert(1)'}></p>`, place));
    refuses('markup as a property', () => render(html`<p .innerHTML=${'<b>x</b>'}></p>`, place));
    refuses('a value in a tag', () => render(html`<p ${'title=x'}></p>`, place));
    refuses('a value in a script', () => render(html`<script>${'alert(1)'}</script>`, place));
    refuses('strings of no literal', () => render(html(Object.assign(['<b></b>'], { raw: ['<b></b>'] })), place));
    refuses('markup without the policy', () => { place.innerHTML = '<b>x</b>'; });
    refuses('another policy', () => trustedTypes.createPolicy('other', {}));
    expect(!window.evil, 'a value was run');
    place.remove();
    return wrong;
  });
  expect(wrong.length === 0, wrong.join('; '));
}

try {
  for (const one of [signIn, people, failures, renderer]) {
    await one();
    console.log(`${one.name}: done`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await browser.end();
