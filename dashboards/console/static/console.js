"use strict";
// What every page does: listen to the one stream, keep ages running by the server's clock, and say in big letters when
// the data are old or the connection is dead. A page that hears nothing greys by its own timer.

const DEAD_AFTER_MS = 4000; // the server speaks at least every two seconds
const TRY_AGAIN_MS = 5000;
const TEXT = JSON.parse(document.getElementById("texts").textContent);
const LANG = document.body.dataset.lang;
const ZONE = document.body.dataset.zone;

const seen = { stations: new Map(), channels: new Map(), alarms: [], standing: 0, aside: [], freshness: null };
const clock = { server: null, at: 0 };
let lastHeard = performance.now();
let stream = null, triedAt = 0;

const onChange = []; // what other scripts want to do after each event: f(event name, data)

function serverNow() {
  return clock.server === null ? null : clock.server + (performance.now() - clock.at);
}

function hear(name, data) {
  lastHeard = clock.at = performance.now();
  clock.server = data.now;
  seen.freshness = data.freshness;
  const stoodHere = standingAlarms();
  for (const station of data.stations || []) seen.stations.set(station.station, station);
  for (const channel of data.channels || []) seen.channels.set(channel.channel, channel);
  if (data.alarms) [seen.alarms, seen.standing] = [data.alarms, data.standing];
  if (data.aside) seen.aside = data.aside;
  for (const channel of data.channels || []) showChannel(channel);
  for (const station of data.aside ? seen.stations.values() : data.stations || []) showStation(station);
  if (data.alarms || standingAlarms() !== stoodHere) loadAlarms(); // a station's row changes with each message
  if (data.aside || data.alarms) showAside();
  for (const act of onChange) act(name, data);
  tick();
}

// A refused connection the browser tries again by itself; one that is merely silent (a dead radio link, a forgotten
// address translation) it would keep for ever, so every silence is answered with a new connection.
function connect() {
  if (stream) stream.close();
  triedAt = performance.now();
  stream = new EventSource("/api/stream");
  for (const name of ["network", "change"]) {
    stream.addEventListener(name, (event) => hear(name, JSON.parse(event.data)));
  }
}

// ---- words and numbers

function number(value, decimals) {
  return value.toLocaleString(LANG === "vi" ? "vi-VN" : "en-GB", {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals,
  });
}

function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return `${s} s`;
  if (s < 5400) return LANG === "vi" ? `${Math.round(s / 60)} phút` : `${Math.round(s / 60)} min`;
  if (s < 172800) return LANG === "vi" ? `${Math.round(s / 3600)} giờ` : `${Math.round(s / 3600)} h`;
  return LANG === "vi" ? `${Math.round(s / 86400)} ngày` : `${Math.round(s / 86400)} days`;
}

function timeOfDay(ms, seconds = true) {
  const day = (t) => new Date(t).toLocaleDateString("en-GB", { timeZone: ZONE });
  const now = serverNow() || ms;
  const clock = new Date(ms).toLocaleTimeString("en-GB", { timeZone: ZONE });
  const time = seconds ? clock : clock.slice(0, 5);
  return day(ms) === day(now) ? time : `${time} ${day(ms).slice(0, 5)}`;
}

// ---- channels and stations

function each(selector, act) {
  document.querySelectorAll(selector).forEach(act);
}

function qualityClass(channel) {
  return { 1: "good", 2: "unknown", 3: "suspect", 4: "fail", 9: "missing" }[channel.quality] || "missing";
}

function showChannel(channel) {
  each(`[data-channel="${CSS.escape(channel.channel)}"]`, (place) => {
    const none = channel.value === null;
    place.querySelector(".value").textContent = none ? "–" : number(channel.value, Number(place.dataset.decimals));
    place.classList.remove("good", "unknown", "suspect", "fail", "missing");
    place.classList.add(qualityClass(channel));
    const verdict = place.querySelector(".verdict");
    const device = TEXT[`state_${channel.state}`] || "";
    verdict.textContent = channel.quality <= 2 ? "" : // 2: the tests with a history are about to look
      TEXT[`quality_${channel.quality}`] || "";
    const known = place.querySelector(".device");
    if (known) {
      known.textContent = device;
      verdict.textContent = TEXT[`quality_${channel.quality}`] || "";
    } else if (channel.state && channel.state !== "ok") {
      verdict.textContent = device;
    }
    place.title = `${TEXT[`quality_${channel.quality}`] || ""} · ${device} ${channel.tests || ""}`;
  });
}

