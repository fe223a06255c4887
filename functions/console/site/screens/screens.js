// All screens. The menu has those of a role in this order, and the first is where they begin.

/** @type {import('../scripts/router.js').Screen[]} */
export const screens = [];
