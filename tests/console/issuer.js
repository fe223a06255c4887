// Sign-in as on AWS, at an OpenID provider that shares no code with the console: authorization code with PKCE, renewal
// with rotating refresh tokens, sign-in anew over a page that stays, signing out.
//
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import path from 'node:path';

import { Browser, expect } from './browser.js';
import { listen } from './function.js';
import { Gateway } from './gateway.js';

const tools = createRequire(path.resolve(process.env.NODE_TOOLS ?? 'target/node', 'tools.js'));
const load = (name) => import(pathToFileURL(tools.resolve(name)));
const { Provider } = await load('oidc-provider');
const { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } = await load('jose');

const CLIENT = 'console';
const AUDIENCE = 'https://coaching.example/api';
/** The lifetime of an access token, in seconds: it ends so soon that each request renews it. */
const LIFETIME = 30;

// --- the issuer

const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'one' };
const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', use: 'sig', kid: 'one' }] });
/** The grants that the token endpoint was asked for. */
const grants = [];
let provider;
const issuerServer = await listen((request, response) => provider.callback()(request, response));
const issuer = `http://${issuerServer.address}`;

// --- the deployment

const gateway = await Gateway.start(async (token) => (await jwtVerify(token, keys, { issuer, audience: AUDIENCE })).payload.sub);
const { address } = gateway;

provider = new Provider(issuer, {
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: [address],
      post_logout_redirect_uris: [address],
    },
  ],
  jwks: { keys: [jwk] },
  clientBasedCORS: () => true,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  cookies: { keys: ['of this test'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  ttl: { AccessToken: LIFETIME, Grant: 3600, IdToken: 3600, Interaction: 3600, RefreshToken: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid',
        audience: AUDIENCE,
        accessTokenTTL: LIFETIME,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.on('grant.success', (context) => grants.push(context.oidc.params.grant_type));

await gateway.serve({ ISSUER: issuer, AUDIENCE, CLIENT_ID: CLIENT, SCOPES: 'openid' });

// --- the cases

const browser = await Browser.start();

/** Signs in at the provider's own pages: its form for a name, and its question whether the console may. */
async function signInAtIssuer(page, person) {
  await page.locator('input[name=login]').fill(person);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.waitForSelector('input[name=prompt][value=consent]');
  await page.locator('button[type=submit]').click();
}

const kept = (page) => page.page.evaluate(() => JSON.parse(sessionStorage.getItem('coaching.tokens')));

async function cases() {
  const page = await browser.open(address);
  await page.page.waitForSelector('main.welcome');
  await page.check('signed-out');
  await page.click('main.welcome button.main');
  await signInAtIssuer(page.page, 'maria');
  await page.page.waitForSelector('body > header');
  await page.loaded();
  const here = await page.page.evaluate(() => location.href);
  expect(!/code=|state=|token/.test(here), `the address still has the answer: ${here}`);
  expect(page.page.url().startsWith(address), page.page.url());
  expect((await page.text('body > header')).includes('Maria Moreno'), 'Maria is signed in');
  const { access, refresh } = await kept(page);
  expect(access && refresh, 'there are an access and a refresh token');
  expect(grants[0] === 'authorization_code', grants.join());
  expect((await page.page.evaluate(() => JSON.stringify(localStorage))).search(access) < 0, 'no token is in local storage');
  console.log('signed in by authorization code with PKCE');

  await page.page.reload();
  await page.loaded();
  const renewed = await kept(page);
  expect(grants.includes('refresh_token') && renewed.access !== access, 'a token that ends soon is renewed');
  expect(renewed.refresh !== refresh, 'the refresh token has rotated');
  console.log('renewed by a refresh token that rotates');

  // The issuer takes everything back while somebody is at work.
  await page.page.evaluate(() => {
    const tokens = JSON.parse(sessionStorage.getItem('coaching.tokens'));
    sessionStorage.setItem('coaching.tokens', JSON.stringify({ access: tokens.access, ends: Date.now() + 3_600_000 }));
  });
  await page.page.reload();
  await page.loaded();
  gateway.isClosed = true;
  page.expected.push(/401/);
  await page.page.evaluate(() => { document.body.dataset.before = 'as it was'; });
  const hash = await page.page.evaluate(() => location.hash);
  await page.page.evaluate(() => dispatchEvent(new HashChangeEvent('hashchange')));
  await page.page.waitForSelector('dialog[open]');
  await page.accessible('signed out meanwhile');
  gateway.isClosed = false;
  const opened = new Promise((resolve) => { page.page.once('popup', resolve); });
  await page.click('dialog button.main');
  const popup = await opened;
  await popup.waitForSelector('input[name=login], body').catch(() => {});
  if (await popup.$('input[name=login]').catch(() => null)) await signInAtIssuer(popup, 'maria');
  await page.page.waitForFunction(() => !document.querySelector('dialog'));
  await page.loaded();
  const stays = await page.page.evaluate(() => document.body.dataset.before + location.hash);
  expect(stays === `as it was${hash}`, `the page stayed as it was: ${stays}`);
  console.log('signed in again in a window of its own, over the page as it was');

  page.quiet('signed in');
  await page.page.evaluate(() => [...document.querySelectorAll('body > header button')].at(-1).click());
  await page.page.waitForSelector('button[value=yes]');
  await page.page.locator('button[value=yes]').click();
  await page.page.waitForSelector('main.welcome');
  expect((await kept(page)) === null, 'no token is left');
  console.log('signed out here and at the issuer');

  for (const [answer, why] of [
    ['?code=stolen&state=other', 'a code that nobody asked for'],
    ['?error=access_denied&state=other', 'a refusal that nobody asked for'],
  ]) {
    const forged = await browser.open(address + answer);
    await forged.page.waitForSelector('main.welcome [role=alert]');
    expect(forged.page.url() === address && (await kept(forged)) === null, why);
    forged.quiet(why);
  }
  console.log('answers to a sign-in that was not begun are refused');
}

try {
  await cases();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await browser.end();
gateway.end();
issuerServer.server.closeAllConnections();
issuerServer.server.close();
