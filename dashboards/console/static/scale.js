// What a chart's height shows: the good readings whole; a doubtful one beside them, unless it would flatten them. And the
// steps and labels of its axis. Pure.
import { LARGEST, number, scientific } from "./numbers.js";

/**
 * @param {(number | null | undefined)[]} values
 * @returns {[number, number] | null}
 */
export function span(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/**
 * Return the axis for good and doubtful values: never from 0 for its own sake, never so close that the last digit looks
 * like a storm. A doubtful value or a limit within the height of the good ones above or below them is inside; the
 * others are not.
 * @param {(number | null)[]} good
 * @param {(number | null)[]} doubtful
 * @param {number} resolution of the channel, decimals
 * @param {number[]} [limits]
 * @returns {[number, number]}
 */
export function heightOf(good, doubtful, resolution, limits = []) {
  const core = span(good) || middle(doubtful) || span(limits);
  if (core === null) return [0, 1];
  const reach = roomy(core, 1, resolution);
  const beside = [...doubtful, ...limits].filter((value) => value !== null && value >= reach[0] && value <= reach[1]);
  return roomy(span([...core, ...beside]) || core, 0.1, resolution);
}

/**
 * @param {[number, number]} found
 * @param {number} share of the height that is left free on either side
 * @param {number} resolution
 * @returns {[number, number]}
 */
function roomy([low, high], share, resolution) {
  const margin = Math.max((high - low) * share, Math.abs(high) * 0.002, Math.abs(low) * 0.002, 4 * 10 ** -resolution);
  return [low - margin, high + margin];
}

/**
 * Return where most of the values are: of ten and more without the outer tenths.
 * @param {(number | null)[]} values
 */
function middle(values) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null)).sort((a, b) => a - b);
  const cut = Math.floor(known.length / 10);
  return span(known.slice(cut, known.length - cut));
}

/**
 * Return the doubtful values that the axis does not reach.
 * @param {(number | null)[]} doubtful
 * @param {[number, number]} axis
 */
export function beyond(doubtful, [low, high]) {
  return /** @type {number[]} */ (doubtful.filter((value) => value !== null && (value < low || value > high)));
}

/**
 * Return how many decimals tell these values apart and exactly, twelve at most.
 * @param {number[]} values
 */
function decimalsOf(values) {
  for (let decimals = 0; decimals < 12; decimals++) {
    const whole = values.map((value) => value * 10 ** decimals);
    if (whole.every((value) => Math.abs(value - Math.round(value)) <= 1e-9 * Math.max(1, Math.abs(value)))) return decimals;
  }
  return 12;
}

/**
 * Return the labels of an axis: as many decimals as its step needs, the same for all.
 * @param {number[]} ticks
 * @param {string} lang
 */
export function tickLabels(ticks, lang) {
  const most = Math.max(0, ...ticks.map(Math.abs));
  if (most < LARGEST) {
    const decimals = decimalsOf(ticks);
    return ticks.map((tick) => number(tick, decimals, lang));
  }
  return ticks.map((tick) => (tick === 0 ? "0" : scientific(tick, 2, lang)));
}

/**
 * Return the labels of an axis: of states the words of 0 and 1, else numbers.
 * @param {number[]} ticks
 * @param {string[] | null | undefined} states
 * @param {string} lang
 */
export function axisLabels(ticks, states, lang) {
  return states ? ticks.map((tick) => states[tick] ?? "") : tickLabels(ticks, lang);
}

/**
 * Return the steps that an axis may have, rising. uPlot's own end at 1e32, and a wider axis would be without a label.
 * @param {number} low
 * @param {number} high
 */
export function stepsOf(low, high) {
  const power = Math.floor(Math.log10(Math.min(high - low, Number.MAX_VALUE) || 1));
  return [-3, -2, -1, 0].flatMap((below) => ["1", "2", "2.5", "5"].map((digits) => Number(`${digits}e${power + below}`)))
    .filter(Number.isFinite);
}

/**
 * Return where an axis has labels and which: what uPlot asks of it.
 * @param {string[] | null | undefined} states
 * @param {string} lang
 */
export function axisOf(states, lang) {
  const values = (/** @type {any} */ _, /** @type {number[]} */ ticks) => axisLabels(ticks, states, lang);
  const splits = (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ low, /** @type {number} */ high) =>
    [0, 1].filter((state) => low <= state && state <= high);
  const incrs = (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ low, /** @type {number} */ high) => stepsOf(low, high);
  return states ? { splits, values } : { incrs, values };
}

/** Return the room for the labels of an axis, px. @param {string[] | null} labels */
export const axisWidth = (labels) => 18 + 7 * Math.max(...(labels || [""]).map((label) => label.length));
