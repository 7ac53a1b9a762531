// From files to what holds: what applying them would change, applying them, sending a station its configuration.
import { act, saidBy, showProblem } from "./account.js";
import { byId, element, LANG, name, say, TEXT } from "./page.js";

/**
 * @typedef {{ station: string, outcome: string, channels: string[], agent: string, changes: boolean }} Effect
 * @typedef {{ name: string, before: string, after: string }} Setting
 * @typedef {import("./code_area.js").Problem} Problem
 */

const ASKED_MS = 2000;
const section = byId("in-force");
let seen = "";

/** @param {Effect} one */
function effectRow(one) {
  const words = [one.changes ? one.outcome : "", ...one.channels].filter(Boolean).join("; ");
  return element("li", "", element("strong", "", one.station), `: ${words}${words ? " · " : ""}`, element("span", "small", `${TEXT.files_state}: ${one.agent}`));
}

/** @param {Setting} one */
function settingRow(one) {
  return element("li", "", `${TEXT.setting} `, element("strong", "", one.name), ": ", name(one.before), " → ", name(one.after));
}

/** @param {{ stations: Effect[], settings: Setting[] }} found */
export const effectRows = (found) => [...found.settings.map(settingRow), ...found.stations.map(effectRow)];

/** @param {Problem} one */
export function problemRow(one) {
  return element("li", "", element("code", "", `${one.file}:${one.line}`), ` ${one.key}${one.key ? ": " : ""}`, name(one.words));
}

/** @param {string} path */
export async function get(path) {
  return saidBy(await fetch(`/api/${path}`, { headers: { "Accept-Language": LANG } }));
}

/** @param {string} id @param {string} words */
function tell(id, words) {
  byId(id).hidden = !words;
  say(byId(id), words);
}

/**
 * Do something while a button waits; what goes wrong stands below.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} what
 */
async function attempt(button, what) {
  tell("in-force-error", "");
  button.disabled = true;
  try {
    await what();
  } catch (problem) {
    showProblem(byId("in-force-error"), problem);
  } finally {
    button.disabled = false;
  }
}

async function look() {
  const found = await get("configuration"), wrong = found.problems.length > 0;
  seen = found.seen;
  const changes = !wrong && (found.settings.length > 0 || found.stations.some((/** @type {Effect} */ one) => one.changes));
  const nothing = found.of_all ? TEXT.in_force_nothing : TEXT.in_force_nothing_yours;
  tell("in-force-said", wrong ? TEXT.file_mistakes_first : changes ? "" : nothing);
  byId("in-force-found").replaceChildren(...(wrong ? found.problems.map(problemRow) : effectRows(found)));
  if (byId("in-force-apply")) byId("in-force-apply").hidden = wrong;
}

async function apply() {
  const answer = await act("configuration/apply", { seen, reason: byId("in-force-reason").value.trim() });
  if (answer === null) return; // what was typed stays
  const done = await saidBy(answer);
  byId("in-force-reason").value = "";
  byId("in-force-apply").hidden = true;
  byId("in-force-found").replaceChildren();
  tell("in-force-said", `${TEXT.in_force_applied} ${done.stations}; ${TEXT.in_force_settings} ${done.settings}`);
}

async function push() {
  const answer = await act(`stations/${encodeURIComponent(section.dataset.station)}/push`, { reason: byId("push-reason").value.trim() });
  if (answer === null) return;
  const { since } = await saidBy(answer);
  byId("push-reason").value = "";
  await follow(since);
}

/** Show the outcome of a push as soon as it is known. @param {string} since empty: of the last one, if it is waited for */
async function follow(since) {
  const path = `stations/${encodeURIComponent(section.dataset.station)}/push`;
  for (;;) {
    const found = await get(since ? `${path}?since=${encodeURIComponent(since)}` : path).catch((problem) => {
      if (problem instanceof TypeError) return { waiting: true, words: TEXT.because_connection, in_force: false };
      throw problem;
    });
    if (!since && !found.waiting) return;
    tell("push-said", found.words);
    byId("push-said").className = found.in_force ? "done" : "";
    if (!found.waiting) return;
    await new Promise((resolve) => setTimeout(resolve, ASKED_MS));
  }
}

/** @param {string} id @param {() => Promise<void>} what */
function onSubmit(id, what) {
  byId(id)?.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    attempt(/** @type {HTMLButtonElement} */ (event.submitter || byId(id).querySelector("button")), what);
  });
}

export function beginInForce() {
  byId("in-force-look").addEventListener("click", () => attempt(byId("in-force-look"), look));
  onSubmit("in-force-apply", apply);
  onSubmit("push", push);
  if (byId("push")) follow("").catch(() => {}); // who may not push is told when they try
}
