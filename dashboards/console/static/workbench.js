// The workbench: a month or a year of one channel with what blames it; the queue; acts; a key for each of them.
import { act, askWhetherSignedIn, may } from "./account.js";
import { BenchChart, drawCompanion, drawLanes } from "./bench_chart.js";
import { BenchForm, deedText, spanText } from "./bench_form.js";
import { proposalWords } from "./bench_proposals.js";
import { periodOf } from "./correction.js";
import { button, byId, counted, element, LANG, name, say, TEXT, whenReleased, ZONE } from "./page.js";
import { number } from "./numbers.js";
import { timeText } from "./times.js";

/**
 * @typedef {import("./bench_chart.js").Act} Act
 * @typedef {import("./bench_chart.js").Channel} Channel
 * @typedef {import("./correction.js").Chosen} Chosen
 * @typedef {{ channel: string, channels: string[], device: string | null, from_t: string, to_t: string, readings: number, flag: number, tests: string[],
 *   low: number | null, high: number | null }} Finding
 */

const DAY = 86400000, LONGEST = 400 * DAY, AROUND = 31 * DAY, SHORTEST = 600000, TRY_AGAIN_MS = 3000, OF_STATION = 93 * DAY;
const place = /** @type {HTMLElement} */ (document.querySelector(".bench"));
const known = JSON.parse(byId("bench-channels").textContent);
/** @type {Map<string, Channel>} */
const channels = new Map([...known.channels, ...known.away].map((one) => [one.id, one]));
const loadedAt = performance.now();
/** The server's time: the browser's own clock may be wrong by a day. */
const now = () => Number(place.dataset.now) + (performance.now() - loadedAt);

/** @type {string} */
let channel = channels.has(known.channel) ? known.channel : known.channels[0]?.id;
/** @type {[number, number]} the period that is worked on: the queue is of it */
let home = periodOf(location.search, LONGEST) || [now() - Number(place.dataset.days) * DAY, now()];
/** @type {[number, number]} what the chart shows of it */
let view = home;
/** @type {Finding[]} */
let queue = [];
let queueAt = -1;
/** @type {import("./bench_form.js").Proposal[]} what was found when it was asked for */
let proposals = [];
/** @type {Act[]} what was done here, the newest last */
const done = [];
/** @type {Set<string>} */
let companions = new Set();
let loads = 0;
/** @type {Map<string, number>} the newest request of each kind */
const requests = new Map();
/** @type {Map<string, string>} what cannot be read now, and why */
const failing = new Map();
/** @type {number | undefined} */
let retry;

/** A click holds the point that is traced, so that the pointer comes to the link without losing it. */
let isHeld = false;
const chart = new BenchChart(byId("bench-plot"), chosen, (words, t) => {
  say(byId("bench-pointed"), words);
  if (!isHeld) aim(t);
});
const form = new BenchForm({
  decimals: () => channels.get(channel)?.decimals ?? 2,
  device: () => deviceOf(channel),
  look: () => learn(),
  said: (found) => chart.said(found),
  preview: (formula) => chart.preview(formula),
  left: leave, refused: learn, done: acted, sends,
});

// ---- reading

/** @param {[number, number]} period */
const between = ([from, to]) => `from=${new Date(Math.floor(from)).toISOString()}&to=${new Date(Math.ceil(to)).toISOString()}`;

/**
 * Ask the server; null: it is away, which the page says and tries again, or has been asked anew since.
 * @param {string} what each kind of request fails by itself
 * @param {string} path
 */
async function asked(what, path) {
  const mine = (requests.get(what) || 0) + 1;
  requests.set(what, mine);
  const answer = await fetch(`/api/${path}`, { headers: { "Accept-Language": LANG } }).catch(() => null);
  if (answer?.status === 401) askWhetherSignedIn();
  const found = answer?.ok ? await answer.json().catch(() => null) : null;
  const said = answer && !answer.ok && answer.status !== 503 ? (await answer.json().catch(() => ({}))).error : "";
  if (requests.get(what) !== mine) return null;
  if (found !== null || answer?.status === 401) failing.delete(what);
  else failing.set(what, said || TEXT.bench_away);
  if (failing.has(what) && (!said || answer?.status === 429)) {
    clearTimeout(retry);
    retry = setTimeout(tryAgain, TRY_AGAIN_MS);
  }
  tellFailing();
  return found;
}

