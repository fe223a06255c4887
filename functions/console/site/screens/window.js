// The windows of days that figures are about. A day is one of UTC, as the service counts them.

/** The lengths that may be chosen, in days. The window of the same length before it is the start that figures are compared with. */
export const WINDOW_DAYS = [7, 30, 60, 90, 180];

const DAY = 86_400_000;

/**
 * The last `days` days including today, as a request takes them: `endTime` is the first moment that is not in it.
 * @param {number} days
 * @param {number} now in milliseconds
 */
export function windowOf(days, now) {
  const end = (Math.floor(now / DAY) + 1) * DAY;
  return { startTime: new Date(end - days * DAY).toISOString(), endTime: new Date(end).toISOString() };
}

/**
 * Whole days from `time` until `now`.
 * @param {string} time
 * @param {number} now in milliseconds
 */
export const daysSince = (time, now) => Math.floor((now - Date.parse(time)) / DAY);

/**
 * When one meets next by default: tomorrow, or Monday, at ten by the browser's clock.
 * @param {number} now in milliseconds
 */
export function nextMeeting(now) {
  const time = new Date(now + DAY);
  while (time.getDay() === 0 || time.getDay() === 6) time.setDate(time.getDate() + 1);
  time.setHours(10, 0, 0, 0);
  return time;
}

/**
 * A time as `<input type="datetime-local">` takes it, by the browser's clock, and back.
 * @param {string | Date} time
 */
export function toInput(time) {
  const local = new Date(time);
  local.setMinutes(local.getMinutes() - local.getTimezoneOffset());
  return local.toISOString().slice(0, 16);
}

/** @param {string} text */
export const fromInput = (text) => (text ? new Date(text).toISOString().replace('.000', '') : undefined);
