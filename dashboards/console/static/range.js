// The stretch of time that charts show, as the address says it: `hours=3` up to now, or `from=…&to=…`. Pure.

/** @typedef {{ hours: number } | { from: number, to: number }} Range milliseconds since 1970 UTC */

const LONGEST_MS = 5 * 366 * 86400000;
const SHORTEST_MS = 60000;

/**
 * Return what an address asks for; null: nothing, or nothing that can be shown.
 * @param {string} query
 * @returns {Range | null}
 */
export function readRange(query) {
  const asked = new URLSearchParams(query);
  const hours = Number(asked.get("hours"));
  if (hours > 0 && hours * 3600000 <= LONGEST_MS) return { hours };
  const from = Date.parse(asked.get("from") || ""), to = Date.parse(asked.get("to") || "");
  return between(from, to);
}

/**
 * Return the query of an address with the range in it; what else it says stays.
 * @param {string} query
 * @param {Range | null} range
 */
export function writeRange(query, range) {
  const asked = new URLSearchParams(query);
  for (const key of ["hours", "from", "to"]) asked.delete(key);
  if (range && "hours" in range) asked.set("hours", String(range.hours));
  if (range && "from" in range) {
    asked.set("from", new Date(range.from).toISOString().replace(".000", ""));
    asked.set("to", new Date(range.to).toISOString().replace(".000", ""));
  }
  return asked.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
}

/**
 * Return a range in whole seconds of what was marked by dragging, at least a minute around its middle.
 * @param {number} from ms
 * @param {number} to ms
 * @returns {Range}
 */
export function dragged(from, to) {
  const middle = (from + to) / 2, half = Math.max(to - from, SHORTEST_MS) / 2;
  return { from: Math.floor((middle - half) / 1000) * 1000, to: Math.ceil((middle + half) / 1000) * 1000 };
}

/**
 * @param {Range} range
 * @param {number} now ms
 * @returns {[number, number]} ms
 */
export function edges(range, now) {
  return "hours" in range ? [now - range.hours * 3600000, now] : [range.from, range.to];
}

/**
 * Return the stretch before or after a range, as long as it, by a share of its length.
 * @param {Range} range
 * @param {number} share less than 0: before
 * @param {number} now ms
 * @returns {Range}
 */
export function shifted(range, share, now) {
  const [from, to] = edges(range, now), by = Math.round(((to - from) * share) / 1000) * 1000;
  return { from: from + by, to: to + by };
}

/**
 * Return a range around the same middle, twice as long, five years at most.
 * @param {Range} range
 * @param {number} now ms
 * @returns {Range}
 */
export function widened(range, now) {
  const [from, to] = edges(range, now), half = Math.min(to - from, LONGEST_MS / 2);
  return { from: (from + to) / 2 - half, to: (from + to) / 2 + half };
}

/**
 * Return the range between two moments; null where it cannot be shown.
 * @param {number} from ms
 * @param {number} to ms
 * @returns {Range | null}
 */
export function between(from, to) {
  return to - from > 0 && to - from <= LONGEST_MS ? { from, to } : null;
}
