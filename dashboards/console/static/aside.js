// What people have set aside for a while, and configuration files that are refused.
import { timeOfDay } from "./alarms.js";
import { login, may } from "./account.js";
import { ask } from "./dialogs.js";
import { button, byId, element, LANG, name, say, TEXT } from "./page.js";
import { showRows } from "./rows.js";
import { onNews, seen, stationName } from "./stream.js";

/** @typedef {import("./stream.js").SetAside} SetAside */

/** @param {SetAside} row @returns {Node[]} */
function placeOf(row) {
  const station = name(stationName(row.station));
  if (row.kind === "shelved") return [name(row.title[LANG] || row.title.vi), new Text(" · "), station];
  return [station, new Text(", "), row.device === null ? new Text(TEXT.whole_station) : name(row.device)];
}

/**
 * Return action and path that end it; null: nobody can end it from here.
 * @param {SetAside} row
 */
function endOf(row) {
  if (row.kind === "shelved") return row.alarm_id === null ? null : ["unshelve", `alarms/${row.alarm_id}`];
  if (row.kind === "out") return ["in-service", `stations/${row.station}`];
  const can = row.is_order && document.body.dataset.commands === "yes";
  return can ? ["end-maintenance", `stations/${row.station}`] : null;
}

/** @param {SetAside} row */
function asideRow(row) {
  const until = row.until === null ? TEXT.until_switched : `${TEXT.until} ${timeOfDay(row.until, false)}`;
  const item = element(
    "li", `aside ${row.kind}`,
    element("div", "alarm-head", element("strong", "", ...placeOf(row)), element("span", "severity", TEXT[`aside_${row.kind}`])),
    element(
      "div", "alarm-when", `${TEXT.since} ${timeOfDay(row.since, false)} ${until}, ${TEXT.by} `,
      row.person ? name(row.person) : TEXT.at_the_station,
    ),
  );
  if (row.reason) item.append(element("div", "alarm-where", name(row.reason)));
  const end = endOf(row);
  if (end !== null && may(end[0], row.station)) {
    const about = { what: placeOf(row), choices: [end[0]], path: () => end[1], more: { device: row.device } };
    item.append(button("more", `${TEXT.aside_end}…`, () => ask(about)));
  }
  return item;
}

function showAside() {
  const card = byId("aside-card"), only = card.dataset.only;
  const shown = seen.aside.filter((row) => !only || row.station === only);
  /** @param {SetAside} row */
  const key = (row) => JSON.stringify([row, stationName(row.station), timeOfDay(row.since, false), login]);
  showRows(byId("aside"), shown, (row) => JSON.stringify([row.kind, row.station, row.device, row.title, row.since]), key, asideRow);
  say(byId("aside-count"), String(shown.length));
  card.hidden = shown.length === 0;
}

/** Changed files that are not in force: which, where, why. @param {any} refused */
function showRefused(refused) {
  const card = byId("refused-card");
  if (card === null) return; // a page of one station
  card.hidden = refused === null;
  if (refused === null) return;
  const problems = (refused.problems[LANG] || "").split("\n");
  byId("refused").replaceChildren(...problems.map((/** @type {string} */ problem) => element("li", "", problem)));
  const todo = refused.is_missing ? TEXT.refused_missing : TEXT.refused_wrong;
  say(byId("refused-do"), `${TEXT.refused_since} ${timeOfDay(refused.since)}. ${todo}`);
}

export function beginAside() {
  const takeOut = byId("take-out"), station = takeOut?.closest("[data-station]").dataset.station;
  onNews((_, news) => {
    if (news.aside || news.alarms) showAside();
    if (news.refused !== undefined) showRefused(news.refused);
    if (takeOut !== null) takeOut.hidden = !may("out-of-service", station);
  });
  if (takeOut === null) return;
  takeOut.addEventListener("click", () => ask({
    what: [name(stationName(station))], choices: ["out-of-service"], path: () => `stations/${station}`,
  }));
}
