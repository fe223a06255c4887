// The screens of managers, as an admin sees them.

import { expect } from './browser.js';

const SCREENS = { '/team': /Team of \d+/, '/next': /Coach next/, '/agents/ana': /What coaching brought/, '/activity': /Maria Moreno/ };

export async function admin(browser) {
  const ada = await browser.signedIn('ada');
  for (const [screen, words] of Object.entries(SCREENS)) {
    await ada.visit(screen);
    const shown = await ada.text();
    expect(words.test(shown), `${screen} of an admin: ${shown}`);
    await ada.check(`admin${screen.replaceAll('/', '-')}`);
  }
}
