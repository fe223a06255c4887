// The screens of the console, on the demo: of managers, of an admin, of agents, and of several people together. Arguments name the cases to run.

import { activity } from './activity.js';
import { admin } from './admin.js';
import { agent } from './agent.js';
import { Browser } from './browser.js';
import { mine } from './mine.js';
import { next } from './next.js';
import { conflict, life, lost } from './session.js';
import { crowd, team } from './team.js';

const cases = { team, next, agent, activity, admin, mine, life, conflict, lost, crowd };
const asked = process.argv.slice(2);
const browser = await Browser.start();
try {
  for (const [name, run] of Object.entries(cases)) {
    if (asked.length && !asked.includes(name)) continue;
    const start = performance.now();
    await run(browser);
    console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
} finally {
  await browser.end();
}
