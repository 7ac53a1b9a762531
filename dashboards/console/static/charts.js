// A station's charts: one a channel, drawn when it comes into view, then kept up to date by the stream. All show the same
// stretch of time, up to the server's now, so that a channel that has stopped runs out of the picture.
import { byId, counted, element, LANG, name, say, TEXT, whenReleased, ZONE } from "./page.js";
import { readByKeys } from "./chart_keys.js";
import { colour, drawSample } from "./hatch.js";
import { kindOf, number } from "./numbers.js";
import { isOfReadings, makePlot, marksAt, saidAt, tableOf, timeAt } from "./plot.js";
import { beyond, span } from "./scale.js";
import { asked, back, isLive, now, onView, stretch, view, zoom } from "./spans.js";
import { onNews } from "./stream.js";
import { timeText } from "./times.js";

/** @typedef {import("./plot.js").Series} Series */

const HEIGHT = 190;
const AGAIN_MS = 300000; // means and sums do not come by the stream
const MARKS_AGAIN_MS = 60000;
const KEPT = 100; // readings of a channel that came while its series was asked for, or was not shown under a drag

/** @type {Map<string, { lines: import("./plot.js").Line[], series: Series, plot: any, grows: boolean, drawnAt: number, lacksWords: boolean }>} */
export const charts = new Map();
const places = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".chart"));
/** @type {Map<string, { at: number, channel: import("./stream.js").Channel }[]>} what the stream brought last for each chart, and when */
const brought = new Map([...places].map((place) => [place.dataset.channel || "", []]));
/** @type {{ events: any[], alarms: any[], samples: any[], too_long: boolean }} */
let marked = { events: [], alarms: [], samples: [], too_long: false };

// ---- one chart

/** @param {HTMLElement} place @param {any} u @param {number | null} t */
function tellPointed(place, u, t) {
  const chart = charts.get(place.dataset.channel || "");
  if (t === null || !chart) return say(place.querySelector(".pointed"), "");
  const said = saidAt(chart.lines[0], t, TEXT, LANG);
  const events = marksAt(u, marksOf(place)).map((mark) => mark.words);
  const words = said ? `${timeAt(chart.series, t, ZONE, now())}: ${said}` : "";
  say(place.querySelector(".pointed"), [words, ...events].filter(Boolean).join(" · "));
}

/** Let a link lead to where the reading that is pointed at comes from. @param {HTMLElement} place */
function aim(place) {
  const chart = charts.get(place.dataset.channel || ""), link = /** @type {HTMLAnchorElement} */ (place.querySelector(".traced"));
  const t = chart && chart.series.resolution === "readings" ? chart.series.t[chart.plot.cursor.idx] : undefined;
  link.hidden = t === undefined;
  if (t === undefined) return null;
  const [station, own] = (place.dataset.channel || "").split("/");
  link.href = `/stations/${station}/trace/${own}?time=${new Date(t * 1000).toISOString()}&lang=${LANG}`;
  say(link, `${TEXT.trace_this} ${timeText(t * 1000, ZONE, now())} →`);
  return link;
}

/** @param {HTMLElement} place @param {Series} series @param {any} u */
function tellBeyond(place, series, u) {
  const found = beyond([...series.suspect, ...series.fail], [u.scales.y.min, u.scales.y.max]);
  const outer = span(found);
  const words = outer === null ? [] : outer.map((value) => number(value, Number(place.dataset.decimals), LANG));
  const ends = [...new Set(words)].join(" … ");
  say(place.querySelector(".beyond"), found.length ? `${counted(found.length, TEXT.beyond)}: ${ends}` : "");
}

/** @param {HTMLElement} place @param {Series} series */
function tellMade(place, series) {
  const hours = series.width_s / 3600;
  const width = series.resolution === "daily" ? TEXT.a_day : `${number(hours, hours < 1 ? 2 : 0, LANG)} ${TEXT.h}`;
  const isEmpty = [series.mean, series.suspect, series.fail, series.aside].every((column) => column.every((value) => value === null));
  say(place.querySelector(".made"), isEmpty ? TEXT.nothing_here : series.resolution === "readings" ? "" : `${TEXT.means_of} ${width}`);
}

