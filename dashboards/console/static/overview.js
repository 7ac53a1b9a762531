// The overview: what needs a person now (alarms that wait, by station, files that are refused, silent stations, shelves and
// certificates that end soon), and beside it the stations, their small lines, the tide.
import { login, may } from "./account.js";
import { measured, titled, waits } from "./alarm_words.js";
import { askWho } from "./dialogs.js";
import { button, byId, counted, element, LANG, name, say, TEXT, ZONE } from "./page.js";
import { showRows } from "./rows.js";
import { onNews, seen, serverNow, stationName } from "./stream.js";
import { beginStations } from "./stations.js";
import { beginTide } from "./tide.js";
import { signOf } from "./tiles.js";
import { day, fromLocal, timeText } from "./times.js";
import { beginTrends } from "./trends.js";

const SHOWN = 6;
const SOON_MS = 3600000;
const MINUTE_MS = 60000; // a certificate ends with its last day: at midnight
const MOST_SILENT = 2; // more stations that send nothing are one thing to look after: the line, the broker
const PAPERS_AGAIN_MS = 600000; // certificates end by days
const WORST_FIRST = ["critical", "high", "refused", "offline", "medium", "expired", "low", "ending", "expiring"];

/**
 * @typedef {import("./stream.js").Alarm} Alarm
 * @typedef {import("./stream.js").Station} Station
 * @typedef {import("./stream.js").SetAside} SetAside
 * @typedef {{ kind: string, station: string | null, since: number | null, alarm?: Alarm, more?: number, row?: SetAside,
 *   silent?: string[], paper?: Paper }} Need
 * @typedef {{ station: string, device: string, kind: string, number: string, expires_on: string }} Paper
 */

/**
 * Return what needs a person, the worst first, of equals the oldest. Pure.
 * @param {Alarm[]} alarms
 * @param {Station[]} stations
 * @param {SetAside[]} aside
 * @param {{ since: number } | null} refused
 * @param {number} now
 * @param {Paper[]} [papers] certificates that have ended or end soon, the oldest end first
 * @returns {Need[]}
 */
export function needsOf(alarms, stations, aside, refused, now, papers = []) {
  const own = new Map(stations.map((station) => [station.station, station]));
  /** @type {Map<string | null, Need>} */
  const byStation = new Map();
  for (const alarm of alarms.filter(waits)) { // they come worst first
    if (refused && alarm.rule === "files-refused") continue; // it is said below, with what to do
    const known = byStation.get(alarm.station);
    if (!known) byStation.set(alarm.station, { kind: alarm.severity, station: alarm.station, since: alarm.raised_at, alarm, more: 0 });
    else known.more = (known.more || 0) + 1;
  }
  for (const [id, need] of byStation) {
    const station = id === null ? undefined : own.get(id);
    if (station) need.more = Math.max(need.more || 0, station.waiting - 1); // the list is of the first hundred
  }
  const isAside = new Set(aside.filter((row) => row.kind !== "shelved" && row.device === null).map((row) => row.station));
  const silent = stations.filter((one) => one.condition === "offline" && one.standing === 0 && !isAside.has(one.station));
  const ending = aside.filter((row) => row.kind === "shelved" && row.until !== null && row.until - now < SOON_MS);
  return [
    ...byStation.values(),
    ...(refused ? [{ kind: "refused", station: null, since: refused.since }] : []),
    ...(silent.length > MOST_SILENT
      ? [{ kind: "offline", station: null, since: null, silent: silent.map((one) => one.station) }]
      : silent.map((one) => ({ kind: "offline", station: one.station, since: one.last_message_at }))),
    ...ending.map((row) => ({ kind: "ending", station: row.station, since: row.until, row })),
    ...papersOf(papers, now),
  ].sort((a, b) => WORST_FIRST.indexOf(a.kind) - WORST_FIRST.indexOf(b.kind) || (a.since || 0) - (b.since || 0));
}

/**
 * Return one need for a station's certificates that have ended, and one for those that end soon.
 * @param {Paper[]} papers
 * @param {number} now
 * @returns {Need[]}
 */
function papersOf(papers, now) {
  /** @type {Map<string, Need>} */
  const found = new Map();
  for (const paper of papers) {
    const end = fromLocal(`${paper.expires_on}T23:59`, ZONE), kind = end + MINUTE_MS <= now ? "expired" : "expiring";
    const known = found.get(`${kind} ${paper.station}`);
    if (known) known.more = (known.more || 0) + 1;
    else found.set(`${kind} ${paper.station}`, { kind, station: paper.station, since: end, paper, more: 0 });
  }
  return [...found.values()];
}

