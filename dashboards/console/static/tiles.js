// Values and stations. Each place in the page is looked up once; an update touches what changed, and ages run only for
// what is in view: 6,000 values in one page stay fluent.
import { byId, element, LANG, TEXT, say } from "./page.js";
import { given, inWords, kindOf } from "./numbers.js";
import { onNews, seen, serverNow } from "./stream.js";
import { duration } from "./times.js";

const QUALITY = /** @type {Record<string, string>} */ ({ 1: "good", 2: "unknown", 3: "suspect", 4: "fail", 9: "missing" });
const NEAR = "600px"; // of the screen: what scrolls into view is right already

/**
 * What a value's place says beside the number. Pure. `look`: its colour; `mark`: the same without colour; `words`: why.
 * @param {import("./stream.js").Channel} channel
 * @param {Record<string, string>} text
 * @param {string} lang
 */
export function verdictOf(channel, text, lang) {
  const quality = QUALITY[String(channel.quality)] || "missing";
  const device = channel.state && channel.state !== "ok" ? text[`state_${channel.state}`] || "" : "";
  const judged = channel.quality !== null && channel.quality > 2 ? text[`quality_${channel.quality}`] || "" : "";
  if (channel.alarm) {
    const limit = channel.limit === null ? "" : `, ${text.limit} ${given(channel.limit, lang)}`;
    const doubt = device || judged;
    return {
      look: `alarm-${channel.alarm}`, mark: "▲", words: `${text[`severity_${channel.alarm}`]}${limit}${doubt && ` · ${doubt}`}`,
    };
  }
  const mark = { good: "", unknown: "", suspect: "?", fail: "✕", missing: "–" }[quality] || "";
  return { look: quality, mark, words: device || judged };
}

/**
 * What a page says of a channel beside its values.
 * @typedef {{ id: string, title: string, unit: string, decimals: number, resolution: number, interval: number,
 *   housekeeping: boolean, states: string[] | null }} Described
 */

/** What the page says of its stations' channels, in the order of the catalogue. @returns {Map<string, Described[]>} */
export function described() {
  const { kinds, stations } = JSON.parse(byId("described").textContent);
  return new Map(Object.entries(stations).map(([station, own]) => [station, own.map((/** @type {[string, number]} */ [name, kind]) => {
    const [title, unit, decimals, resolution, interval, housekeeping, states] = kinds[kind];
    return { id: `${station}/${name}`, title, unit, decimals, resolution, interval, housekeeping, states };
  })]));
}

/** Make the place of a channel's value. @param {string} className @param {Described} channel @param {...(string | Node)} note */
export function valuePlace(className, { id, title, unit, decimals, resolution, interval, states }, ...note) {
  const place = element(
    "div", className, element("span", "title", title),
    element("span", "reading", element("span", "value", "–"), " ", element("span", "unit", unit)), element("span", "note", ...note),
  );
  Object.assign(place.dataset, { channel: id, decimals, resolution, interval, ...(states ? { states: states.join("|") } : {}) });
  return place;
}

function makeTiles() {
  const own = described();
  for (const list of document.querySelectorAll(".tiles")) {
    const card = /** @type {HTMLElement} */ (list.closest("[data-station]")), isHousekeeping = list.classList.contains("housekeeping");
    const channels = (own.get(card.dataset.station || "") || []).filter((one) => one.housekeeping === isHousekeeping);
    list.append(...channels.map((one) => valuePlace("tile", one, element("span", "verdict"), " ", element("span", "age"))));
  }
}

/**
 * @typedef {{ root: HTMLElement, value: Element | null, verdict: Element | null, quality: Element | null,
 *   age: Element | null, kind: { decimals: number, states: string[] | null }, staleAfter: number, look: string }} Place
 * @type {Map<string, Place[]>} */
const places = new Map();
/** @type {Map<Element, string[]>} */
const channelsOf = new Map();
const inView = new Set();