function tellFailing() {
  say(byId("bench-away"), [...new Set(failing.values())].join(" "));
  byId("bench-away").hidden = failing.size === 0;
}

/** Ask again for what failed alone: a form in which somebody works stays as it is. */
function tryAgain() {
  const failed = [...failing.keys()];
  if (failed.includes("chart")) load();
  else for (const id of companions) if (failed.includes(id)) loadCompanion(id, loads, view);
  if (failed.includes("queue")) loadQueue();
  if (failed.includes("stretch")) learn();
  if (failed.includes("proposals")) propose();
}

/** What is asked for no more fails no more. @param {string[]} what */
function forget(...what) {
  for (const one of what) {
    requests.set(one, (requests.get(one) || 0) + 1);
    failing.delete(one);
  }
  tellFailing();
}

/** @param {boolean} [whole] with companions: an act on this channel does not change them */
async function load(whole = true) {
  const mine = ++loads, shown = view;
  const data = await asked("chart", `channels/${channel}/workbench?${between(shown)}`);
  const of = channels.get(channel);
  if (data === null || mine !== loads || !of) return;
  whenReleased(place, () => { // a chart that is drawn anew loses what is being dragged on it
    if (mine !== loads) return;
    chart.show(data, of, shown);
    drawn = { data, shown };
    lay();
    form.tellWhy();
    byId("bench-hourly").hidden = !data.hourly;
    listActs(data.acts);
    place.dataset.drawn = String(mine);
  });
  if (whole) for (const id of companions) loadCompanion(id, mine, shown);
}

/** @type {{ data: import("./bench_chart.js").Stretch, shown: [number, number] } | null} */
let drawn = null;

/** Draw the lanes of what is shown. */
function lay() {
  const own = proposals.filter((one) => one.channel === channel);
  if (drawn) drawLanes(byId("bench-lanes"), drawn.data, drawn.shown, chart.edges(), pick, own, consider);
}

/** Ask what the services of the period speak for: a month before and behind, much more is seen. */
async function propose() {
  const asks = /** @type {[number, number]} */ ([home[0] - AROUND, Math.min(home[1] + AROUND, Math.max(now(), home[1]))]);
  if (asks[1] - asks[0] > LONGEST) asks[0] = home[0], asks[1] = home[1];
  const asking = byId("bench-proposals-said");
  if (!may("review", known.station)) return say(asking, TEXT.bench_proposals_reviewers);
  say(asking, TEXT.bench_proposals_wait);
  const found = await asked("proposals", `stations/${known.station}/proposals?${between(asks)}`);
  if (found === null) return say(asking, "");
  const within = found.proposals.filter((/** @type {any} */ one) => Date.parse(one.to_t) > home[0] && Date.parse(one.from_t) <= home[1]);
  proposals = within.map((/** @type {any} */ one) => ({ ...one, asked: asks.map((ms, at) => (at ? Math.ceil(ms) : Math.floor(ms))) }));
  say(asking, proposals.length ? "" : TEXT.bench_proposals_none);
  listProposals();
  lay();
}

function listProposals() {
  say(byId("bench-proposals-count"), String(proposals.length));
  byId("bench-proposals").replaceChildren(...proposals.map((one) => {
    const of = channels.get(one.channel);
    const words = proposalWords(one, of?.decimals ?? 2, of?.unit || "");
    return element("li", one.kind === "flag" ? "suspect" : "act", button("", `${of?.title || one.channel} · ${words}`, () => consider(one)));
  }));
}

/** Look at a proposal: its readings, and what it would make of them. @param {import("./bench_form.js").Proposal} one */
async function consider(one) {
  if (form.isSending) return;
  turnTo(one.channel);
  queueAt = -1;
  markQueue();
  const found = { after: Date.parse(one.from_t) - 1, until: Date.parse(one.to_t) }, of = channels.get(channel);
  const around = Math.max((found.until - found.after) * 0.4, 3 * 3600000);
  chart.choose(found);
  view = [found.after - around, found.until + around];
  tell();
  const loaded = load();
  form.consider(one, found, proposalWords(one, of?.decimals ?? 2, of?.unit || ""), stretch(channel, found, false));
  await loaded;
  form.typed(); // the picture of what it would make
}

