// The small line and the trend beside a value: asked once for each station in view, then continued by what the stream says.
import { number } from "./numbers.js";
import { element, LANG, TEXT } from "./page.js";
import { onNews, seen, serverNow } from "./stream.js";

const SPAN_MS = 3 * 3600000;
const HOUR_MS = 3600000;
const APART_MS = 60000; // between points that the stream adds
const GAP_MS = 13 * 60000; // more than two means of five minutes are missing
const [WIDTH, HEIGHT, EDGE] = [100, 24, 2];
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {[number, number][]} Points times in ms and values, oldest first */

/**
 * Return the path of a small line over the last three hours, its own lowest to its own highest. Pure.
 * @param {Points} points
 * @param {number} now
 */
export function pathOf(points, now) {
  const values = points.map(([, value]) => value);
  const low = Math.min(...values), height = Math.max(...values) / 2 - low / 2; // halves: 1e308 − −1e308 has no number
  let before = -Infinity;
  return points.map(([t, value]) => {
    const x = WIDTH * (1 - (now - t) / SPAN_MS), share = height > 0 ? (value / 2 - low / 2) / height : 0.5;
    const y = HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE), pen = t - before > GAP_MS ? "M" : "L";
    before = t;
    return `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
}

/**
 * Return by how much a value has changed within the last hour; null: too little is known. Pure.
 * @param {Points} points
 */
export function changeOf(points) {
  const last = points.at(-1);
  if (!last) return null;
  /** @param {number} oldest @param {number} newest minutes before the last */
  const mean = (oldest, newest) => {
    const found = points.filter(([t]) => t >= last[0] - oldest * 60000 && t <= last[0] - newest * 60000);
    return found.length ? found.reduce((sum, [, value]) => sum + value / found.length, 0) : null;
  };
  const then = mean(72, 48), now = mean(12, 0);
  return then === null || now === null ? null : now - then;
}

/**
 * Return how a change within an hour is shown: sign and words. Pure.
 * @param {number} change
 * @param {number} value the newest
 * @param {number} resolution decimals of the parameter
 * @returns {"rising" | "falling" | "steady"}
 */
export function directionOf(change, value, resolution) {
  if (Math.abs(change) < Math.max(3 * 10 ** -resolution, 0.01 * Math.abs(value))) return "steady";
  return change > 0 ? "rising" : "falling";
}

const ARROWS = { rising: "↗", falling: "↘", steady: "→" };

/** @type {Map<string, Points>} */
const known = new Map();
/** @type {Map<string, HTMLElement>} */
const places = new Map();
/** @type {Map<string, number>} */
const askedAt = new Map();
/** @type {Set<string>} channels that go round: 1 is no fall from 359 */
const directions = new Set();

/** @param {[number, (number | null)[]]} found the first time, and a mean or none each step @param {number} step */
function pointsOf([start, means], step) {
  return /** @type {Points} */ (means.map((mean, i) => [start + i * step, mean]).filter(([, mean]) => mean !== null));
}

/**
 * Ask how a station's channels went, unless it was asked within the last minutes.
 * @param {string} station
 * @returns {Promise<boolean>} whether there is something new
 */
export async function askTrends(station) {
  const at = performance.now();
  if (at - (askedAt.get(station) ?? -Infinity) < 10 * 60000) return false;
  askedAt.set(station, at);
  const answer = await fetch(`/api/stations/${station}/trends`).catch(() => null);
  if (answer === null || !answer.ok) {
    askedAt.delete(station); // whoever looks next asks again
    return false;
  }
  const { step, channels, directions: round } = await answer.json();
  for (const channel of round) directions.add(channel);
  for (const channel of Object.keys(channels)) {
    known.set(channel, pointsOf(channels[channel], step));
    const live = seen.channels.get(channel);
    if (live) extend(live);
  }
  return true;
}

/** @param {import("./stream.js").Channel} channel @returns {boolean} whether its line has grown */
export function extend(channel) {
  const { t, value, quality } = channel;
  if (t === null || value === null || quality === null || quality > 2) return false;
  const points = known.get(channel.channel) || [], last = points.at(-1);
  if (last && t - last[0] < APART_MS) return false;
  points.push([t, value]);
  while (points[0][0] < t - SPAN_MS) points.shift();
  known.set(channel.channel, points);
  return true;
}

/**
 * Draw line and trend of a channel into the place of its value.
 * @param {HTMLElement} place
 * @param {string} channel
 */
export function drawTrend(place, channel) {
  const points = known.get(channel), now = serverNow();
  if (!points || now === null) return;
  let path = place.querySelector(".spark path");
  if (!path) {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("class", "spark");
    drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true"); // the trend is said in words
    path = document.createElementNS(SVG, "path");
    drawing.append(path);
    place.querySelector(".reading")?.after(drawing);
  }
  path.setAttribute("d", points.length > 1 ? pathOf(points.filter(([t]) => t > now - SPAN_MS), now) : "");
  showTrend(place, directions.has(channel) ? null : changeOf(points), points);
}

/** @param {HTMLElement} place @param {number | null} change @param {Points} points */
function showTrend(place, change, points) {
  let trend = /** @type {HTMLElement | null} */ (place.querySelector(".trend"));
  if (!trend) {
    trend = element("span", "trend");
    trend.setAttribute("role", "img");
    place.querySelector(".reading")?.append(" ", trend);
  }
  trend.hidden = change === null;
  if (change === null) return;
  const resolution = Number(place.dataset.resolution ?? place.dataset.decimals);
  const direction = directionOf(change, points[points.length - 1][1], resolution);
  const amount = number(Math.abs(change), Number(place.dataset.decimals), LANG);
  trend.textContent = ARROWS[direction];
  trend.title = direction === "steady" ? TEXT.steady : `${TEXT[direction]} ${amount} ${TEXT.within_an_hour}`;
  trend.setAttribute("aria-label", trend.title);
}

/** Draw the lines of the stations that come into view. */
export function beginTrends() {
  /** @type {Map<Element, HTMLElement[]>} */
  const cards = new Map();
  const inView = new Set();
  for (const card of document.querySelectorAll(".station[data-station]")) {
    const own = /** @type {HTMLElement[]} */ ([...card.querySelectorAll(".measured [data-channel]")]);
    cards.set(card, own);
    for (const place of own) places.set(place.dataset.channel || "", place);
  }
  /** @param {Element} card */
  const draw = (card) => (cards.get(card) || []).forEach((place) => drawTrend(place, place.dataset.channel || ""));
  /** @param {Element} card */
  const look = async (card) => {
    if (document.hidden) return;
    await askTrends(/** @type {HTMLElement} */ (card).dataset.station || "");
    draw(card);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) inView.delete(target);
      else if (inView.add(target)) look(target);
    }
  });
  let isWatched = false;
  onNews((kind, news) => {
    if (!isWatched) for (const card of cards.keys()) observer.observe(card); // only now stands above them what will
    isWatched = true;
    if (kind === "network") inView.forEach(draw);
    for (const channel of news.channels || []) {
      const place = places.get(channel.channel), card = place?.closest(".station");
      if (place && extend(channel) && card && inView.has(card)) drawTrend(place, channel.channel);
    }
  });
  document.addEventListener("visibilitychange", () => inView.forEach(look));
}
