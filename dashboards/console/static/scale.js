// What a chart's height shows: the good readings whole; a doubtful one beside them, unless it would flatten them. Pure.

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