/** @param {string} id @param {number} mine @param {[number, number]} shown */
async function loadCompanion(id, mine, shown) {
  const of = channels.get(id), made = companionPlace(id);
  const data = await asked(id, `channels/${id}/workbench?${between(shown)}`);
  if (data === null || mine !== loads || !of || !companions.has(id)) return;
  if (data.t.length) drawCompanion(made, data, of, shown);
  else made.replaceChildren(element("p", "small", TEXT.no_data));
}

async function loadQueue() {
  const asks = home[1] - home[0] > OF_STATION ? `&name=${channel.split("/")[1]}` : "";
  const found = await asked("queue", `stations/${known.station}/findings?${between(home)}${asks}`);
  if (found === null) return;
  whenReleased(byId("bench-queue"), () => {
    const at = queue[queueAt];
    queue = found.findings;
    queueAt = at ? queue.findIndex((one) => one.channel === at.channel && one.from_t === at.from_t) : -1;
    say(byId("bench-queue-count"), `${queue.length}${found.more ? "+" : ""}`);
    listQueue();
  });
}

function loadAll() {
  load();
  loadQueue();
}

// ---- what is shown

/** Say what is shown, in the page and in its address. @param {boolean} [push] */
function tell(push = true) {
  const of = channels.get(channel);
  byId("bench-title").replaceChildren(element("bdi", "", of?.title || channel), element("span", "unit", of?.unit || ""));
  byId("bench-channel").value = channel;
  say(byId("bench-range"), spanText(...view));
  const address = new URLSearchParams(location.search);
  address.set("channel", channel);
  address.delete("station");
  for (const [key, ms] of /** @type {[string, number][]} */ ([["from", home[0]], ["to", home[1]]])) {
    address.set(key, new Date(ms).toISOString().slice(0, 19) + "Z");
  }
  const query = `?${address.toString().replaceAll("%3A", ":").replaceAll("%2F", "/")}`;
  if (push && query !== location.search) history.pushState(null, "", query);
  const language = /** @type {HTMLAnchorElement} */ (document.querySelector(".language"));
  address.set("lang", language.hreflang);
  language.search = address.toString();
}

/** @param {[number, number]} next @param {boolean} [isPeriod] whether it is what is worked on from now on */
function show(next, isPeriod = false) {
  view = next;
  if (isPeriod) {
    home = next;
    proposals = []; // they are of another period, and so is what is being worked out
    forget("proposals");
    say(byId("bench-proposals-said"), "");
    listProposals();
  }
  tell();
  load();
  if (isPeriod) loadQueue();
}

/** @param {string} id */
function turnTo(id) {
  if (id === channel) return;
  channel = id;
  byId("bench-trace").hidden = !(isHeld = false);
  leave();
  forget(...companions);
  chart.at = -1;
  companions = new Set((channels.get(id)?.companions || []).filter((one) => channels.has(one)));
  listChoices();
}

// ---- selecting

/** @type {number | undefined} */
let soon;

/** @param {Chosen | null} found */
function chosen(found) {
  if (form.isSending) return chart.choose(form.chosen);
  queueAt = -1;
  markQueue();
  clearTimeout(soon);
  if (found) soon = setTimeout(() => look(found), 120); // a key that is held selects thirty times a second
}

/** @param {string} of @param {Chosen} found @param {boolean} [isWhole] */
const stretch = (of, { after, until }, isWhole = form.isOfDevice) =>
  asked("stretch", `channels/${of}/stretch?${between([after, until])}&whole_device=${isWhole}`);

/** The device of a channel, where it measures others, too. @param {string} id */
function deviceOf(id) {
  const device = channels.get(id)?.device, own = [...channels.values()].filter((one) => one.device === device);
  return device && own.length > 1 ? device : null;
}

/** Look at what is selected, and open the form for it. @param {Chosen} found @param {boolean} [isWhole] whether a device is meant */
function look(found, isWhole) {
  form.open(channel, found, (whole) => stretch(channel, found, whole), isWhole);
}

