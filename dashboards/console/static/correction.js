// What is selected, and what a correction would make of it. Pure.
import { typedNumber } from "./typed_number.js";

/** @typedef {(number | null)[]} Column */
/** @typedef {{ after: number, until: number }} Chosen after < time <= until, milliseconds since 1970 UTC */
/** @typedef {{ value?: number, factor?: number, added?: number, drift?: number }} Formula */

/**
 * Return the formula of a form; else the key of the text that says why there is none.
 * @param {string} kind value, offset, factor or drift
 * @param {Record<string, string>} typed by kind
 * @param {string} lang
 * @returns {Formula | string}
 */
export function formulaOf(kind, typed, lang) {
  const number = typedNumber(typed[kind] || "", lang), added = kind === "factor" && typed.offset ? typedNumber(typed.offset, lang) : 0;
  if (typeof number === "string") return number;
  if (typeof added === "string") return added;
  if (kind === "value") return { value: number };
  if (number === (kind === "factor" ? 1 : 0) && added === 0) return "bench_amount";
  return kind === "offset" ? { added: number } : kind === "drift" ? { drift: number } : { factor: number, added };
}

/**
 * Return the corrected values of points in what is chosen, null elsewhere: raw * factor + added + drift * share.
 * @param {number[]} t seconds
 * @param {Column} raw
 * @param {Chosen} chosen
 * @param {Formula} formula
 * @returns {Column}
 */
export function previewOf(t, raw, { after, until }, { value, factor = 1, added = 0, drift = 0 }) {
  return t.map((seconds, i) => {
    const ms = seconds * 1000, measured = raw[i];
    if (ms <= after || ms > until) return null;
    if (value !== undefined) return value;
    return measured === null ? null : measured * factor + added + (drift * (ms - after)) / (until - after);
  });
}

/**
 * Return the values in what is chosen, null elsewhere.
 * @param {number[]} t seconds
 * @param {Column} values
 * @param {Chosen} chosen
 * @returns {Column}
 */
export const within = (t, values, { after, until }) =>
  values.map((value, i) => (t[i] * 1000 > after && t[i] * 1000 <= until ? value : null));

/**
 * Return mean, least and greatest of what is not null; null where there is nothing.
 * @param {Column} values
 * @returns {[number, number, number] | null}
 */
export function summaryOf(values) {
  let sum = 0, count = 0, low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    sum += value;
    count += 1;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return count ? [sum / count, low, high] : null;
}

/**
 * Return what two points and all between them cover; null where there are none.
 * @param {number[]} t ends of what the points cover, seconds
 * @param {number} width what a point covers, seconds
 * @param {number} from of a stretch on the axis, seconds
 * @param {number} to
 * @returns {Chosen | null}
 */
export function covered(t, width, from, to) {
  const inside = t.filter((seconds) => seconds >= from && seconds <= to);
  if (!inside.length) return null;
  return { after: Math.round((inside[0] - width) * 1000), until: Math.round(inside[inside.length - 1] * 1000) };
}

/**
 * Return the period that an address names; null: none that can be shown.
 * @param {string} query
 * @param {number} longest ms
 * @returns {[number, number] | null}
 */
export function periodOf(query, longest) {
  const asked = new URLSearchParams(query);
  const from = Date.parse(asked.get("from") || ""), to = Date.parse(asked.get("to") || "");
  return to - from >= 60000 && to - from <= longest ? [from, to] : null;
}
