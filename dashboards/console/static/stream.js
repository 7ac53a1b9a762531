// The one stream of the network's state: what was heard last, and who wants to hear of it.
import { LANG, TEXT } from "./page.js";

/**
 * @typedef {{ station: string, name: string, name_en: string, latitude: number | null, longitude: number | null,
 *   last_message_at: number | null, condition: string, standing: number, waiting: number }} Station
 * @typedef {{ channel: string, t: number | null, value: number | null, state: string | null,
 *   quality: number | null, tests: string | null, derived: boolean, alarm: string | null, limit: number | null }} Channel
 * @typedef {{ t: number, event: string, person: string, words: string }} Remark
 * @typedef {{ alarm_id: number, rule: string, station: string | null, channel: string | null, severity: string,
 *   state: string, raised_at: number, cleared_at: number | null, acknowledged_at: number | null,
 *   acknowledged_by: string | null, value: number | null, limit: number | null, unit: string | null,
 *   decimals: number, texts: any, pictures: string[], known_at: number | null, untold: string | null,
 *   remarks: Remark[] }} Alarm
 * @typedef {{ kind: string, station: string | null, device: string | null, alarm_id: number | null, title: any,
 *   person: string | null, reason: string, since: number, until: number | null, is_order: boolean }} SetAside
 * @typedef {{ live: boolean, reason: string, newest: number | null, connected: boolean }} Freshness
 * @typedef {{ now: number, freshness: Freshness, stations?: Station[], channels?: Channel[], alarms?: Alarm[],
 *   standing?: number, waiting?: number, aside?: SetAside[], refused?: any }} News
 * @typedef {Omit<News, "channels"> & { channels?: Record<string, any[]> }} Sent channels column by column
 */

const SILENT_MS = 4000; // the server speaks at least every two seconds
const TRY_AGAIN_MS = 5000;

/** @type {{ stations: Map<string, Station>, channels: Map<string, Channel>, alarms: Alarm[], standing: number,
 *   waiting: number, aside: SetAside[], refused: any, freshness: Freshness | null }} */
export const seen = {
  stations: new Map(), channels: new Map(), alarms: [], standing: 0, waiting: 0, aside: [], refused: null, freshness: null,
};

const clock = { server: NaN, at: 0 };
let lastHeard = performance.now();
/** @type {EventSource | null} */
let stream = null;
let triedAt = 0;
let toldLast = { opened: () => {}, failed: () => {} };

/** @type {((kind: string, news: News) => void)[]} */
const listeners = [];

/**
 * Call a function with each event from now on, and at once with what is known already.
 * @param {(kind: string, news: News) => void} act
 */
export function onNews(act) {
  listeners.push(act);
  if (seen.freshness !== null) {
    act("network", {
      ...seen, now: serverNow() || 0, freshness: seen.freshness,
      stations: [...seen.stations.values()], channels: [...seen.channels.values()],
    });
  }
}

/** The server's time, which runs on here; null before it was heard: the browser's own clock may be wrong by a day. */
export function serverNow() {
  return Number.isNaN(clock.server) ? null : clock.server + (performance.now() - clock.at);
}

/** Whether nothing has been heard for so long that the page must not look alive. */
export function isSilent() {
  return performance.now() - lastHeard > SILENT_MS;
}

/** @param {string | null} id */
export function stationName(id) {
  if (id === null) return TEXT.centre;
  const station = seen.stations.get(id);
  return station ? (LANG === "vi" ? station.name : station.name_en) : id;
}

/** @param {Record<string, any[]>} columns @returns {Channel[]} */
function rowsOf({ station, name, t, value, state, quality, tests, derived, alarm, limit }) {
  return name.map((own, at) => ({
    channel: `${station[at]}/${own}`, t: t[at], value: value[at], state: state[at], quality: quality[at], tests: tests[at],
    derived: derived[at], alarm: alarm[at], limit: limit[at],
  }));
}

/** @param {string} kind @param {Sent} sent */
function hear(kind, sent) {
  const news = { ...sent, channels: sent.channels && rowsOf(sent.channels) };
  lastHeard = clock.at = performance.now();
  clock.server = news.now;
  seen.freshness = news.freshness;
  if (kind === "network") { // everything: what is not in it was removed
    seen.stations.clear();
    seen.channels.clear();
  }
  for (const station of news.stations || []) seen.stations.set(station.station, station);
  for (const channel of news.channels || []) seen.channels.set(channel.channel, channel);
  if (news.alarms) seen.alarms = news.alarms;
  if (news.standing !== undefined) seen.standing = news.standing;
  if (news.waiting !== undefined) seen.waiting = news.waiting;
  if (news.aside) seen.aside = news.aside;
  if (news.refused !== undefined) seen.refused = news.refused;
  for (const act of listeners) act(kind, news);
}

// A refused connection the browser tries again by itself; one that is merely silent (a dead radio link, a forgotten
// address translation) it would keep for ever, so every silence is answered with a new connection.
/** @param {{ opened: () => void, failed: () => void }} [told] who is told that it answers, or does not; else who was */
export function connect(told = toldLast) {
  toldLast = told;
  if (stream) stream.close();
  triedAt = performance.now();
  const shows = document.querySelector("[data-channel] .value, #described") !== null; // values of channels
  stream = new EventSource(`/api/stream${shows ? "" : "?values=false"}`);
  for (const kind of ["network", "change"]) {
    stream.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data)));
  }
  stream.addEventListener("open", told.opened);
  stream.addEventListener("error", told.failed);
}

export function reconnectIfSilent() {
  if (isSilent() && performance.now() - triedAt > TRY_AGAIN_MS) connect();
}
