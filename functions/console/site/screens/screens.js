// All screens. The menu has those of a role in this order, and the first is where they begin.

import { activity } from './activity.js';
import { agent } from './agent.js';
import { mine } from './mine.js';
import { next } from './next.js';
import { session } from './session.js';
import { team } from './team.js';

/** @type {import('../scripts/router.js').Screen[]} */
export const screens = [team, next, agent, session, activity, mine];
