// The page of a rule: other limits and delays, a trial of them on the past, what came of it, the change as a patch.
import { act } from "./account.js";
import { byId, element, LANG, name, say, TEXT } from "./page.js";
import { propose } from "./proposal.js";
import { beginTrialChart } from "./rule_chart.js";
import { eventsIn } from "./trial.js";
import { typedNumber } from "./typed_number.js";

/** @typedef {{ html: string, channels: import("./rule_chart.js").TrialChannel[], from: number, to: number, diff: string,
 *   reason: string, files: { name: string, text: string, opened: string }[] }} Found */

const form = byId("trial"), error = byId("trial-error"), result = byId("trial-result");
/** Ends the trial that runs; null: none does. @type {(() => void) | null} */
let stop = null;
/** Whether the form was changed since the newest trial began. */
let isEdited = false;

/** @param {string} words */
function refuse(words) {
  error.replaceChildren(name(words));
  error.hidden = false;
}

/** @param {{ key: string, words: string }[]} problems */
function showProblems(problems) {
  const elsewhere = [];
  for (const { key, words } of problems) {
    const field = form.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (field) showProblem(field, words);
    else elsewhere.push(words);
  }
  if (elsewhere.length) refuse(`${TEXT.rule_refused}: ${elsewhere.join("; ")}`);
  form.querySelector("[aria-invalid]")?.focus();
}

/** @param {HTMLElement} field @param {string} words */
function showProblem(field, words) {
  const place = /** @type {HTMLElement} */ (field.closest(".trial-field")?.querySelector(".error"));
  place.id = `e-${field.dataset.key}`;
  place.textContent = words;
  place.hidden = false;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", place.id);
}

function clearProblems() {
  error.hidden = true;
  for (const place of form.querySelectorAll(".trial-field .error")) place.hidden = true;
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

/** @returns {Record<string, string> | null} the changed values by their keys; null: one is no number */
function edits() {
  /** @type {Record<string, string>} */
  const found = {};
  let isRight = true;
  for (const field of form.querySelectorAll("[data-key]")) {
    const unit = field.parentElement.querySelector("[data-unit]");
    const value = typedNumber(field.value, LANG);
    if (typeof value === "string") {
      showProblem(field, TEXT[value]);
      isRight = false;
    } else if (value !== Number(field.dataset.was) || unit?.value !== unit?.dataset.was) {
      found[field.dataset.key] = `${value}${unit?.value || ""}`;
    }
  }
  if (!isRight) form.querySelector("[aria-invalid]").focus();
  return isRight ? found : null;
}

/** @param {number} share 0 to 1 */
function showProgress(share) {
  byId("trial-progress").hidden = false;
  byId("trial-bar").value = Math.round(share * 100);
  say(byId("trial-share"), `${TEXT.rule_running}: ${Math.round(share * 100)} %`);
}

/** @param {boolean} runs */
function showRunning(runs) {
  byId("trial-run").disabled = runs;
  byId("trial-stop").hidden = !runs;
  if (!runs) byId("trial-progress").hidden = true;
}

/** @param {Response} answer @returns {Promise<Found | null>} null: somebody has stopped it */
async function follow(answer) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader(), decoder = new TextDecoder();
  let isStopped = false, rest = "";
  stop = () => {
    isStopped = true;
    reader.cancel(); // the server ends its work
  };
  for (;;) {
    const { value, done } = await reader.read();
    if (isStopped) return null;
    if (done) throw new Error(TEXT.rule_broken_off);
    const { events, left } = eventsIn(rest + decoder.decode(value, { stream: true }));
    rest = left;
    for (const { kind, data } of events) {
      if (kind === "progress") showProgress(data);
      else if (kind === "refused") throw new Error(data);
      else if (kind === "done") return data;
    }
  }
}

/** @param {Event} event */
async function run(event) {
  event.preventDefault();
  clearProblems();
  const wanted = edits();
  if (wanted === null) return;
  if (!Object.keys(wanted).length) return refuse(TEXT.rule_unchanged);
  const body = { first: byId("trial-first").value, last: byId("trial-last").value, station: byId("trial-station").value, edits: wanted };
  showRunning(true);
  isEdited = false;
  try {
    const answer = await act(`rules/${form.dataset.rule}/trial`, body);
    if (answer === null) return;
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      if (said.problems) return showProblems(said.problems);
      throw new Error(said.error || `${TEXT.answered} ${answer.status}`);
    }
    const found = await follow(answer);
    if (found === null) refuse(TEXT.rule_stopped);
    else show(found);
  } catch (problem) {
    refuse(problem instanceof TypeError ? TEXT.rule_broken_off : /** @type {Error} */ (problem).message);
  } finally {
    stop = null;
    showRunning(false);
  }
}

/** @param {Found} found */
function show(found) {
  result.replaceChildren(...new DOMParser().parseFromString(found.html, "text/html").body.childNodes);
  result.hidden = false;
  byId("trial-old").hidden = !isEdited;
  beginTrialChart(found.channels, [found.from, found.to]);
  byId("trial-copy").addEventListener("click", () => copy(found.diff));
  byId("trial-download").href = URL.createObjectURL(new Blob([found.diff], { type: "text/x-diff" }));
  for (const { name: file, text, opened } of found.files) {
    result.querySelector(`[data-propose="${CSS.escape(file)}"]`)?.addEventListener("click", () => propose(file, text, found.reason, opened));
  }
  result.focus();
}

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else { // a page that is not encrypted has none
    const area = /** @type {HTMLTextAreaElement} */ (element("textarea", "unseen", text));
    result.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(byId("trial-copied"), TEXT.trial_copied);
}

if (form) {
  form.addEventListener("submit", run);
  byId("trial-stop").addEventListener("click", () => stop?.());
  form.addEventListener("input", () => {
    isEdited = true;
    if (byId("trial-old")) byId("trial-old").hidden = false;
  });
  form.addEventListener("reset", () => setTimeout(clearProblems));
}
