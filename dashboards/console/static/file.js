// A configuration file: typing with the checker beside it, comparing, saving, and taking changes back. What was typed stays
// until it is saved, also over a reload, an ended session and while the server is away.
import { act, saidBy, showProblem, wordsOf } from "./account.js";
import { CodeArea } from "./code_area.js";
import { beginInForce, effectRows, get, problemRow } from "./in_force.js";
import { byId, button, counted, element, name, say, TEXT } from "./page.js";
import { draft, keepDraft, takeProposal } from "./proposal.js";

/** @typedef {import("./code_area.js").Problem} Problem */
/** @typedef {import("./proposal.js").Unsaved} Unsaved */

const CHECK_AFTER_MS = 500, AGAIN_MS = 5000, MOST_BYTES = 50000;
const section = byId("file"), { file } = section.dataset;
const field = byId("file-text"), reason = byId("file-reason");
const area = new CodeArea(field, byId("file-gutter"), byId("file-notes"));
const path = `files/${file.split("/").map(encodeURIComponent).join("/")}`;
/** What the file holds, as far as this page knows, and its digest. */
let base = field.defaultValue.replace(/\r\n/g, "\n"), opened = section.dataset.opened;
/** Digest of the file that the text in the editor began with: another one until its person has decided. */
let began = opened;
let isChecking = false, wasChecked = "";
let timer = 0;

const isDirty = () => area.text !== base;

/** @param {string} id @param {string} words */
function tell(id, words) {
  byId(id).replaceChildren(words ? name(words) : "");
  byId(id).hidden = !words;
}

/** @param {string} words @param {[string, () => void | Promise<void>][]} choices the first is what most want */
function offer(words, choices) {
  byId("file-offer").hidden = !words;
  say(byId("file-offer-words"), words);
  const buttons = choices.map(([label, does], n) => {
    const chosen = button(n ? "" : "primary", label, () => {
      offer("", []);
      attempt(byId("file-error"), /** @type {HTMLButtonElement} */ (chosen), async () => does());
    });
    return chosen;
  });
  byId("file-offer").querySelector(".buttons").replaceChildren(...buttons);
}

function keep() {
  if (!isDirty()) began = opened;
  byId("file-dirty").hidden = !isDirty();
  keepDraft(file, isDirty() ? { text: area.text, opened: began, reason: reason?.value || "" } : null);
}

function typed() {
  keep();
  byId("file-difference").hidden = true;
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER_MS);
}

/** @param {string} text */
function put(text) {
  area.put(text);
  typed();
}

async function check() {
  if (isChecking || field.readOnly) return; // it is asked again when the answer is there
  const text = area.text;
  isChecking = true;
  let wait = 0;
  try {
    if (new Blob([text]).size > MOST_BYTES) throw new Error(TEXT.file_too_large);
    const answer = await act(`${path}/check`, { text });
    if (answer === null) throw new Error(TEXT.session_over);
    const found = await saidBy(answer);
    if (text === area.text) showProblems(found.problems, found.count, found.cautions);
    wasChecked = text;
  } catch (problem) {
    say(byId("file-checked"), `${TEXT.file_unchecked}: ${wordsOf(problem)}`);
    byId("file-checked").className = "";
    if (problem instanceof TypeError) wait = AGAIN_MS;
    else wasChecked = text;
  } finally {
    isChecking = false;
  }
  if (wait || wasChecked !== area.text) {
    clearTimeout(timer);
    timer = setTimeout(check, wait || CHECK_AFTER_MS);
  }
}

/** @param {Problem[]} problems @param {number} count @param {string[]} [cautions] */
function showProblems(problems, count, cautions = []) {
  const own = problems.filter((one) => one.file === file), others = problems.filter((one) => one.file !== file);
  area.show(own);
  say(byId("file-checked"), count ? counted(count, TEXT.file_problems) : TEXT.file_good);
  byId("file-checked").className = count ? "error" : "done";
  byId("file-next").hidden = !own.length;
  byId("file-problems").replaceChildren(...own.map((one) => element("li", "",
    button("to-line", `${TEXT.file_row} ${one.line}${one.key ? ` · ${one.key}` : ""}`, () => area.go(one)), " ", name(one.words))));
  byId("file-elsewhere-title").hidden = !others.length;
  byId("file-elsewhere").replaceChildren(...others.map(problemRow));
  byId("file-cautions-title").hidden = !cautions.length;
  byId("file-cautions").replaceChildren(...cautions.map((one) => element("li", "", name(one))));
}

function goNext() {
  const problem = area.next();
  if (problem) area.go(problem);
}

async function compare() {
  const answer = await act(`${path}/compare`, { text: area.text });
  if (answer === null) return;
  const found = await saidBy(answer);
  byId("file-lines").replaceChildren(...found.lines.map(lineRow));
  if (!found.lines.length) byId("file-lines").replaceChildren(element("tr", "", element("td", "", TEXT.file_same)));
  const effects = found.stations === null ? [element("li", "", name(found.why))] : effectRows(found);
  byId("file-effects").replaceChildren(...(effects.length ? effects : [element("li", "", found.of_all ? TEXT.file_no_effect : TEXT.file_no_effect_yours)]));
  byId("file-difference").hidden = false;
}

/** @param {[string, number, string]} line */
function lineRow([mark, number, words]) {
  const kind = /** @type {Record<string, string>} */ ({ "+": "added", "-": "removed", " ": "same" })[mark] || "left-out";
  return element("tr", kind, element("td", "line-number", number ? String(number) : ""), element("td", "line-mark", mark === "-" ? "−" : mark),
    element("td", "", element("code", "", words)));
}

