// What tests and people say of a reading: their words where the value stands. Pure.
import { number } from "./numbers.js";

/**
 * @typedef {[number, number, string[], number | null, string | null, number | null, string | null, string | null]} Remark
 *   from < t <= to (seconds), tests, score, words of the tests; verdict of a person, who and why
 */

/**
 * Return what is said of the point at a time; empty: nothing.
 * @param {Remark[]} remarks by time
 * @param {number} t seconds
 * @param {Record<string, string>} text
 * @param {string} lang
 */
export function remarkAt(remarks, t, text, lang) {
  const found = remarks.find(([from, to]) => from < t && t <= to);
  return found ? remarkText(found, text, lang) : "";
}

/**
 * Return a remark in words.
 * @param {Remark} remark
 * @param {Record<string, string>} text
 * @param {string} lang
 */
export function remarkText([, , tests, score, words, verdict, by, reason], text, lang) {
  const names = tests.map((test) => text[`test_${test}`] || test).join(", ");
  const strength = score === null ? "" : ` (${text.remark_score} ${number(score, 1, lang)})`;
  const ofTests = names && `${names}${strength}${words ? `: ${words}` : ""}`;
  const ofPerson = verdict === null ? "" : `${text.remark_verdict} ${text[`quality_${verdict}`]}, ${by}: ${reason}`;
  return [ofTests, ofPerson].filter(Boolean).join(" · ");
}
