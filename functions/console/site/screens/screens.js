// All screens. The menu has those of a role in this order, and the first is where they begin.

import { mine } from './mine.js';
import { session } from './session.js';
import { team } from './team.js';

/** @type {import('../scripts/router.js').Screen[]} */
export const screens = [team, session, mine];
