// The display names of people, each read once while the page is open.

import { ApiError, get } from '../scripts/api.js';
import { idOf, session } from '../scripts/session.js';

/** @type {Map<string, Promise<string>>} by their names in the API */
const known = new Map();

/** @param {string} userName */
async function read(userName) {
  if (userName === session.userName) return session.displayName;
  try {
    return (await get('/v1/customers/{customer}/users/{user}', { path: { user: idOf(userName) } })).user.displayName;
  } catch (error) {
    // Who is not in the directory, or may not be read, is called by their id.
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return idOf(userName);
    throw error;
  }
}

/**
 * What the people are called, by their names in the API.
 * @param {Iterable<string | undefined>} userNames
 * @returns {Promise<Map<string, string>>}
 */
export async function namesOf(userNames) {
  const wanted = [...new Set(userNames)].filter((userName) => userName !== undefined);
  const entries = wanted.map(async (userName) => {
    const found = known.get(userName) ?? read(userName);
    known.set(userName, found);
    found.catch(() => known.delete(userName));
    return /** @type {const} */ ([userName, await found]);
  });
  return new Map(await Promise.all(entries));
}
