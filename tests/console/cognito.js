// Sign-in at the emulated Amazon Cognito at COGNITO_URL: its managed login, its tokens, its sign-out.
//
// The emulator names AWS as its issuer, as Cognito does. So the browser finds the issuer's metadata under that address,
// answered by the emulator.

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { Browser, expect } from './browser.js';
import { Gateway } from './gateway.js';

const tools = createRequire(path.resolve(process.env.NODE_TOOLS ?? 'target/node', 'tools.js'));
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(tools.resolve('jose')));

const emulator = process.env.COGNITO_URL;
const REGION = 'us-east-1';
const PASSWORD = 'Four-words-1-of-no-meaning';

/** Calls `action` of Cognito's own API. */
async function cognito(action, parameters) {
  const response = await fetch(emulator, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `AWSCognitoIdentityProviderService.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/cognito-idp/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify(parameters),
  });
  const answer = await response.json();
  expect(response.ok, `${action}: ${JSON.stringify(answer)}`);
  return answer;
}

let keys;
let client;
let issuer;
const gateway = await Gateway.start(async (token) => {
  const { payload } = await jwtVerify(token, keys, { issuer });
  expect(payload.client_id === client && payload.token_use === 'access', 'an access token of the client');
  return payload.username;
});
const browser = await Browser.start();

async function cases() {
  const { UserPool: pool } = await cognito('CreateUserPool', { PoolName: 'console' });
  const created = await cognito('CreateUserPoolClient', {
    UserPoolId: pool.Id,
    ClientName: 'console',
    AllowedOAuthFlows: ['code'],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthScopes: ['openid'],
    CallbackURLs: [gateway.address],
    LogoutURLs: [gateway.address],
    SupportedIdentityProviders: ['COGNITO'],
    ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  });
  client = created.UserPoolClient.ClientId;
  await cognito('CreateUserPoolDomain', { UserPoolId: pool.Id, Domain: `coaching-${Date.now()}` });
  await cognito('AdminCreateUser', { UserPoolId: pool.Id, Username: 'maria', MessageAction: 'SUPPRESS' });
  await cognito('AdminSetUserPassword', { UserPoolId: pool.Id, Username: 'maria', Password: PASSWORD, Permanent: true });
  issuer = `https://cognito-idp.${REGION}.amazonaws.com/${pool.Id}`;
  keys = createRemoteJWKSet(new URL(`${emulator}/${pool.Id}/.well-known/jwks.json`));
  await gateway.serve({
    ISSUER: issuer,
    AUDIENCE: client,
    CLIENT_ID: client,
    SCOPES: 'openid',
    TOKEN_ORIGIN: new URL(emulator).origin,
  });

  const page = await browser.open(gateway.address);
  await page.page.setRequestInterception(true);
  page.page.on('request', async (request) => {
    if (!request.url().startsWith(issuer)) return request.continue();
    const metadata = await fetch(request.url().replace(`https://cognito-idp.${REGION}.amazonaws.com`, emulator));
    const headers = { 'access-control-allow-origin': '*' };
    return request.respond({ status: metadata.status, contentType: 'application/json', headers, body: await metadata.text() });
  });
  await page.page.waitForSelector('main.welcome');
  await page.click('main.welcome button.main');
  await page.page.locator('#username').fill('maria');
  await page.page.locator('#password').fill(PASSWORD);
  await page.page.locator('button[type=submit]').click();
  await page.page.waitForSelector('body > header');
  await page.loaded();
  expect((await page.text('body > header')).includes('Maria Moreno'), 'Maria is signed in');
  const before = await page.page.evaluate(() => JSON.parse(sessionStorage.getItem('coaching.tokens')));
  expect(before.access && before.refresh && before.id, 'there are an access, a refresh and an ID token');
  console.log('signed in at Cognito');

  // The access token ends now, so the next request renews it.
  await page.page.evaluate((tokens) => sessionStorage.setItem('coaching.tokens', JSON.stringify({ ...tokens, access: 'over', ends: 1 })), before);
  await page.page.reload();
  await page.loaded();
  const after = await page.page.evaluate(() => JSON.parse(sessionStorage.getItem('coaching.tokens')));
  expect(after.access !== 'over' && after.refresh, 'the access token is renewed');
  console.log('renewed at Cognito');

  page.quiet('signed in');
  const left = page.page.waitForRequest((request) => request.url().includes('/logout?'));
  await page.page.evaluate(() => [...document.querySelectorAll('body > header button')].at(-1).click());
  const asked = new URL((await left).url()).searchParams;
  expect(asked.get('client_id') === client && asked.get('logout_uri') === gateway.address, `signed out: ${asked}`);
  console.log('signed out at Cognito');
}

try {
  await cases();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await browser.end();
gateway.end();
