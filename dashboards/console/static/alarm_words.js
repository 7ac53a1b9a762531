// What is said of an alarm wherever it is short: its title, what was measured, whether it waits for a person.
import { given, number } from "./numbers.js";
import { LANG, TEXT } from "./page.js";

/** @typedef {import("./stream.js").Alarm} Alarm */

/** Whether an alarm waits for a person. Pure. @param {Alarm} alarm */
export function waits(alarm) {
  return alarm.cleared_at === null && alarm.known_at === null && ["unacknowledged", "latched"].includes(alarm.state);
}

/** @param {{ [language: string]: string } | null | undefined} title @param {string} otherwise */
export const titled = (title, otherwise) => (title && (title[LANG] || title.vi)) || otherwise;

/** @param {Alarm} alarm @returns {string} its value and limit; empty where they say nothing to people, such as of on and off */
export function measured(alarm) {
  if (alarm.texts?.has_value === false) return "";
  const value = alarm.value === null ? "" : `${number(alarm.value, alarm.decimals, LANG)} ${alarm.unit || ""}`;
  const limit = alarm.limit === null ? "" : ` (${TEXT.limit} ${given(alarm.limit, LANG)})`;
  return `${value}${limit}`;
}