async function save() {
  const text = area.text;
  if (new Blob([text]).size > MOST_BYTES) throw new Error(TEXT.file_too_large);
  const answer = await act(`${path}/save`, { text, opened, reason: reason.value.trim() });
  if (answer === null) return; // what was typed stays
  if (answer.status === 409 && await hasChanged()) await meanwhile();
  if (answer.status === 422) {
    const { problems } = await answer.clone().json().catch(() => ({}));
    if (problems) showProblems(problems, problems.length);
  }
  const done = await saidBy(answer);
  [base, opened] = [text, done.opened];
  reason.value = "";
  offer("", []);
  keep();
  tell("file-said", `${TEXT.file_saved} ${done.change}.`);
  byId("file-difference").hidden = true;
  await refreshHistory();
}

/** Does the file hold something else than this page knows? From then on the page knows that. */
async function hasChanged() {
  const now = await get(path);
  if (now === null || now.opened === opened) return false;
  [base, opened] = [now.text, now.opened];
  return true;
}

/** The file has changed: what was typed is held against what it says now, and its person decides. */
async function meanwhile() {
  if (!isDirty()) return typed();
  offer(TEXT.file_meanwhile, [[TEXT.file_take_theirs, () => put(base)]]);
  keep();
  await compare();
}

/** @param {HTMLFormElement} form */
async function takeBack(form) {
  const why = /** @type {HTMLInputElement} */ (form.querySelector("input"));
  const answer = await act(`${path}/changes/${form.dataset.change}/take-back`, { reason: why.value.trim() });
  if (answer === null) return;
  const done = await saidBy(answer);
  const wasDirty = isDirty();
  if (await hasChanged()) {
    if (wasDirty) await meanwhile();
    else put(base);
  }
  tell("file-said", `${TEXT.change_back_done} ${done.change}.`);
  await refreshHistory();
}

/** Fill in which lines a change changed, when it is opened first. @param {HTMLDetailsElement} details */
async function showLines(details) {
  const rows = /** @type {HTMLElement} */ (details.querySelector("tbody")), error = /** @type {HTMLElement} */ (details.querySelector(".error"));
  if (!details.open || rows.firstChild) return;
  error.hidden = true;
  try {
    rows.replaceChildren(...(await get(`${path}/changes/${details.dataset.change}`)).lines.map(lineRow));
  } catch (problem) {
    showProblem(error, problem);
  }
}

/** Put the history as the server has it now in the place of the one shown. */
async function refreshHistory() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("file-history");
  if (fresh) byId("file-history").replaceWith(fresh);
}

/**
 * Do something while a button waits; what goes wrong stands at its place, and stays there.
 * @param {HTMLElement} error
 * @param {HTMLButtonElement} waits
 * @param {() => Promise<void>} what
 */
async function attempt(error, waits, what) {
  if (waits.disabled) return; // a key that is held or pressed twice
  error.hidden = true;
  byId("file-said").hidden = true;
  waits.disabled = true;
  try {
    await what();
  } catch (problem) {
    showProblem(error, problem);
  } finally {
    waits.disabled = false;
  }
}

/** Is there a text of somebody that is not saved? */
async function offerUnsaved() {
  const proposed = takeProposal(file), kept = draft(file);
  /** @type {[string, () => void]} */
  const drop = [TEXT.file_drop_kept, () => put(base)];
  const isProposed = proposed !== null && proposed.text !== base, isKept = kept !== null && kept.text !== base;
  if (isProposed && isKept) {
    offer(TEXT.file_proposed_kept, [[TEXT.file_take_proposed, () => takeProposed(proposed)], [TEXT.file_take_own, () => take(kept)], drop]);
  } else if (isProposed) await takeProposed(proposed);
  else if (isKept) offer(TEXT.file_kept, [[TEXT.file_take_kept, () => take(kept)], drop]);
}

/** @param {Unsaved} proposed */
async function takeProposed(proposed) {
  offer(TEXT.file_proposed, [[TEXT.file_drop_kept, () => put(base)]]);
  await take(proposed);
}

/**
 * Put a text that is not saved into the editor; where the file has changed since it began, its person decides.
 * @param {Unsaved} unsaved
 */
async function take(unsaved) {
  began = unsaved.opened;
  if (reason) reason.value = unsaved.reason;
  put(unsaved.text);
  if (began !== opened) await meanwhile();
}

field.addEventListener("input", typed);
field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "F8") {
    event.preventDefault();
    goNext();
  }
  if (event.key === "s" && (event.ctrlKey || event.metaKey) && reason) {
    event.preventDefault();
    byId("file-save").requestSubmit();
  }
});
byId("file-next").addEventListener("click", goNext);
byId("file-compare").addEventListener("click", () => attempt(byId("file-error"), byId("file-compare"), compare));
byId("file-save")?.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  attempt(byId("file-error"), byId("file-save").querySelector("button"), save);
});
byId("file-restore")?.addEventListener("click", () => put(byId("file-last").value));
reason?.addEventListener("input", keep);
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.classList.contains("take-back")) return;
  event.preventDefault();
  attempt(/** @type {HTMLElement} */ (form.querySelector(".error")), /** @type {HTMLButtonElement} */ (form.querySelector("button")), () => takeBack(form));
});
document.addEventListener("toggle", (event) => {
  const details = /** @type {HTMLElement} */ (event.target);
  if (details instanceof HTMLDetailsElement && details.dataset.change) showLines(details);
}, true); // it does not bubble
attempt(byId("file-error"), byId("file-compare"), offerUnsaved);
if (field.readOnly) byId("file-checked").hidden = true;
else check();
beginInForce();
