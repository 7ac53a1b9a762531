// The list of alarms: what is selected, and one act for all of it. Each alarm is asked for by itself, so that each has
// a result of its own: done, or why not. What was typed is kept in the tab until it is sent or given up, so that whoever
// has to sign in anew, or loads the page again, finds it.
import { act, login, may, saidBy, wordsOf } from "./account.js";
import { beginLivePart, refreshPart } from "./live_part.js";
import { byId, counted, element, name, say, TEXT } from "./page.js";

const dialog = byId("bulk");
const KEPT = `act ${location.pathname}`;
const WITH_TERM = ["shelve", "out-of-service"];
const WITHOUT_REASON = ["acknowledge"];

/** @typedef {{ id: string, station: string | null, seen: number, words: string }} Chosen */

/** @returns {HTMLInputElement[]} */
const boxes = () => [...document.querySelectorAll(/** @type {"input"} */ (".alarm-row .select"))];

/** @returns {Chosen[]} what is selected, as it is seen now */
function chosen() {
  return boxes().filter((box) => box.checked).map((box) => {
    const { alarm = "", station, seen, words = "" } = /** @type {HTMLElement} */ (box.closest("tr")).dataset;
    return { id: alarm, station: station || null, seen: Number(seen), words };
  });
}

const actions = () => /** @type {HTMLOptionElement[]} */ ([...byId("bulk-action").options]);

function showBar() {
  const rows = chosen();
  const able = actions().filter((option) => rows.some((row) => may(option.value, row.station)));
  byId("bulk-bar").hidden = rows.length === 0;
  say(byId("bulk-count"), counted(rows.length, TEXT.alarm_selected));
  byId("bulk-acknowledge").hidden = !able.some((option) => option.value === "acknowledge");
  byId("bulk-more").hidden = able.length === 0;
  for (const option of actions()) option.hidden = option.disabled = !able.includes(option);
  const all = byId("select-all");
  if (all) {
    all.checked = rows.length > 0 && rows.length === boxes().length;
    all.indeterminate = rows.length > 0 && !all.checked;
  }
}

/** @param {boolean} checked */
function selectAll(checked) {
  for (const box of boxes()) box.checked = checked;
  showBar();
}

// ---- what is typed

/** @type {Chosen[]} */
let about = [];

function keep() {
  const kept = {
    login, ids: about.map((row) => row.id), action: byId("bulk-action").value,
    hours: byId("bulk-hours").value, reason: byId("bulk-reason").value,
  };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

const forget = () => sessionStorage.removeItem(KEPT);

/** Open the form again with what was typed before the page was loaded anew, by the same account. */
function resume() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  if (kept === null || (kept.login && login && kept.login !== login)) return;
  for (const box of boxes()) box.checked = kept.ids.includes(box.id.replace("select-", ""));
  showBar();
  if (chosen().length === 0) return forget();
  open(kept.action);
  byId("bulk-hours").value = kept.hours;
  byId("bulk-reason").value = kept.reason;
  say(byId("bulk-status"), TEXT.act_kept);
  keep();
}

// ---- the form

function fit() {
  const action = byId("bulk-action").value;
  byId("bulk-term").hidden = !WITH_TERM.includes(action);
  byId("bulk-reason").required = !WITHOUT_REASON.includes(action);
}

const sayHowMany = () => say(byId("bulk-what"), about.length ? `(${counted(about.length, TEXT.alarm_selected)})` : "");

/** @param {string} action */
function open(action) {
  about = chosen();
  byId("bulk-action").value = action;
  byId("bulk-reason").value = "";
  byId("bulk-results").replaceChildren();
  say(byId("bulk-status"), "");
  sayHowMany();
  byId("bulk-send").hidden = false;
  fit();
  dialog.showModal();
}

/**
 * Ask the server for one of them.
 * @param {Chosen} row
 * @param {string} action
 * @returns {Promise<string | null>} why not; empty: done; null: whoever is to sign in gave it up
 */
async function ask(row, action) {
  const isOfStation = action.endsWith("-service");
  if (isOfStation && row.station === null) return TEXT.act_no_station;
  const path = isOfStation ? `stations/${row.station}` : `alarms/${row.id}`;
  const body = { reason: byId("bulk-reason").value.trim(), hours: Number(byId("bulk-hours").value), seen: row.seen };
  try {
    const answer = await act(`${path}/${action}`, body);
    if (answer === null) return null;
    await saidBy(answer);
    return "";
  } catch (problem) {
    return wordsOf(problem);
  }
}

/** @param {Chosen} row @param {string} words @param {boolean} isDone */
function tell(row, words, isDone) {
  const line = element("li", isDone ? "done" : "refused", `${isDone ? "✓" : "✕"} `, name(row.words), `: `, name(words));
  byId("bulk-results").append(line);
  if (isDone && byId(`select-${row.id}`)) byId(`select-${row.id}`).checked = false;
}

/** Do it for one after the other; a station is put out of service once, however many of its alarms are selected. */
async function send() {
  const action = byId("bulk-action").value;
  /** @type {Map<string, string>} */
  const byStation = new Map();
  let done = 0, refused = 0;
  byId("bulk-results").replaceChildren();
  for (const row of about) {
    say(byId("bulk-status"), TEXT.act_running.replace("{done}", String(done + refused)).replace("{all}", String(about.length)));
    const place = action.endsWith("-service") ? String(row.station) : row.id;
    const why = byStation.has(place) ? String(byStation.get(place)) : await ask(row, action);
    if (why === null) {
      tell(row, TEXT.act_not_sent, false);
      say(byId("bulk-status"), ""); // what was typed stays, and so does what is left
      return done > 0;
    }
    byStation.set(place, why);
    tell(row, why || TEXT.act_done, why === "");
    if (why === "") done += 1;
    else refused += 1;
  }
  say(byId("bulk-status"), TEXT.act_ended.replace("{done}", String(done)).replace("{refused}", String(refused)));
  if (refused === 0) {
    forget();
    byId("bulk-send").hidden = true;
    byId("bulk-cancel").focus();
  }
  return true;
}

/** @param {Event} event */
async function submit(event) {
  event.preventDefault();
  byId("bulk-send").disabled = true;
  try {
    if (!await send()) return;
    await refreshPart();
  } finally {
    byId("bulk-send").disabled = false;
  }
  // The results said what somebody else did meanwhile: to send it again is a new decision, on what is seen now.
  about = chosen().filter((row) => about.some((one) => one.id === row.id));
  sayHowMany();
  showBar();
  if (about.length) keep();
}

function begin() {
  document.addEventListener("change", (event) => {
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (box.id === "select-all") selectAll(box.checked);
    else if (box.classList.contains("select")) showBar();
  });
  byId("bulk-acknowledge").addEventListener("click", () => open("acknowledge"));
  byId("bulk-more").addEventListener("click", () => open("comment"));
  byId("bulk-none").addEventListener("click", () => selectAll(false));
  byId("bulk-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    forget();
    showBar();
  });
  byId("bulk-action").addEventListener("change", fit);
  for (const event of ["input", "change"]) dialog.addEventListener(event, keep);
  dialog.querySelector("form").addEventListener("submit", submit);
  byId("alarm-filters").addEventListener("submit", () => { // blanks stay out of the address
    const blanks = [...byId("alarm-filters").elements].filter((field) => field.name && !field.value);
    for (const field of blanks) field.disabled = true;
    setTimeout(() => blanks.forEach((field) => (field.disabled = false)));
  });
  beginLivePart(showBar);
  showBar();
  resume();
}

begin();