function showStation(station) {
  each(`[data-station="${CSS.escape(station.station)}"]`, (place) => {
    place.dataset.condition = station.condition;
    const condition = place.querySelector(".condition");
    const aside = seen.aside.filter((row) => row.station === station.station && row.kind !== "shelved" && row.device === null);
    const words = [TEXT[`condition_${station.condition}`], ...aside.map((row) => TEXT[`aside_${row.kind}`])];
    if (condition) condition.textContent = words.join(" · ");
  });
}

function showAges() {
  const now = serverNow();
  if (now === null) return;
  each("[data-channel]", (place) => {
    const channel = seen.channels.get(place.dataset.channel);
    if (!channel || channel.t === null) {
      place.querySelector(".age").textContent = TEXT.no_data;
      place.classList.toggle("stale", !channel || !channel.derived); // a mean of 24 h has its time
      return;
    }
    const age = now - channel.t;
    place.querySelector(".age").textContent = duration(age);
    place.classList.toggle("stale", age > 3000 * Number(place.dataset.interval) + 10000);
  });
}

// ---- alarms

const ALARMS_A_PAGE = 100;
const ONLY = (document.getElementById("alarms").closest("[data-only]") || { dataset: {} }).dataset.only;
let pages = 1; // how many pages of the list are shown
let loading = 0; // the newest question; an older answer that comes after it is not shown

