// Sessions: a whole life by two people, two editors at once, and a service that cannot be reached.

import { newSession, send, sessionOf } from './api.js';
import { expect } from './browser.js';

const saved = (page) => page.page.waitForSelector('.save-state.saved');
const press = async (page, words) => {
  await page.page.locator(`::-p-xpath(//button[contains(., "${words}")])`).click();
};

export async function life(browser) {
  const maria = await browser.signedIn('maria');
  await maria.visit('/agents/ana');
  await press(maria, 'New session');
  await maria.page.waitForSelector('#notes');
  await maria.loaded();
  const id = maria.page.url().split('/').at(-1);
  expect((await sessionOf(id)).state === 'SCHEDULED', 'it is planned');
  await maria.type('#notes', 'Listened to two calls.');
  await maria.type('#private', 'Ready for more.');
  await saved(maria);
  await maria.page.waitForNetworkIdle();
  const held = await sessionOf(id);
  expect(held.meetingNotes === 'Listened to two calls.' && held.privateNotes === 'Ready for more.', JSON.stringify(held));
  expect(/first session|Last time/.test(await maria.text()), 'last time stands beside');
  await maria.check('session');
  // The agent waits for what was to be held now.
  await send('MANAGER', 'PATCH', `/profiles/support/coachingSessions/${id}`, { coachingSession: { sessionTime: new Date(Date.now() - 3_600_000).toISOString() } });
  await maria.page.reload();
  await maria.loaded();
  await press(maria, 'Submit to Ana');
  await maria.page.waitForFunction(() => /can read the notes/.test(document.querySelector('.told').innerText));
  expect((await sessionOf(id)).state === 'SUBMITTED', 'it is submitted');

  const ana = await browser.signedIn('ana');
  for (let waiting = 0; waiting < 5 && (await sessionOf(id)).state !== 'ACKNOWLEDGED'; waiting += 1) {
    const isThis = (await ana.text('.card blockquote')) === 'Listened to two calls.';
    if (isThis) {
      await ana.check('mine-waiting');
      await ana.type('#comment', 'Agreed.');
    }
    await press(ana, 'I have read it');
    await ana.page.waitForNetworkIdle({ idleTime: 300 });
  }
  const acknowledged = await sessionOf(id);
  expect(acknowledged.state === 'ACKNOWLEDGED' && acknowledged.agentComment === 'Agreed.', JSON.stringify(acknowledged));
  expect(!/Ready for more/.test(await ana.text()), 'private notes stay private');

  await maria.page.reload();
  await maria.loaded();
  expect(/Ana Abe has acknowledged/.test(await maria.text()) && /Agreed\./.test(await maria.text()), 'Maria sees it');
  await maria.type('#notes', 'Listened to three calls.');
  await maria.page.waitForFunction(() => /Changed since Ana Abe acknowledged/.test(document.querySelector('main').innerText));
  expect((await sessionOf(id)).state === 'SUBMITTED', 'changed notes are to be acknowledged again');
  await maria.check('session-changed');
  ana.quiet('life');
}

export async function conflict(browser) {
  const { name } = await newSession({ meetingNotes: 'At first.' });
  const id = name.split('/').at(-1);
  const [maria, ada] = [await browser.signedIn('maria'), await browser.signedIn('ada')];
  for (const page of [maria, ada]) {
    // The demo's admin is nobody in the directory.
    page.expected.push(/409/, /404/);
    await page.visit(`/sessions/${id}`);
  }
  await maria.type('#private', 'Of Maria.');
  await saved(maria);
  await ada.type('#notes', 'Of Ada.');
  await saved(ada);
  await ada.page.waitForNetworkIdle();
  let now = await sessionOf(id);
  expect(now.meetingNotes === 'Of Ada.' && now.privateNotes === 'Of Maria.', `what does not touch is merged: ${JSON.stringify(now)}`);

  await maria.type('#notes', 'Of Maria.');
  await maria.page.waitForFunction(() => /^ada changed this/.test(document.querySelector('.conflict')?.innerText ?? ''));
  const shown = await maria.text('.conflict');
  expect(/Of Maria\./.test(shown) && /Of Ada\./.test(shown), `both versions are shown: ${shown}`);
  expect((await sessionOf(id)).meetingNotes === 'Of Ada.', 'and nothing is overwritten');
  await maria.check('session-conflict');
  await maria.type('#notes', 'Of both.');
  await press(maria, 'Keep mine');
  await saved(maria);
  now = await sessionOf(id);
  expect(now.meetingNotes === 'Of both.', JSON.stringify(now));

  await ada.type('#notes', 'Of Ada again.');
  await ada.page.waitForSelector('.conflict');
  await press(ada, 'Take theirs');
  await saved(ada);
  expect((await ada.page.$eval('#notes', (notes) => notes.value)) === 'Of both.', 'theirs is taken');
}

export async function lost(browser) {
  const { name } = await newSession();
  const id = name.split('/').at(-1);
  const maria = await browser.signedIn('maria');
  maria.expected.push(/ERR_INTERNET_DISCONNECTED/, /503/);
  await maria.visit(`/sessions/${id}`);
  await maria.page.setOfflineMode(true);
  await maria.type('#notes', 'Written in a tunnel.');
  await maria.page.waitForSelector('.save-state.failed');
  expect(/cannot be reached/.test(await maria.text()), 'it is told');
  await maria.page.setOfflineMode(false);
  await saved(maria);
  await maria.page.waitForNetworkIdle();
  expect((await sessionOf(id)).meetingNotes === 'Written in a tunnel.', 'what was typed is saved when the service is reached');

  await maria.page.setRequestInterception(true);
  let isBusy = true;
  maria.page.on('request', (request) => {
    if (isBusy && request.method() === 'PATCH') void request.respond({ status: 503, contentType: 'application/json', body: '{"message":"busy"}' });
    else void request.continue();
  });
  await maria.type('#notes', 'Written while it was busy.');
  await maria.page.waitForSelector('.save-state.failed');
  expect(/is busy/.test(await maria.text()), 'it is told');
  isBusy = false;
  await saved(maria);
  await maria.page.waitForNetworkIdle();
  expect((await sessionOf(id)).meetingNotes === 'Written while it was busy.', 'and tried again');
  maria.quiet('lost');

  const ben = await browser.signedIn('maria');
  ben.expected.push(/404/);
  await ben.visit('/sessions/none');
  expect(/does not exist/.test(await ben.text()), 'what does not exist is told');
}