function findPlaces() {
  for (const root of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-channel]"))) {
    const channel = root.dataset.channel || "";
    const place = {
      root, value: root.querySelector(".value"), verdict: root.querySelector(".verdict"),
      quality: root.querySelector(".quality"), age: root.querySelector(".age"), kind: kindOf(root.dataset),
      staleAfter: 3000 * Number(root.dataset.interval) + 10000, look: "",
    };
    places.set(channel, [...(places.get(channel) || []), place]);
    const card = root.closest(".station") || root;
    channelsOf.set(card, [...(channelsOf.get(card) || []), channel]);
  }
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) inView.delete(target);
      else if (inView.add(target)) showAges(target);
    }
  }, { rootMargin: NEAR });
  for (const card of channelsOf.keys()) observer.observe(card);
}

/** @param {import("./stream.js").Channel} channel */
function showChannel(channel) {
  const { look, mark, words } = verdictOf(channel, TEXT, LANG);
  for (const place of places.get(channel.channel) || []) {
    say(place.value, channel.value === null ? "–" : inWords(channel.value, place.kind, LANG));
    if (place.look !== look) {
      if (place.look) place.root.classList.remove(place.look);
      place.root.classList.add(look);
      place.look = look;
    }
    say(place.verdict, mark ? `${mark} ${words}` : words);
    say(place.quality, words ? "" : TEXT[`quality_${channel.quality}`] || "");
    place.root.title = [TEXT[`quality_${channel.quality}`], TEXT[`state_${channel.state}`], testsOf(channel)]
      .filter(Boolean).join(" · ");
  }
}

/** @param {import("./stream.js").Channel} channel */
function testsOf(channel) {
  return (channel.tests || "").replace(/[{}]/g, "").split(",").map((test) => TEXT[`test_${test}`] || test).join(", ");
}

/** @param {Element} card */
function showAges(card) {
  const now = serverNow();
  if (now === null) return;
  for (const id of channelsOf.get(card) || []) {
    const channel = seen.channels.get(id);
    for (const place of places.get(id) || []) {
      if (!channel || channel.t === null) {
        say(place.age, TEXT.no_data);
        place.root.classList.toggle("stale", !channel || !channel.derived); // a mean of 24 h has its time
      } else {
        const age = now - channel.t;
        say(place.age, duration(age, LANG));
        place.root.classList.toggle("stale", age > place.staleAfter);
      }
    }
  }
}

const SIGNS = /** @type {Record<string, string>} */ ({
  good: "✓", suspect: "?", fault: "✕", low: "▲", medium: "▲", high: "▲", critical: "▲", offline: "⌀",
});

/** The same as a colour, for whoever cannot tell it. @param {string} condition */
export function signOf(condition) {
  return SIGNS[condition] || "";
}

/** @param {import("./stream.js").Station} station */
function showStation(station) {
  for (const place of stationPlaces.get(station.station) || []) {
    place.dataset.condition = station.condition;
    say(place.querySelector(".dot"), signOf(station.condition));
    const aside = seen.aside.filter((row) => row.station === station.station && row.kind !== "shelved" && row.device === null);
    const words = [TEXT[`condition_${station.condition}`], ...aside.map((row) => TEXT[`aside_${row.kind}`])];
    say(place.querySelector(".condition"), words.join(" · "));
  }
}

/** @type {Map<string, HTMLElement[]>} */
const stationPlaces = new Map();

function hideRemoved() {
  for (const [station, found] of stationPlaces) {
    for (const place of found) place.hidden = !seen.stations.has(station);
  }
}

export function beginTiles() {
  if (byId("described")) makeTiles();
  findPlaces();
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-station]"))) {
    const station = place.dataset.station || "";
    stationPlaces.set(station, [...(stationPlaces.get(station) || []), place]);
  }
  onNews((kind, news) => {
    if (kind === "network") hideRemoved();
    for (const channel of news.channels || []) showChannel(channel);
    inView.forEach(showAges);
    for (const station of news.aside ? seen.stations.values() : news.stations || []) showStation(station);
  });
  setInterval(() => inView.forEach(showAges), 1000);
}
