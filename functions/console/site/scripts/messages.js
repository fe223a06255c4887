// What the page says, in the language of the person; and dates and numbers as that language writes them.

import { en } from '../messages/en.js';

/** @typedef {keyof typeof en} Key */
/** @typedef {Record<string, string | number>} Values */
/**
 * A message: a text, or a text for each plural form of the value `count`. A value stands as {name}.
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Message
 */

/** The languages, by their own names. */
export const languages = /** @type {const} */ ({ en: 'English', de: 'Deutsch' });
/** @typedef {keyof typeof languages} Language */

/** The key of the language in local storage. */
const KEPT = 'coaching.language';

/** @type {Record<Key, Message>} */
let messages = en;
/** @type {Language} */
let current = 'en';
let plurals = new Intl.PluralRules('en');

/** The language that is shown. */
export const language = () => current;

/** @param {string | null | undefined} tag */
const known = (tag) => /** @type {Language[]} */ (Object.keys(languages)).find((one) => tag?.split('-')[0] === one);

/** Takes the language that was chosen, or the first of the browser's that there is. */
export async function takeLanguage() {
  await speak(known(localStorage.getItem(KEPT)) ?? navigator.languages.map(known).find(Boolean) ?? 'en');
}

/**
 * Takes `chosen`, and keeps it for the next time.
 * @param {Language} chosen
 */
export async function chooseLanguage(chosen) {
  localStorage.setItem(KEPT, chosen);
  await speak(chosen);
}

/** @param {Language} chosen */
async function speak(chosen) {
  messages = chosen === 'de' ? (await import('../messages/de.js')).de : en;
  current = chosen;
  plurals = new Intl.PluralRules(chosen);
  document.documentElement.lang = chosen;
}

/**
 * The message `key`, with `values` in it. A number is written as the language does.
 * @param {Key} key
 * @param {Values} [values]
 */
export function text(key, values = {}) {
  const message = messages[key];
  const form = typeof message === 'string' ? message : (message[plurals.select(Number(values.count))] ?? message.other ?? key);
  return form.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name] ?? '';
    return typeof value === 'number' ? number(value) : value;
  });
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export const number = (value, options = { maximumFractionDigits: 1 }) => new Intl.NumberFormat(current, options).format(value);

/**
 * A percentage of 0 to 100.
 * @param {number} value
 */
export const percent = (value) => number(value / 100, { style: 'percent', maximumFractionDigits: 1 });

/** @param {string | Date} time  as the API writes it */
export const date = (time) => new Intl.DateTimeFormat(current, { dateStyle: 'medium' }).format(new Date(time));

/** @param {string | Date} time */
export const dateAndTime = (time) =>
  new Intl.DateTimeFormat(current, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time));

/**
 * How long ago, or in how long, such as "3 days ago".
 * @param {string | Date} time
 * @param {Date} [now]
 */
export function fromNow(time, now = new Date()) {
  const days = Math.round((new Date(time).getTime() - now.getTime()) / 86_400_000);
  return new Intl.RelativeTimeFormat(current, { numeric: 'auto' }).format(days, 'day');
}

/** @param {readonly string[]} entries */
export const list = (entries) => new Intl.ListFormat(current).format(entries);