/** Look again at what the form is about. */
function learn() {
  if (form.chosen) form.know(stretch(form.channel, form.chosen));
  else forget("stretch");
}

/** @param {Chosen} found */
function pick(found) {
  if (form.isSending) return;
  chart.choose(found);
  look(found);
}

/** Give up what is selected and typed, but not while it is being sent. */
function leave() {
  if (form.isSending) return;
  form.close();
  forget("stretch");
  chart.choose(null);
  queueAt = -1;
  markQueue();
  byId("bench-plot").focus({ preventScroll: true });
}

/** Hold the channel while an act is sent. The browser's way back may have left it: then the form closes behind the act. @param {boolean} isSending */
function sends(isSending) {
  for (const id of ["bench-station", "bench-channel"]) byId(id).disabled = isSending;
  if (isSending || !form.chosen || form.channel === channel) return;
  const { hidden, textContent } = byId("bench-error");
  leave();
  if (hidden) return;
  say(byId("bench-said"), textContent);
  byId("bench-said").hidden = false;
}

/** Go to a finding of the queue and select it. @param {number} at */
async function goTo(at) {
  const finding = queue[at];
  if (!finding || form.isSending) return;
  turnTo(finding.channel);
  queueAt = at;
  const found = { after: Date.parse(finding.from_t) - 1, until: Date.parse(finding.to_t) };
  const around = Math.max((found.until - found.after) * 1.2, 3 * 3600000);
  chart.choose(found);
  view = [found.after - around, found.until + around];
  tell();
  const drawn = load();
  look(found, finding.channels.length > 1);
  markQueue();
  const { top, bottom } = byId("bench-plot").getBoundingClientRect();
  if (bottom < 120 || top > innerHeight - 120) byId("bench-plot").scrollIntoView(); // on a telephone the queue is below
  await drawn;
}

// ---- acts

/** @param {Act} one what has been done */
function acted(one) {
  if (one.state !== "withdrawn") done.push(one);
  const words = one.state === "withdrawn" ? TEXT.bench_withdrawn : one.state === "proposed" ? TEXT.bench_proposed : deedText(one);
  say(byId("bench-said"), `#${one.review_id}: ${words}, ${counted(one.readings, TEXT.bench_readings)}. ${one.state === "withdrawn" ? "" : TEXT.bench_undo_hint}`);
  byId("bench-said").hidden = false;
  const judged = queueAt;
  chart.choose(null);
  forget("stretch");
  byId("bench-plot").focus({ preventScroll: true });
  const isJudged = judged >= 0 && one.kind === "flag";
  if (proposals.length && judged < 0) propose(); // what is proposed follows what was reviewed
  if (isJudged) queue.splice(judged, 1);
  queueAt = -1;
  listQueue();
  if (isJudged && queue.length) goTo(Math.min(judged, queue.length - 1)).then(loadQueue);
  else load(false).then(loadQueue);
}

/** Take back what was done last, here or else on what is shown. */
function undo() {
  const standing = (/** @type {Act} */ one) => !(chart.data?.acts || []).some((other) => other.review_id === one.review_id && other.state === "withdrawn");
  const last = [...done].reverse().find(standing) || chart.data?.acts.find((one) => one.state !== "withdrawn");
  if (last && may("review", known.station)) form.takeBack(last);
}

/** @param {Act} one */
async function approve(one) {
  const answer = await act(`stations/${one.station}/reviews/${one.review_id}/approve`, {}).catch(() => undefined);
  if (answer === null) return;
  const said = answer ? await answer.json().catch(() => ({})) : { error: TEXT.because_connection };
  if (answer?.ok) return acted(said);
  say(byId("bench-said"), `${TEXT.failed}: ${said.error}`);
  byId("bench-said").hidden = false;
}

/** Let the link lead to where one number comes from. @param {number} t seconds */
function aim(t) {
  const link = byId("bench-trace"), [station, own] = channel.split("/");
  link.href = `/stations/${station}/trace/${own}?time=${new Date(t * 1000).toISOString()}&lang=${LANG}`;
  say(link, `${TEXT.trace_this} ${timeText(t * 1000, ZONE, 0)} →`);
  link.hidden = false;
}

