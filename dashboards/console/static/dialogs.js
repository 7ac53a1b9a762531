// What people ask: acknowledge, remark, shelve, out of service. One form at a time; it says `acted` or `refused` to the page.
import { act, saidBy, showProblem } from "./account.js";
import { byId, TEXT } from "./page.js";

const acknowledgement = byId("acknowledge"), actions = byId("actions");
/** @type {string} */
let acknowledges = "";
/** @type {{ path: (action: string) => string, more?: object }} */
let asks = { path: () => "" };

/**
 * Ask who acknowledges the alarm.
 * @param {number} alarm its number
 * @param {Node[]} what the alarm in words
 */
export function askWho(alarm, what) {
  acknowledges = `alarms/${alarm}/acknowledge`;
  byId("acknowledge-what").replaceChildren(...what);
  byId("acknowledge-reason").value = ""; // what was said of another alarm is not said of this one
  byId("acknowledge-error").hidden = true;
  acknowledgement.showModal();
}

/**
 * Ask what shall be done, and why.
 * @param {{ what: Node[], choices: string[], path: (action: string) => string, more?: object }} about
 */
export function ask(about) {
  asks = about;
  byId("actions-what").replaceChildren(...about.what);
  byId("actions-action").replaceChildren(...about.choices.map((action) => new Option(TEXT[`action_${action}`], action)));
  byId("actions-reason").value = "";
  byId("actions-hours").value = "4";
  byId("actions-error").hidden = true;
  showTerm();
  actions.showModal();
}

function showTerm() {
  byId("actions-term").hidden = !["shelve", "out-of-service"].includes(byId("actions-action").value);
}

/**
 * Send what a form says; it stays open with what was typed until the server has taken it.
 * @param {HTMLDialogElement} dialog
 * @param {string} path
 * @param {object} body
 */
async function send(dialog, path, body) {
  const error = byId(`${dialog.id}-error`), button = byId(`${dialog.id}-send`);
  button.disabled = true; // a station is waited for
  try {
    const answer = await act(path, body);
    if (answer === null) return; // what was typed stays
    await saidBy(answer);
    dialog.close();
    document.dispatchEvent(new Event("acted"));
  } catch (problem) {
    showProblem(error, problem);
    document.dispatchEvent(new Event("refused"));
  } finally {
    button.disabled = false;
  }
}

/** @param {string} field */
const typed = (field) => byId(field).value.trim();

export function beginDialogs() {
  acknowledgement.querySelector("form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    send(acknowledgement, acknowledges, { reason: typed("acknowledge-reason") });
  });
  actions.querySelector("form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const action = byId("actions-action").value;
    send(actions, `${asks.path(action)}/${action}`, {
      reason: typed("actions-reason"), hours: Number(typed("actions-hours")), ...asks.more,
    });
  });
  byId("actions-action").addEventListener("change", showTerm);
  for (const dialog of [acknowledgement, actions]) {
    byId(`${dialog.id}-cancel`).addEventListener("click", () => dialog.close());
  }
}