/** @param {HTMLElement} place */
async function draw(place) {
  const mine = view(), channel = place.dataset.channel || "", begun = performance.now();
  const answer = await fetch(`/api/channels/${channel}/series?${asked()}`, { headers: { "Accept-Language": LANG } }).catch(() => null);
  if (answer === null || !answer.ok || mine !== view()) return; // the reader has chosen another range meanwhile
  /** @type {Series} */
  const series = await answer.json();
  whenReleased(place, () => { // a stretch that is being dragged stays
    if (mine !== view()) return;
    show(place, channel, series);
    for (const { at, channel: one } of brought.get(channel) || []) if (at >= begun) add(one);
  });
}

/** @param {HTMLElement} place @param {string} channel @param {Series} series */
function show(place, channel, series) {
  const lines = [{
    series, title: "", ...kindOf(place.dataset), resolution: Number(place.dataset.resolution),
    stepped: place.dataset.last === "true", scale: "y", ink: colour("--brand"), dash: [],
  }];
  charts.get(channel)?.plot.destroy();
  const plot = makePlot(/** @type {HTMLElement} */ (place.querySelector(".plot")), lines, {
    height: HEIGHT, edges: stretch, now, limits: JSON.parse(place.dataset.limits || "[]"), marks: () => marksOf(place), zoom, back,
    point: (u, t) => tellPointed(place, u, t), redrawn: (u) => tellBeyond(place, series, u),
  });
  const grows = isOfReadings(series, Number(place.dataset.interval));
  charts.set(channel, { lines, series, plot, grows, drawnAt: performance.now(), lacksWords: false });
  tellMade(place, series);
}

/** What keeps a reading out of the line. @param {import("./stream.js").Channel} channel */
function asideOf(channel) {
  const isBad = channel.quality === null || channel.quality > 2;
  if (isBad && channel.state === "cal") return "cal";
  if (isBad && (channel.state === "maint" || channel.state === "warmup")) return "maint";
  return channel.value === null ? "missing" : null;
}

/** @param {import("./stream.js").Channel} channel */
function keep(channel) {
  const kept = brought.get(channel.channel);
  kept?.push({ at: performance.now(), channel });
  kept?.splice(0, kept.length - KEPT);
}

/** @param {import("./stream.js").Channel} channel */
function add(channel) {
  const chart = charts.get(channel.channel);
  const [from, to] = stretch();
  if (!chart || !chart.grows || channel.t === null || channel.t > to) return;
  const { series, plot } = chart, { t, width_s: width } = series;
  const at = Math.ceil(channel.t / 1000 / width) * width;
  const last = t[t.length - 1];
  if (last !== undefined && at < last) return; // late data are in the next drawing
  if (at !== last) {
    if (last !== undefined && at - last > 3 * width) {
      push(series, last + width);
      series.spells.push([last, at - width, "missing"]);
    }
    push(series, at);
  }
  const i = t.length - 1, value = channel.value, kind = asideOf(channel);
  for (const column of COLUMNS.slice(1)) /** @type {any} */ (series[column])[i] = null; // it may be judged anew
  if (value !== null && channel.quality !== null && channel.quality <= 2) {
    series.mean[i] = series.low[i] = series.high[i] = value;
  } else if (value !== null) {
    series[kind ? "aside" : channel.quality === 3 ? "suspect" : "fail"][i] = value;
    chart.lacksWords = true; // why it is doubted does not come by the stream
  }
  const spell = series.spells[series.spells.length - 1];
  if (kind && spell && spell[2] === kind && at - spell[1] <= 2 * width) spell[1] = at;
  else if (kind) series.spells.push([at - width, at, kind]);
  while (t.length && t[0] * 1000 < from) COLUMNS.forEach((column) => series[column].shift());
  plot.setData(tableOf(chart.lines));
}

const COLUMNS = /** @type {const} */ (["t", "mean", "low", "high", "suspect", "fail", "aside"]);

/** @param {Series} series @param {number} t */
function push(series, t) {
  series.t.push(t);
  for (const column of COLUMNS.slice(1)) /** @type {any} */ (series[column]).push(null);
}

// ---- what happened

/** @param {string} channel */
const titleOf = (channel) => document.querySelector(`.chart[data-channel="${CSS.escape(channel)}"] h3 span`)?.textContent || channel;

