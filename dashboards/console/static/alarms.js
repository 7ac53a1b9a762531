// The list of alarms. The stream brings the first page, of the whole network; a station's page, and whoever wants more,
// asks for the rest.
import { login, may } from "./account.js";
import { measured } from "./alarm_words.js";
import { ask, askWho } from "./dialogs.js";
import { button, byId, counted, element, LANG, name, say, TEXT, ZONE } from "./page.js";
import { showRows } from "./rows.js";
import { onNews, seen, serverNow, stationName } from "./stream.js";
import { day, timeText } from "./times.js";

/** @typedef {import("./stream.js").Alarm} Alarm */

const ALARMS_A_PAGE = 100;
const OTHERS_MS = 30000; // what others do to alarms far down
const ONLY = /** @type {HTMLElement | null} */ (document.querySelector(".alarms-card[data-only]"))?.dataset.only;
let pages = 1; // how many pages of the list are shown
let loading = 0; // the newest question; an older answer that comes after it is not shown

/** @param {number} ms @param {boolean} [seconds] */
export function timeOfDay(ms, seconds = true) {
  return timeText(ms, ZONE, serverNow() || ms, seconds);
}

/** @param {Alarm} alarm */
function alarmTitle(alarm) {
  const title = alarm.texts && alarm.texts.title;
  return (title && (title[LANG] || title.vi)) || alarm.rule;
}

/** @param {Alarm} alarm @returns {Node[]} */
function inWords(alarm) {
  return [name(alarmTitle(alarm)), new Text(" · "), name(stationName(alarm.station))];
}

/** @param {Alarm} alarm */
function whereOf(alarm) {
  const value = measured(alarm);
  return element("div", "alarm-where", name(stationName(alarm.station)), value && ` · ${value}`);
}

/** @param {Alarm} alarm */
function remarksOf(alarm) {
  const list = element("ul", "remarks");
  for (const { t, event, person, words } of alarm.remarks) {
    const did = TEXT[`did_${event}`] || event;
    list.append(element("li", "", name(person), `, ${timeOfDay(t, false)}, ${did}: `, name(TEXT[`words_${words}`] || words)));
  }
  return list;
}

/** @param {Alarm} alarm */
function alarmRow(alarm) {
  const standing = alarm.cleared_at === null;
  const row = element("li", `alarm ${alarm.severity} ${standing ? "standing" : "cleared"}`);
  row.dataset.alarm = String(alarm.alarm_id);
  const severity = element("span", "severity", `${standing ? "▲ " : ""}${TEXT[`severity_${alarm.severity}`]}`);
  const cleared = alarm.cleared_at === null ? "" : ` – ${TEXT.cleared} ${timeOfDay(alarm.cleared_at)}`;
  const life = /** @type {HTMLAnchorElement} */ (element("a", "life", name(alarmTitle(alarm))));
  life.href = `/alarms/${alarm.alarm_id}?lang=${LANG}`;
  row.append(
    element("div", "alarm-head", element("strong", "", life), severity), whereOf(alarm),
    element("div", "alarm-when", `${TEXT.raised} ${timeOfDay(alarm.raised_at)}${cleared}`),
  );
  if (alarm.acknowledged_at !== null) {
    const by = name(alarm.acknowledged_by || "");
    row.append(element("div", "alarm-by", `✓ ${TEXT.acknowledged}: `, by, `, ${timeOfDay(alarm.acknowledged_at)}`));
  }
  if (alarm.known_at !== null) row.append(element("div", "alarm-by", `${TEXT.late_data} ${timeOfDay(alarm.known_at)}`));
  if (alarm.untold !== null) {
    const why = TEXT[`untold_${alarm.untold.split(": ")[0]}`] || alarm.untold;
    row.append(element("div", "alarm-by untold", `${TEXT.untold}: ${why}`));
  }
  if (TEXT[`life_${alarm.state}`]) row.append(element("div", "alarm-by", TEXT[`life_${alarm.state}`]));
  if (alarm.remarks.length) row.append(remarksOf(alarm));
  for (const camera of alarm.pictures) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "picture", `${TEXT.picture} (${camera})`));
    link.href = `/api/alarms/${alarm.alarm_id}/pictures/${encodeURIComponent(camera)}`;
    link.target = "_blank";
    row.append(link);
  }
  if (standing && alarm.acknowledged_at === null && may("acknowledge", alarm.station)) {
    row.append(button("acknowledge", TEXT.acknowledge, () => askWho(alarm.alarm_id, inWords(alarm))));
  }
  const choices = actionsFor(alarm).filter((action) => may(action, alarm.station));
  if (choices.length > 0) row.append(button("more", `${TEXT.more}…`, () => ask({
    what: inWords(alarm), choices,
    path: (action) => action.endsWith("-service") ? `stations/${alarm.station}` : `alarms/${alarm.alarm_id}`,
  })));
  return row;
}

