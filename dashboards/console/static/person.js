// One person who gets messages: the form with its cells, a test message whose outcome is waited for, and what asks for
// a reason first. What was typed stays until the server has taken it.
import { act, showProblem } from "./account.js";
import { beginLivePart, refreshPart } from "./live_part.js";
import { byId, LANG, say, TEXT } from "./page.js";

const SAID = "person said"; // of this tab: what the next page says of what was done here
const OUTCOME_MS = 1500, OUTCOME_TRIES = 40;

/** @returns {{ contact?: string, seen?: string, waits?: string }} the person as the page shows them now */
const state = () => byId("person-state")?.dataset || {};

/**
 * Send a request; returns the answer, or null where it failed: why stands at its place.
 * @param {string} path
 * @param {object} body
 * @param {HTMLElement} trouble
 * @param {HTMLButtonElement} button
 * @returns {Promise<any>}
 */
async function send(path, body, trouble, button) {
  trouble.hidden = true;
  button.disabled = true;
  markWrong([]);
  try {
    const answer = await act(path, body);
    if (answer === null) return null; // they gave up signing in; what was typed stays
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    markWrong(said.columns || []);
    throw new Error(said.error || `${TEXT.answered} ${answer.status}`);
  } catch (problem) {
    showProblem(trouble, problem);
    return null;
  } finally {
    button.disabled = false;
  }
}

/** @param {string} words */
function tell(words) {
  say(byId("person-said"), words);
  byId("person-said").hidden = false;
}

// ---- the form

/** @type {() => HTMLInputElement[]} */
const cells = () => [...document.querySelectorAll(/** @type {"input"} */ ("[data-cell]"))];

/** @param {string[]} columns */
function markWrong(columns) {
  const wrong = columns.join(", ").split(", ");
  for (const field of cells()) field.setAttribute("aria-invalid", String(wrong.includes(field.dataset.cell || "")));
  cells().find((field) => wrong.includes(field.dataset.cell || ""))?.focus();
}

/** @returns {Record<string, string>} the form as the cells of a line of the contacts' file */
function filled() {
  /** @type {Record<string, string>} */
  const found = Object.fromEntries(cells().map((field) => [field.dataset.cell || "", field.value]));
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[data-words]"))) {
    const column = box.dataset.words || "";
    found[column] = [found[column], box.checked ? box.value : ""].filter(Boolean).join(" ");
  }
  const [from, to] = [byId("quiet-from").value, byId("quiet-to").value];
  found.quiet = from || to ? `${from}-${to}` : "";
  found.accents = byId("accents").checked ? "yes" : "no";
  const says = byId("consent-says").value;
  found.consent = says === "given" ? byId("consent-on").value || "?" : says;
  return found;
}

function fitConsent() {
  byId("consent-day").hidden = byId("consent-says").value !== "given";
}

/** @param {Event} event */
async function save(event) {
  event.preventDefault();
  const form = byId("person-form"), contact = form.dataset.contact;
  const body = { cells: filled(), reason: byId("form-reason").value.trim(), seen: Number(form.dataset.seen ?? 0) };
  const path = contact ? `contacts/${contact}/change` : "contacts";
  const said = await send(path, body, byId("form-error"), byId("form-send"));
  if (said === null) return;
  byId("form-send").disabled = true; // until the page comes, it would be sent again
  sessionStorage.setItem(SAID, contact ? TEXT.person_saved : TEXT.person_added);
  location.assign(`/people/${said.contact || contact}?lang=${LANG}`);
}

// ---- a test message

async function test() {
  const contact = state().contact;
  if (await send(`contacts/${contact}/test`, {}, byId("test-error"), byId("send-test")) === null) return;
  tell(TEXT.test_queued);
  for (let n = 0; n < OUTCOME_TRIES; n++) {
    await refreshPart();
    if (state().waits !== "yes") return tell(TEXT.test_outcome);
    await new Promise((resolve) => setTimeout(resolve, OUTCOME_MS));
  }
}

// ---- what asks for a reason first

let deed = "", seen = 0;

/** @param {string} what */
function ask(what) {
  deed = what;
  seen = Number(state().seen);
  say(byId("deed-title"), TEXT[`deed_${what}`]);
  say(byId("deed-what"), TEXT[`deed_${what}_what`]);
  say(byId("deed-send"), TEXT[`deed_${what}`]);
  byId("deed-reason").value = "";
  byId("deed-error").hidden = true;
  byId("deed-sure").hidden = what !== "erase";
  byId("deed-sure-box").required = what === "erase";
  byId("deed-sure-box").checked = false;
  byId("deed").showModal();
}

/** @param {object} found everything that is kept of the person */
function download(found) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(found, null, 2)], { type: "application/json" }));
  link.download = `contact-${state().contact}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {Event} event */
async function doDeed(event) {
  event.preventDefault();
  const body = { reason: byId("deed-reason").value.trim(), seen };
  const said = await send(`contacts/${state().contact}/${deed}`, body, byId("deed-error"), byId("deed-send"));
  if (said === null) return;
  byId("deed").close();
  if (deed === "export") {
    download(said);
    return tell(TEXT.deed_export_done);
  }
  sessionStorage.setItem(SAID, TEXT[`deed_${deed}_done`]);
  location.reload();
}

function begin() {
  const said = sessionStorage.getItem(SAID);
  sessionStorage.removeItem(SAID);
  if (said) tell(said);
  if (byId("live-part")) beginLivePart(() => {});
  const form = byId("person-form");
  if (form) {
    form.dataset.seen = state().seen || "0"; // as it was when these cells were read
    form.addEventListener("submit", save);
    byId("form-send").disabled = false; // until now it would have sent the form as browsers do
    byId("consent-says").addEventListener("change", fitConsent);
    fitConsent();
  }
  byId("send-test")?.addEventListener("click", test);
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-deed]"))) {
    button.addEventListener("click", () => ask(button.dataset.deed || ""));
  }
  byId("deed-cancel").addEventListener("click", () => byId("deed").close());
  byId("deed").querySelector("form").addEventListener("submit", doDeed);
}

begin();
