// Times as people read them, in the network's zone whatever the browser's is. Pure: `now` is passed in.

/** @param {string} lang */
const localeOf = (lang) => (lang === "vi" ? "vi-VN" : "en-GB");

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} lang
 * @param {string} zone
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(lang, zone, options) {
  const key = JSON.stringify([lang, zone, options]);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(localeOf(lang), { timeZone: zone, ...options })));
  return made;
}

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { day: "2-digit", month: "2-digit", year: "numeric" };
/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

/** Return the date. @param {number} ms @param {string} zone */
export const day = (ms, zone) => format("en", zone, DAY).format(ms);

/**
 * Return what a clock shows: weekday, date, time and the zone's distance from UTC.
 * @param {number} ms
 * @param {string} zone
 * @param {string} lang
 */
export function clockText(ms, zone, lang) {
  const weekday = format(lang, zone, { weekday: lang === "vi" ? "long" : "short" }).format(ms);
  const parts = format("en", zone, { ...CLOCK, timeZoneName: "shortOffset" }).formatToParts(ms);
  const offset = parts.find((part) => part.type === "timeZoneName")?.value || zone;
  return `${weekday} ${day(ms, zone)} ${format("en", zone, CLOCK).format(ms)} ${offset}`;
}

/**
 * Return a time of today as such, one of another day with its date, of another year with that, too.
 * @param {number} ms
 * @param {string} zone
 * @param {number} now
 * @param {boolean} [seconds]
 */
export function timeText(ms, zone, now, seconds = true) {
  const clock = format("en", zone, CLOCK).format(ms);
  const time = seconds ? clock : clock.slice(0, 5);
  const then = day(ms, zone), today = day(now, zone);
  if (then === today) return time;
  return `${time} ${then.slice(6) === today.slice(6) ? then.slice(0, 5) : then}`;
}

/**
 * Return how long something took or is ago.
 * @param {number} ms
 * @param {string} lang
 */
export function duration(ms, lang) {
  const s = Math.max(0, Math.round(ms / 1000));
  const [minutes, hours, days] = lang === "vi" ? ["phút", "giờ", "ngày"] : ["min", "h", "days"];
  if (s < 100) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} ${minutes}`;
  if (s < 172800) return `${Math.round(s / 3600)} ${hours}`;
  return `${Math.round(s / 86400)} ${days}`;
}

/**
 * Return the labels of a time axis: seconds where its step needs them, the date at the first and wherever it changes; of
 * days and months the date alone, with the year.
 * @param {number[]} ticks seconds since 1970 UTC
 * @param {number} step seconds
 * @param {string} zone
 */
export function axisTimes(ticks, step, zone) {
  let before = "";
  return ticks.map((tick) => {
    const date = day(tick * 1000, zone);
    const clock = format("en", zone, CLOCK).format(tick * 1000).slice(0, step < 60 ? 8 : 5);
    const [first, second] = step < 86400 ? [clock, date.slice(0, 5)] : [date.slice(0, 5), date.slice(6)];
    const label = second === before ? first : `${first}\n${second}`;
    before = second;
    return label;
  });
}

/**
 * Return a moment as a field for date and time has it.
 * @param {number} ms
 * @param {string} zone
 */
export function localText(ms, zone) {
  const [d, m, y] = day(ms, zone).split("/");
  return `${y}-${m}-${d}T${format("en", zone, CLOCK).format(ms).slice(0, 5)}`;
}

/**
 * Return the moment that a field for date and time means by the clocks of a zone; NaN: it is empty.
 * @param {string} text
 * @param {string} zone
 */
export function fromLocal(text, zone) {
  const asUtc = Date.parse(`${text.slice(0, 16)}:00Z`);
  let found = asUtc;
  for (let i = 0; i < 2 && !Number.isNaN(found); i++) found += asUtc - Date.parse(`${localText(found, zone)}:00Z`);
  return found;
}