/** @param {{ state: string, station: string | null, cleared_at: number | null, isPublic?: boolean }} alarm
 * `isPublic`: whether the public may read it; undefined: it is not asked here */
export function actionsFor(alarm) {
  const found = ["comment"];
  if (alarm.cleared_at === null) found.push(alarm.state === "shelved" ? "unshelve" : "shelve");
  if (alarm.state === "latched") found.push("reset");
  found.push("false");
  if (alarm.isPublic !== undefined && alarm.station !== null) found.push(alarm.isPublic ? "unpublish" : "publish");
  if (alarm.station !== null) found.push(alarm.state === "out of service" ? "in-service" : "out-of-service");
  return found;
}

/** How many stand here, and how many of them wait for a person: not acknowledged, not set aside. */
function countsHere() {
  const place = ONLY === undefined ? seen : seen.stations.get(ONLY);
  return { standing: place?.standing || 0, waiting: place?.waiting || 0 };
}

function showCounts() {
  const { standing, waiting } = countsHere();
  const count = byId("alarm-count"), others = byId("alarm-others");
  say(count, String(waiting));
  count.title = counted(waiting, TEXT.waiting_alarms);
  count.hidden = waiting === 0;
  say(others, `+ ${standing - waiting} ${TEXT.other_alarms}`);
  others.hidden = standing === waiting;
}

/** @param {Alarm[]} shown */
function showAlarms(shown) {
  const today = day(serverNow() || 0, ZONE);
  showRows(
    byId("alarms"), shown, (alarm) => String(alarm.alarm_id),
    (alarm) => JSON.stringify([alarm, stationName(alarm.station), today, login]), alarmRow,
  );
  byId("no-alarms").hidden = shown.length > 0;
  byId("more-alarms").hidden = shown.length < pages * ALARMS_A_PAGE;
  showCounts();
}

async function loadAlarms() {
  const mine = ++loading;
  const found = ONLY === undefined && pages === 1 ? seen.alarms : await askForAlarms();
  if (found !== null && mine === loading) showAlarms(found);
}

/** @returns {Promise<Alarm[] | null>} null: the server could not say; the banner tells, the next change asks again */
async function askForAlarms() {
  const found = [];
  for (let page = 0; page < pages; page++) {
    const query = new URLSearchParams({ offset: String(page * ALARMS_A_PAGE) });
    if (ONLY !== undefined) query.set("station", ONLY);
    const answer = await fetch(`/api/alarms?${query}`).catch(() => null);
    if (answer === null || !answer.ok) return null;
    const some = await answer.json();
    found.push(...some);
    if (some.length < ALARMS_A_PAGE) break;
  }
  return found;
}

export function beginAlarms() {
  let before = "";
  onNews((_, news) => {
    const counts = JSON.stringify(countsHere()); // a station's row changes with each message
    if (news.alarms || counts !== before) loadAlarms();
    before = counts;
  });
  document.addEventListener("acted", loadAlarms);
  setInterval(() => (ONLY !== undefined || pages > 1) && loadAlarms(), OTHERS_MS);
  byId("more-alarms").addEventListener("click", () => {
    pages += 1;
    loadAlarms();
  });
}