function stationName(id) {
  if (id === null) return TEXT.centre;
  const station = seen.stations.get(id);
  return station ? (LANG === "vi" ? station.name : station.name_en) : id;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function alarmTitle(alarm) {
  const title = alarm.texts && alarm.texts.title;
  return (title && (title[LANG] || title.vi)) || alarm.rule;
}

function alarmRow(alarm) {
  const standing = alarm.cleared_at === null;
  const row = element("li", `alarm ${alarm.severity} ${standing ? "standing" : "cleared"}`);
  row.dataset.alarm = alarm.alarm_id;
  const head = element("div", "alarm-head");
  head.append(element("strong", "", alarmTitle(alarm)), element("span", "severity", TEXT[`severity_${alarm.severity}`]));
  const value = alarm.value === null ? "" : ` · ${number(alarm.value, 2)} ${alarm.unit || ""}`;
  const limit = alarm.limit === null ? "" : ` (${TEXT.limit} ${number(alarm.limit, 1)})`;
  const where = element("div", "alarm-where", `${stationName(alarm.station)}${value}${limit}`);
  const cleared = standing ? "" : ` – ${TEXT.cleared} ${timeOfDay(alarm.cleared_at)}`;
  const when = element("div", "alarm-when", `${TEXT.raised} ${timeOfDay(alarm.raised_at)}${cleared}`);
  row.append(head, where, when);
  if (alarm.acknowledged_at !== null) {
    row.append(element("div", "alarm-by", `✓ ${TEXT.acknowledged}: ${alarm.acknowledged_by}, ${timeOfDay(alarm.acknowledged_at)}`));
  } else if (standing) {
    const button = element("button", "acknowledge", TEXT.acknowledge);
    button.type = "button";
    button.addEventListener("click", () => askWho(alarm));
    row.append(button);
  }
  if (TEXT[`life_${alarm.state}`]) row.append(element("div", "alarm-by", TEXT[`life_${alarm.state}`]));
  for (const camera of alarm.pictures) {
    const link = element("a", "picture", `${TEXT.picture} (${camera})`);
    link.href = `/api/alarms/${alarm.alarm_id}/pictures/${encodeURIComponent(camera)}`;
    link.target = "_blank";
    row.append(link);
  }
  offerActions(alarm, row);
  return row;
}

// The stream brings the first page, of the whole network. A station's page, and whoever wants more, asks for the rest.
async function loadAlarms() {
  const mine = ++loading;
  const found = ONLY === undefined && pages === 1 ? seen.alarms : await askForAlarms();
  if (found !== null && mine === loading) showAlarms(found);
}

async function askForAlarms() {
  const found = [];
  for (let page = 0; page < pages; page++) {
    const query = new URLSearchParams({ offset: page * ALARMS_A_PAGE });
    if (ONLY !== undefined) query.set("station", ONLY);
    const answer = await fetch(`/api/alarms?${query}`).catch(() => null); // the banner tells; the next change asks again
    if (answer === null || !answer.ok) return null;
    const some = await answer.json();
    found.push(...some);
    if (some.length < ALARMS_A_PAGE) break;
  }
  return found;
}

function standingAlarms() {
  if (ONLY === undefined) return seen.standing;
  return seen.stations.has(ONLY) ? seen.stations.get(ONLY).standing : 0;
}

function showAlarms(shown) {
  document.getElementById("alarms").replaceChildren(...shown.map(alarmRow));
  document.getElementById("no-alarms").hidden = shown.length > 0;
  document.getElementById("more-alarms").hidden = shown.length < pages * ALARMS_A_PAGE;
  const count = document.getElementById("alarm-count");
  count.textContent = standingAlarms();
  count.hidden = standingAlarms() === 0;
}

setInterval(() => (ONLY !== undefined || pages > 1) && loadAlarms(), 30000); // what others do to alarms far down
document.getElementById("more-alarms").addEventListener("click", () => {
  pages += 1;
  loadAlarms();
});

const dialog = document.getElementById("acknowledge");
let asked = null;

function askWho(alarm) {
  asked = alarm;
  document.getElementById("acknowledge-what").textContent = `${alarmTitle(alarm)} · ${stationName(alarm.station)}`;
  document.getElementById("acknowledge-person").value = localStorage.getItem("person") || "";
  document.getElementById("acknowledge-error").hidden = true;
  dialog.showModal();
}

async function sendAcknowledgement(event) {
  event.preventDefault();
  const person = document.getElementById("acknowledge-person").value.trim();
  const reason = document.getElementById("acknowledge-reason").value.trim();
  const error = document.getElementById("acknowledge-error");
  try {
    const answer = await fetch(`/api/alarms/${asked.alarm_id}/acknowledge`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ person, reason }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
    localStorage.setItem("person", person);
    dialog.close();
    loadAlarms();
  } catch (problem) {
    error.textContent = `${TEXT.failed}: ${problem.message}`;
    error.hidden = false;
  }
}

dialog.querySelector("form").addEventListener("submit", sendAcknowledgement);
document.getElementById("acknowledge-cancel").addEventListener("click", () => dialog.close());

// ---- alive or not

function tick() {
  const dead = performance.now() - lastHeard > DEAD_AFTER_MS;
  if (dead && performance.now() - triedAt > TRY_AGAIN_MS) connect();
  const fresh = seen.freshness;
  const old = fresh !== null && !fresh.live;
  const banner = document.getElementById("banner");
  const pill = document.getElementById("pill");
  document.body.classList.toggle("dead", dead);
  document.body.classList.toggle("old", dead || old);
  banner.hidden = !(dead || old);
  if (dead || old) {
    const reason = dead ? "connection" : fresh.reason;
    document.getElementById("banner-title").textContent = dead && fresh === null ? TEXT.no_connection : TEXT.old_data;
    document.getElementById("banner-reason").textContent = TEXT[`because_${reason}`];
    const newest = fresh && fresh.newest;
    const age = newest ? `${TEXT.newest} ${duration(serverNow() - newest)}` : "";
    document.getElementById("banner-age").textContent = age;
  }
  pill.className = `pill ${dead ? "dead" : fresh === null ? "waiting" : old ? "old" : "live"}`;
  pill.textContent = dead ? TEXT.no_connection : fresh === null ? TEXT.connecting : old ? TEXT.old_data : TEXT.live;
  const now = serverNow();
  if (now !== null && !dead) {
    document.getElementById("clock").textContent = new Date(now).toLocaleTimeString("en-GB", { timeZone: ZONE });
  }
  showAges();
}

setInterval(tick, 500);
connect();