/** @param {number} ms */
const clock = (ms) => timeText(ms, ZONE, serverNow() || ms, false);

/** @param {Need} need @returns {[string, Node[], string]} sign, what in words, and since or until when */
function inWords({ kind, since, alarm, row, more, silent, paper }) {
  if (paper) {
    const others = more ? ` · + ${counted(more, TEXT.need_others_papers)}` : "";
    const words = [new Text(`${TEXT[`need_certificate_${paper.kind}`]} `), name(paper.number), new Text(` (${paper.device})${others}`)];
    return [kind === "expired" ? "✕" : "◔", words, `${TEXT.until} ${day(since || 0, ZONE)}`];
  }
  if (alarm) {
    const others = more ? ` · + ${counted(more, TEXT.need_others)}` : "";
    const words = new Text([measured(alarm), others].join("") && ` · ${measured(alarm)}${others}`);
    const life = /** @type {HTMLAnchorElement} */ (element("a", "", name(titled(alarm.texts?.title, alarm.rule))));
    life.href = `/alarms/${alarm.alarm_id}?lang=${LANG}`;
    return ["▲", [life, words], `${TEXT.since} ${clock(alarm.raised_at)}`];
  }
  if (row) return ["◔", [name(titled(row.title, TEXT.aside_shelved)), new Text(` · ${TEXT.need_ending}`)], `${TEXT.until} ${clock(row.until || 0)}`];
  if (silent) return [signOf("offline"), [new Text(`${TEXT.need_offline}: `), name(silent.map(stationName).join(", "))], ""];
  const sign = kind === "offline" ? signOf("offline") : "✕";
  return [sign, [new Text(TEXT[`need_${kind}`])], since === null ? "" : `${TEXT.since} ${clock(since)}`];
}

/** @param {Need} need */
function needRow(need) {
  const [sign, what, when] = inWords(need), { kind, station, alarm, silent } = need;
  const word = alarm ? TEXT[`severity_${kind}`] : TEXT[`need_kind_${kind}`];
  const row = element("li", `need ${kind}`, element("span", "need-sign", `${sign} ${word}`));
  const place = silent ? new Text(`${silent.length} ${TEXT.need_stations}`) : name(stationName(station));
  const where = /** @type {HTMLAnchorElement} */ (element("a", "", place));
  where.href = station === null ? `#${silent ? "stations" : kind === "refused" ? "refused-card" : "alarms"}` : `/stations/${station}?lang=${LANG}`;
  if (need.paper) where.href = `/field-book?station=${station}&lang=${LANG}`;
  row.append(element("span", "need-what", element("strong", "", where), " ", ...what), element("span", "need-when", when));
  if (alarm && alarm.state === "unacknowledged" && may("acknowledge", station)) {
    const words = [name(titled(alarm.texts?.title, alarm.rule)), new Text(" · "), name(stationName(station))];
    row.append(button("acknowledge", TEXT.acknowledge, () => askWho(alarm.alarm_id, words)));
  }
  return row;
}

/** @type {Paper[]} */
let papers = [];

async function readPapers() {
  const answer = await fetch("/api/certificates/expiring").catch(() => null);
  if (answer === null || !answer.ok) return;
  papers = await answer.json();
  if (serverNow()) showNeeds();
}

function showNeeds() {
  const now = serverNow() || 0;
  const needs = needsOf(seen.alarms, [...seen.stations.values()], seen.aside, seen.refused, now, papers);
  showRows(
    byId("needs"), needs.slice(0, SHOWN), (need) => JSON.stringify([need.kind, need.station, need.alarm?.alarm_id, need.row?.since, need.paper?.number]),
    (need) => JSON.stringify([need, inWords(need)[2], stationName(need.station), login]), needRow,
  );
  byId("no-needs").hidden = needs.length > 0;
  byId("more-needs").hidden = needs.length <= SHOWN;
  say(byId("more-needs-count"), `+ ${needs.length - SHOWN} ${TEXT.needs_more}`);
  byId("needs-card").classList.toggle("quiet-card", needs.length === 0);
}

readPapers();
setInterval(readPapers, PAPERS_AGAIN_MS);
onNews((_, news) => {
  if (news.alarms || news.stations || news.aside || news.refused !== undefined) showNeeds();
});
beginStations();
beginTrends();
beginTide();