/** A click on a point holds it. */
function hold() {
  const t = chart.data?.t[chart.at];
  if (t === undefined) return;
  isHeld = true;
  aim(t);
}

// ---- lists

function listQueue() {
  byId("bench-queue").replaceChildren(...queue.map((one, at) => {
    const of = channels.get(one.channel), decimals = of?.decimals ?? 2;
    const tests = one.tests.map((test) => TEXT[`test_${test}`] || test).join(", ");
    const values = one.low === null || one.high === null || one.channels.length > 1 ? "" : ` · ${[...new Set([one.low, one.high].map((value) => number(value, decimals, LANG)))].join(" … ")}`;
    const what = one.channels.length > 1 ? `${one.device} (${counted(one.channels.length, TEXT.bench_channels)})` : of?.title || one.channel;
    const words = `${one.flag === 4 ? "×" : "○"} ${what} · ${spanText(Date.parse(one.from_t), Date.parse(one.to_t))} · ${one.readings} · ${tests}${values}`;
    const made = element("li", one.flag === 4 ? "fail" : "suspect", button("", words, () => goTo(at)));
    return made;
  }));
  if (!queue.length) byId("bench-queue").replaceChildren(element("li", "act", TEXT.bench_queue_empty));
  markQueue();
}

function markQueue() {
  [...byId("bench-queue").children].forEach((row, at) => row.setAttribute("aria-current", String(at === queueAt)));
  const list = byId("bench-queue"), row = list.children[queueAt];
  if (row) list.scrollTop = row.offsetTop - list.offsetTop - 60; // the list alone: the page stays where it is
}

/** @param {Act[]} acts the newest first */
function listActs(acts) {
  const mayAct = may("review", known.station);
  byId("bench-acts").replaceChildren(...acts.slice(0, 100).map((one) => {
    const said = `${deedText(one)}, ${counted(one.readings, TEXT.bench_readings)}, ${spanText(Date.parse(one.from_t), Date.parse(one.to_t))}`;
    const made = element("li", `act ${one.state === "withdrawn" ? "withdrawn" : ""}`,
      element("span", "done", `#${one.review_id} ${said}`), element("br", ""), name(one.person),
      `, ${timeText(Date.parse(one.at), ZONE, 0, false)}: `, name(one.reason));
    if (one.withdrawn_by !== null) {
      made.append(element("br", ""), `${TEXT.bench_withdrawn}: `, name(one.withdrawn_by), ", ", name(one.withdrawn_reason || ""));
    } else if (mayAct) {
      made.append(element("br", ""), button("", TEXT.bench_withdraw, () => form.takeBack(one)));
      if (one.state === "proposed") made.append(button("", TEXT.bench_approve, () => approve(one)));
    }
    return made;
  }));
  if (!acts.length) byId("bench-acts").replaceChildren(element("li", "act withdrawn", TEXT.bench_acts_empty));
}

/** @param {string} id */
function companionPlace(id) {
  const all = byId("bench-companions"), found = all.querySelector(`[data-companion="${id}"] .companion-plot`);
  if (found) return found;
  const of = channels.get(id), drawn = element("div", "companion-plot");
  const made = element("div", "companion", element("h3", "", `${of?.title} ${of?.unit ? `(${of.unit})` : ""}`), drawn);
  made.dataset.companion = id;
  all.append(made);
  return drawn;
}

function listChoices() {
  byId("bench-companions").replaceChildren();
  byId("bench-choices").replaceChildren(...[...channels.values()].filter((one) => one.id !== channel).map((one) => {
    const box = /** @type {HTMLInputElement} */ (element("input", ""));
    box.type = "checkbox";
    box.checked = companions.has(one.id);
    box.addEventListener("change", () => {
      if (box.checked) companions.add(one.id);
      else companions.delete(one.id), forget(one.id);
      byId("bench-companions").replaceChildren();
      load();
    });
    return element("label", "", box, ` ${one.title}`);
  }));
}

// ---- what is asked by button and by key

/** @param {number} share of the length of what is shown */
function aside(share) {
  const by = (view[1] - view[0]) * share;
  show([view[0] + by, view[1] + by], view[0] === home[0] && view[1] === home[1]);
}

