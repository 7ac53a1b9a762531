// The tide now and next, as it is predicted for the places of network.yaml.
import { number } from "./numbers.js";
import { byId, element, LANG, name, TEXT, ZONE } from "./page.js";
import { onNews, seen, serverNow, stationName } from "./stream.js";
import { timeText } from "./times.js";

const AGAIN_MS = 30 * 60000; // the curve reaches a day ahead
const SHOWN_MS = 26 * 3600000; // of the curve, six hours of them behind
const [WIDTH, HEIGHT] = [260, 56];
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {{ t: number, height: number, high: boolean }} Turn
 * @typedef {{ stations: string[], start: number, step: number, heights: number[], turns: Turn[], source: string }} Course
 */

/**
 * Return the height at a moment, whether it rises, and the next two turns; null: the course does not reach. Pure.
 * @param {Course} course
 * @param {number} now
 */
export function tideAt({ start, step, heights, turns }, now) {
  const at = (now - start) / step, before = Math.floor(at);
  const [low, high] = [heights[before], heights[before + 1]];
  if (low === undefined || high === undefined) return null;
  const next = turns.filter((turn) => turn.t > now).slice(0, 2);
  return { height: low + (high - low) * (at - before), rises: next.length ? next[0].high : high > low, next };
}

/** @param {number} height m over the mean level */
const metres = (height) => `${height < 0 ? "−" : "+"}${number(Math.abs(height), 2, LANG)} m`;

/** @param {string} tag @param {Record<string, string | number>} attributes */
function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** @param {Course} course @param {number} now */
function curveOf({ start, step, heights }, now) {
  const begin = now - 6 * 3600000, most = Math.max(...heights.map(Math.abs), 0.1);
  /** @param {number} t */
  const x = (t) => (WIDTH * (t - begin)) / SHOWN_MS;
  /** @param {number} height */
  const y = (height) => HEIGHT / 2 - (height / most) * (HEIGHT / 2 - 4);
  const points = heights.map((height, i) => [start + i * step, height]).filter(([t]) => t >= begin && t <= begin + SHOWN_MS);
  const line = points.map(([t, height]) => `${x(t).toFixed(1)},${y(height).toFixed(1)}`).join(" ");
  const drawing = drawn("svg", { class: "tide-curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  drawing.append(
    drawn("line", { class: "mean", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }), drawn("polyline", { points: line }),
    drawn("line", { class: "now", x1: x(now), x2: x(now), y1: 0, y2: HEIGHT }),
  );
  return drawing;
}

/** @param {Course} course @param {number} now */
function tideRow(course, now) {
  const found = tideAt(course, now), stations = course.stations.filter((station) => seen.stations.has(station));
  if (found === null || !stations.length) return null;
  const where = element("strong", "tide-where");
  stations.forEach((station, i) => where.append(i ? " · " : "", name(stationName(station))));
  const arrow = element("span", "", found.rises ? "↗" : "↘");
  arrow.setAttribute("aria-hidden", "true");
  const present = element("span", "tide-now", arrow, ` ${found.rises ? TEXT.tide_rises : TEXT.tide_falls} `, element("b", "", metres(found.height)));
  const next = element("span", "tide-next");
  for (const turn of found.next) {
    const words = `${turn.high ? TEXT.high_water : TEXT.low_water} ${timeText(turn.t, ZONE, now, false)} (${metres(turn.height)})`;
    next.append(element("span", "", words), " ");
  }
  const row = element("li", "tide", where, present, next, curveOf(course, now));
  row.title = course.source;
  return row;
}

/** @type {Course[]} */
let courses = [];

function showTides() {
  const now = serverNow();
  if (now === null || document.hidden) return;
  const rows = courses.map((course) => tideRow(course, now)).filter((row) => row !== null);
  byId("tides").replaceChildren(...rows);
  byId("tide-card").hidden = rows.length === 0;
}

async function loadTides() {
  const answer = await fetch("/api/tides").catch(() => null);
  if (answer === null || !answer.ok) return;
  courses = await answer.json();
  showTides();
}

export function beginTide() {
  let isNamed = false;
  onNews((kind) => {
    if (kind === "network" || !isNamed) showTides(); // with the stations' names
    isNamed = true;
  });
  loadTides();
  setInterval(showTides, 60000);
  setInterval(loadTides, AGAIN_MS);
  document.addEventListener("visibilitychange", showTides);
}
