// Numbers as people read them; `numbers.py` writes the same on the server. Pure.

export const LARGEST = 1e7; // from here on digits in a row are counted, not read

/** @param {string} lang */
const localeOf = (lang) => (lang === "vi" ? "vi-VN" : "en-GB");

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/**
 * @param {number} value
 * @param {number} decimals
 * @param {string} lang
 */
function plain(value, decimals, lang) {
  const key = `${lang} ${decimals}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(localeOf(lang), {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "negative",
      useGrouping: false, // 1.013 would be two numbers in the two languages
    });
    formats.set(key, format);
  }
  return format.format(value);
}

/**
 * @param {number} value
 * @param {number} decimals of the significand
 * @param {string} lang
 */
export function scientific(value, decimals, lang) {
  const [significand, exponent] = value.toExponential(decimals).split("e");
  const raised = exponent.replace("+", "").replace(/[-\d]/g, (one) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(one)]);
  return `${plain(Number(significand), decimals, lang)} × 10${raised}`;
}

/**
 * Return a value with its decimals; one of more than seven digits as a power of ten.
 * @param {number} value
 * @param {number} decimals
 * @param {string} lang
 */
export function number(value, decimals, lang) {
  return Math.abs(value) < LARGEST ? plain(value, decimals, lang) : scientific(value, 2, lang);
}

/**
 * Return a value as people read it: a state such as on or off by its name, else a number.
 * @param {number} value
 * @param {{ decimals: number, states?: string[] | null }} of what 0 and 1 are called, where they are states
 * @param {string} lang
 */
export function inWords(value, { decimals, states }, lang) {
  return (states && states[value]) ?? number(value, decimals, lang);
}

/** Return what `inWords` needs, as the page's element says it. @param {DOMStringMap} dataset */
export const kindOf = ({ decimals, states }) => ({ decimals: Number(decimals), states: states ? states.split("|") : null });

/**
 * Return a limit or another given number: with the decimals that it was written with, four at most.
 * @param {number} value
 * @param {string} lang
 */
export function given(value, lang) {
  const decimals = [0, 1, 2, 3].find((places) => Number(value.toFixed(places)) === value) ?? 4;
  return number(value, decimals, lang);
}