/** @param {number} days */
function last(days) {
  const to = Math.min(home[1], now());
  show([to - days * DAY, to], true);
}

function closer() {
  const { after, until } = chart.chosen || { after: view[0] + (view[1] - view[0]) / 4, until: view[1] - (view[1] - view[0]) / 4 };
  const half = Math.max((until - after) * 0.6, SHORTEST / 2), middle = (after + until) / 2;
  show([middle - half, middle + half]);
}

function wider() {
  const half = Math.min(view[1] - view[0], LONGEST / 2), middle = (view[0] + view[1]) / 2;
  show(half * 2 >= home[1] - home[0] && view[0] >= home[0] && view[1] <= home[1] ? home : [middle - half, middle + half]);
}

const help = byId("bench-help");
/** @type {Record<string, () => void>} */
const ACTIONS = {
  earlier: () => aside(-1), later: () => aside(1), month: () => last(31), year: () => last(366), closer, wider, propose,
  help: () => help.showModal(), leave, undo, trace: () => byId("bench-trace").hidden || byId("bench-trace").click(),
  next: () => goTo(Math.min(queueAt + 1, queue.length - 1)), previous: () => goTo(Math.max(queueAt - 1, 0)),
};
/** @type {Record<string, string>} */
const KEYS = {
  "[": "earlier", "]": "later", m: "month", y: "year", "+": "closer", "=": "closer", "-": "wider", "?": "help", z: "undo", t: "trace", n: "next",
  p: "previous", r: "propose", Escape: "leave",
};
/** @type {Record<string, string>} */
const KINDS = { g: "good", s: "suspect", f: "fail", u: "unflag", v: "value", o: "offset", x: "factor", d: "drift" };

/** @param {number[]} t @param {number} at @param {number} by seconds */
function placeAfter(t, at, by) {
  const wanted = t[at] + by, found = t.findIndex((seconds) => seconds >= wanted);
  return found < 0 ? t.length - 1 : found;
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (target.matches("select, textarea, input:not([type='radio'], [type='checkbox'])")) return;
  /** @type {Record<string, (at: number, t: number[]) => number>} */
  const steps = {
    ArrowLeft: (at, t) => (event.ctrlKey ? placeAfter(t, at, -86400) : at - 1),
    ArrowRight: (at, t) => (event.ctrlKey ? placeAfter(t, at, 86400) : at + 1),
    Home: () => 0, End: (_, t) => t.length - 1,
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (steps[key] && !target.matches("input")) {
    isHeld = false;
    chart.move(steps[key], event.shiftKey);
  }
  else if (event.ctrlKey) return;
  else if (key === "a") form.turnDevice();
  else if (KINDS[key] && !byId("bench-form").hidden) form.choose(KINDS[key]);
  else if (KEYS[key]) ACTIONS[KEYS[key]]();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", pressed, true); // before those of every page: here ? shows the keys of the workbench
byId("bench-plot").addEventListener("click", hold);
place.addEventListener("click", (event) => {
  const asks = /** @type {HTMLElement} */ (event.target).closest("[data-do]");
  if (asks instanceof HTMLElement) ACTIONS[asks.dataset.do || ""]?.();
});
byId("bench-station").addEventListener("change", (/** @type {any} */ event) => {
  const address = new URLSearchParams(location.search);
  address.delete("channel");
  address.set("station", event.target.value);
  location.search = address.toString();
});
byId("bench-channel").addEventListener("change", (/** @type {any} */ event) => {
  turnTo(event.target.value);
  tell();
  load();
});
addEventListener("popstate", () => {
  const there = new URLSearchParams(location.search).get("channel") || channel;
  if (channels.has(there)) turnTo(there);
  home = view = periodOf(location.search, LONGEST) || home;
  tell(false);
  loadAll();
});
/** @type {number | undefined} */
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => load(), 200);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => load());

companions = new Set((channels.get(channel)?.companions || []).filter((one) => channels.has(one)));
listChoices();
tell(false);
const kept = form.draft(channel);
if (kept) pickDraft(kept);
loadAll();

/** What was typed before a reload is there again. @param {any} draft */
function pickDraft(draft) {
  chart.chosen = draft.chosen;
  form.channel = channel;
  look(draft.chosen);
  form.restore(draft);
}
