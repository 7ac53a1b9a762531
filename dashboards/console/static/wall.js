// The wall: nobody touches it. It turns through the network, its alarms and its stations by itself, the worst first, and
// says in large letters when it hears nothing, or may not show anything any more.
import { measured, titled, waits } from "./alarm_words.js";
import { beginNotice } from "./notice.js";
import { inWords, kindOf } from "./numbers.js";
import { byId, counted, element, LANG, name, oneWay, say, TEXT, ZONE } from "./page.js";
import { beginPulse } from "./pulse.js";
import { ALARMS_A_SLIDE, slidesOf } from "./slides.js";
import { showConditions, worstFirst } from "./stations.js";
import { connect, isSilent, onNews, seen, serverNow, stationName } from "./stream.js";
import { beginTide } from "./tide.js";
import { described, signOf, valuePlace, verdictOf } from "./tiles.js";
import { duration, timeText } from "./times.js";
import { askTrends, drawTrend, extend } from "./trends.js";

const TURN_MS = 12000;
const MOST_VALUES = 12;
const ASK_MS = 30000;
const AWAY_MS = 30000;

/** @typedef {import("./slides.js").Slide} Slide */

const channelsAt = described();

const standing = () => seen.alarms.filter((alarm) => alarm.cleared_at === null && alarm.known_at === null);
/** @type {Slide[]} */
let round = [];
let at = -1;
let turnedAt = 0;
/** @type {Slide} */
let shown = { kind: "map", page: 0, station: "" };

function turn() {
  at += 1;
  if (at >= round.length) {
    round = slidesOf(worstFirst([...seen.stations.values()]).map((one) => one.station), standing().length);
    at = 0;
  }
  show(round[at]);
}

/** @param {Slide} slide */
function show(slide) {
  if (slide.kind === "station" && !seen.stations.has(slide.station)) return turn();
  if (slide.kind === "alarms" && standing().length <= slide.page * ALARMS_A_SLIDE) return turn();
  shown = slide;
  turnedAt = performance.now();
  for (const kind of ["map", "alarms", "station"]) byId(`slide-${kind}`).hidden = kind !== slide.kind;
  refresh();
  if (slide.kind === "map") window.dispatchEvent(new Event("resize")); // the map was drawn without a size
  if (slide.kind === "station") askTrends(slide.station).then(drawTrends);
}

function refresh() {
  const waiting = seen.waiting;
  say(byId("wall-waiting"), `${waiting ? "▲" : "✓"} ${counted(waiting, TEXT.waiting_alarms)}`);
  byId("wall-waiting").classList.toggle("waits", waiting > 0);
  showConditions(byId("conditions"));
  if (shown.kind === "alarms") showAlarms();
  if (shown.kind === "station") showStation();
}

/** @param {import("./stream.js").Alarm} alarm */
function alarmRow(alarm) {
  const now = serverNow() || alarm.raised_at, value = measured(alarm), word = TEXT[`severity_${alarm.severity}`];
  const state = waits(alarm) ? TEXT.waits : alarm.acknowledged_by ? `✓ ${oneWay(alarm.acknowledged_by)}` : TEXT[`life_${alarm.state}`] || "";
  return element(
    "li", `wall-alarm ${alarm.severity}`, element("span", "wall-severity", `▲ ${word}`),
    element("span", "wall-what", element("strong", "", name(titled(alarm.texts?.title, alarm.rule))), " ", name(stationName(alarm.station)), value && ` · ${value}`),
    element("span", "wall-when", `${timeText(alarm.raised_at, ZONE, now, false)} · ${duration(now - alarm.raised_at, LANG)}`),
    element("span", "wall-state", state),
  );
}

function showAlarms() {
  const all = standing(), first = shown.page * ALARMS_A_SLIDE;
  byId("wall-alarms").replaceChildren(...all.slice(first, first + ALARMS_A_SLIDE).map(alarmRow));
  const more = seen.standing - first - ALARMS_A_SLIDE;
  say(byId("wall-alarms-more"), more > 0 ? `+ ${counted(more, TEXT.need_others)}` : "");
}

/** The values of a station: those with an alarm first, then as the catalogue has them. @param {string} station */
function valuesOf(station) {
  const measured = (channelsAt.get(station) || []).filter((one) => !one.housekeeping);
  /** @param {import("./tiles.js").Described} one */
  const isCalm = (one) => (seen.channels.get(one.id)?.alarm ? 0 : 1);
  return measured.sort((a, b) => isCalm(a) - isCalm(b)).slice(0, MOST_VALUES);
}

function showStation() {
  const station = seen.stations.get(shown.station), list = byId("wall-values");
  if (!station) return;
  byId("slide-station").dataset.condition = station.condition;
  byId("wall-station").replaceChildren(name(stationName(shown.station)));
  say(byId("wall-sign"), signOf(station.condition));
  say(byId("wall-condition"), TEXT[`condition_${station.condition}`]);
  const values = valuesOf(shown.station), key = values.map((one) => one.id).join();
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...values.map((one) => valuePlace("wall-value", one)));
    drawTrends();
  }
  for (const place of list.children) showValue(place);
}

/** @param {HTMLElement} place */
function showValue(place) {
  const channel = seen.channels.get(place.dataset.channel || ""), now = serverNow();
  if (!channel || now === null) return;
  const { look, mark, words } = verdictOf(channel, TEXT, LANG);
  const isOld = channel.t !== null && now - channel.t > 3000 * Number(place.dataset.interval) + 10000;
  say(place.querySelector(".value"), channel.value === null ? "–" : inWords(channel.value, kindOf(place.dataset), LANG));
  const age = channel.t === null ? TEXT.no_data : isOld ? `${TEXT.old} ${duration(now - channel.t, LANG)}` : "";
  say(place.querySelector(".note"), [mark ? `${mark} ${words}` : words, age].filter(Boolean).join(" · "));
  place.className = `wall-value ${look}${isOld ? " stale" : ""}`;
}

function drawTrends() {
  for (const place of byId("wall-values").children) drawTrend(place, place.dataset.channel || "");
}

/** The stream does not answer: is it because the session is over? A sign-in in another tab of this browser ends that. */
async function askWhetherOver() {
  const answer = await fetch("/api/session").catch(() => null);
  if (answer === null) return;
  if (answer.status !== 401 && !byId("over").hidden) location.reload();
  byId("over").hidden = answer.status !== 401;
}

let heardAt = performance.now();

function watch() {
  if (isSilent()) return; // the banner says so, and the slide stays
  const silence = performance.now() - heardAt;
  heardAt = performance.now();
  if (silence > AWAY_MS) location.reload(); // the server is there again, perhaps a newer one
  else if (performance.now() - turnedAt > TURN_MS) turn();
}

onNews((kind, news) => {
  for (const channel of news.channels || []) extend(channel);
  if (kind === "network" && [...seen.stations.keys()].some((station) => !channelsAt.has(station))) return location.reload();
  if (at < 0) turn();
  else refresh();
});
document.addEventListener("alarmed", () => {
  if (at >= 0) show({ kind: "alarms", page: 0, station: "" });
});
beginPulse();
beginNotice();
beginTide();
connect({ opened: askWhetherOver, failed: askWhetherOver });
setInterval(watch, 500);
setInterval(() => byId("over").hidden || askWhetherOver(), ASK_MS);