/** @param {HTMLElement} place @returns {import("./plot.js").Mark[]} the station's events, and the channel's own alarms */
function marksOf(place) {
  const events = marked.events.map(([t, kind, device, detail]) => ({ t, kind, severity: "", words: eventWords(t, kind, device, detail) }));
  const alarms = marked.alarms.filter(([, , channel]) => channel === place.dataset.channel).map(([t, , , severity, title]) => ({
    t, kind: "alarm", severity, words: `${timeText(t * 1000, ZONE, now(), false)} ▲ ${title?.[LANG] || TEXT.alarms}`,
  }));
  const samples = marked.samples.filter(([, channel]) => channel === place.dataset.channel)
    .map(([t, , value, reported, code]) => ({ t, kind: "sample", severity: "", value, words: sampleWords(t, reported, code) }));
  return [...events, ...alarms, ...samples];
}

/** @param {number} t @param {string} kind @param {string | null} device @param {string | null} detail */
function eventWords(t, kind, device, detail) {
  return [timeText(t * 1000, ZONE, now(), false), TEXT[`event_${kind}`] || kind, device, detail].filter(Boolean).join(" ");
}

/** @param {number} t @param {string} reported @param {string} code */
function sampleWords(t, reported, code) {
  return `${timeText(t * 1000, ZONE, now(), false)} ${TEXT.sample_mark} ${code}: ${reported}`;
}

async function readMarks() {
  const mine = view(), station = byId("marks").dataset.marks;
  const answer = await fetch(`/api/stations/${station}/marks?${asked()}`).catch(() => null);
  if (answer === null || !answer.ok || mine !== view()) return;
  marked = await answer.json();
  charts.forEach((chart) => chart.plot.redraw(false));
  const rows = [
    ...marked.events.map(([t, kind, device, detail]) => ({ t, words: eventWords(t, kind, device, detail) })),
    ...marked.alarms.map(([t, , , severity, title]) => ({
      t, words: `${timeText(t * 1000, ZONE, now(), false)} ▲ ${TEXT[`severity_${severity}`] || ""}: ${title?.[LANG] || TEXT.alarms}`,
    })),
    ...marked.samples.map(([t, channel, , reported, code]) => ({ t, words: `${sampleWords(t, reported, code)} (${titleOf(channel)})` })),
  ].sort((a, b) => b.t - a.t);
  say(byId("marks-count"), marked.too_long ? `– ${TEXT.marks_too_long}` : `(${rows.length})`);
  byId("marks-list").replaceChildren(...rows.map(({ words }) => element("li", "", name(words))));
}

// ---- when to draw

function redraw() {
  for (const place of places) if (charts.has(place.dataset.channel || "")) draw(place);
}

const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    observer.unobserve(entry.target);
    draw(/** @type {HTMLElement} */ (entry.target));
  }
}, { rootMargin: "300px" });

function showLegend() {
  for (const sample of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll("canvas[data-sample]"))) {
    drawSample(sample, sample.dataset.sample || "");
  }
}

showLegend();
readMarks();
for (const place of places) {
  observer.observe(place);
  const [plot, said] = [".plot", ".pointed"].map((one) => /** @type {HTMLElement} */ (place.querySelector(one)));
  readByKeys(plot, said, () => charts.get(place.dataset.channel || "")?.plot, () => aim(place)?.click());
  plot.addEventListener("click", () => aim(place));
}
onView(() => {
  redraw();
  readMarks();
});
let heard = false;
onNews((kind, news) => {
  if (kind === "network" && heard) redraw(); // the stream was away
  heard = true;
  (news.channels || []).forEach(keep);
  if (kind !== "network") (news.channels || []).forEach(add);
});
setInterval(() => isLive() && charts.forEach(({ plot, lines }) => plot.setData(tableOf(lines))), 15000); // time goes on
setInterval(() => isLive() && readMarks(), MARKS_AGAIN_MS);
setInterval(() => {
  for (const place of places) {
    const chart = charts.get(place.dataset.channel || "");
    if (!isLive() || !chart || chart.grows && !chart.lacksWords) continue;
    if (chart.lacksWords || performance.now() - chart.drawnAt >= Math.min(AGAIN_MS, chart.series.width_s * 1000)) draw(place);
  }
}, MARKS_AGAIN_MS);
addEventListener("resize", () => {
  for (const place of places) {
    const plot = /** @type {HTMLElement} */ (place.querySelector(".plot"));
    charts.get(place.dataset.channel || "")?.plot.setSize({ width: plot.clientWidth, height: HEIGHT });
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  showLegend();
  redraw();
});
