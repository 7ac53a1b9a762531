// Samples: their sheets, steps of custody and results, and a laboratory's file, which is sent in parts.
import { sent } from "./account.js";
import { EntryDialog, showSaved, tellSaved } from "./entries.js";
import { byId, counted, element, name, say, TEXT, ZONE } from "./page.js";
import { fromLocal, localText } from "./times.js";

/**
 * @typedef {{ version: number, code: string, sampled_at: number, sampled_by: string, laboratory: string, words: string,
 *   steps: Record<string, number>, results: Record<string, number> }} Filled the versions of steps and results
 * @typedef {{ line: number, column: number, name: string, why: string }} RefusedLine
 */

/** @type {{ station: string, samples: Record<string, Filled> } | null} */
const book = JSON.parse(byId("book")?.textContent || "null");
const MOST_LETTERS = 15000; // of a part: a letter has up to three bytes, and escapes
const STEPS = ["handed_over", "received", "analysed"];
const form = byId("file");

/** The sample that the open dialog is about; empty: a new one. */
let number = "";

/** @param {string} path */
const placeOf = (path) => `stations/${book?.station}/${path}`;
/** @param {string} text */
const instant = (text) => new Date(fromLocal(text, ZONE)).toISOString();
/** The server's time, as a field shows it: the browser's own clock may be wrong by a day. */
const now = () => localText(Number(byId("sample-open").dataset.now) + performance.now(), ZONE);

/** @param {EntryDialog} dialog @param {string} path @param {object} body */
async function entered(dialog, path, body) {
  const done = await sent(dialog.form, dialog.error, placeOf(path), body);
  if (done === null) dialog.refused();
  else showSaved(`sample-${done.sample_id}`);
}

// ---- the file

/**
 * Return the parts of a file, each with its first line and at most so many letters: where a line ends, and no cell is open.
 * @param {string} text
 * @param {number} most
 * @returns {{ text: string, lines_before: number }[]}
 */
export function partsOf(text, most) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n"), head = lines[0];
  /** @type {{ text: string, lines_before: number }[]} */
  const parts = [];
  let own = head, before = 0, isOpen = false;
  lines.slice(1).forEach((line, at) => {
    if (own.length + line.length > most && own !== head && !isOpen) {
      parts.push({ text: own, lines_before: before });
      [own, before] = [head, at];
    }
    own += `\n${line}`;
    if ((line.match(/"/g) || []).length % 2) isOpen = !isOpen;
  });
  return [...parts, { text: own, lines_before: before }];
}

/**
 * Ask what begins decimals in all parts of a file: 0.500 in one of them is told by 0.42 in another. Null: the server did not say.
 * @param {{ text: string }[]} parts @param {object} usual @param {HTMLElement} error
 * @returns {Promise<string[] | null>}
 */
async function marksOf(parts, usual, error) {
  const found = new Set();
  for (const part of parts) {
    const said = await sent(form, error, placeOf("laboratory-file/marks"), { ...usual, ...part });
    if (said === null) return null;
    said.marks.forEach((/** @type {string} */ mark) => found.add(mark));
  }
  return [...found];
}

/** @param {Event} event */
async function sendFile(event) {
  event.preventDefault();
  const file = byId("file-chosen").files[0], error = byId("file-error"), refused = byId("file-refused"), said = byId("file-said");
  refused.replaceChildren();
  said.hidden = error.hidden = true;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    say(error, TEXT.file_not_utf8);
    error.hidden = false;
    return;
  }
  const counts = { new: 0, known: 0, refused: 0 }, usual = { name: file.name.slice(0, 80), sampled_by: byId("file-by").value, laboratory: byId("file-laboratory").value };
  const parts = partsOf(text, MOST_LETTERS), marks = await marksOf(parts, usual, error);
  if (marks === null) return;
  for (const part of parts) {
    const done = await sent(form, error, placeOf("laboratory-file"), { ...usual, ...part, marks });
    if (done === null) break;
    counts.new += done.new;
    counts.known += done.known;
    counts.refused += done.refused.length;
    refused.append(.../** @type {RefusedLine[]} */ (done.refused).map((one) =>
      element("li", "", `${TEXT.file_line} ${one.line}, ${TEXT.file_column} ${one.column}${one.name ? " " : ""}`, name(one.name), ": ", name(one.why))));
    said.hidden = false;
    say(said, [counted(counts.new, TEXT.file_new), counted(counts.known, TEXT.file_known), counted(counts.refused, TEXT.file_refused)].join(" · "));
  }
}

// ---- the page

if (form) {
  const sample = new EntryDialog("sample", async (values, withdraws) => {
    const seen = number ? { seen: book?.samples[number].version } : {};
    const path = `samples${number ? `/${number}` : ""}${withdraws ? "/withdraw" : ""}`;
    await entered(sample, path, withdraws ? { reason: values.reason, ...seen } : { ...values, sampled_at: instant(values.sampled_at), ...seen });
  });
  /** @type {EntryDialog} */
  const step = new EntryDialog("step", (values) => entered(step, `samples/${number}/step`, {
    ...values, done_at: instant(values.done_at), seen: book?.samples[number].steps[values.step] || 0,
  }));
  /** @type {EntryDialog} */
  const result = new EntryDialog("result", (values, withdraws) => entered(result, `samples/${number}/result`, {
    ...values, withdraw: withdraws, seen: book?.samples[number].results[values.parameter] || 0,
  }));
  /** @param {EntryDialog} dialog @param {string} key */
  const chosen = (dialog, key) => /** @type {HTMLSelectElement} */ (dialog.form.elements.namedItem(key));
  const asksWhy = () => {
    const known = book?.samples[number];
    step.asksWhy(Boolean(known?.steps[chosen(step, "step").value]));
    result.asksWhy(Boolean(known?.results[chosen(result, "parameter").value]));
    const unit = chosen(result, "parameter").selectedOptions[0]?.dataset.unit || "";
    /** @type {any} */ (result.form.elements.namedItem("unit")).placeholder = unit;
  };
  const OPEN = /** @type {Record<string, (known: Filled) => void>} */ ({
    step: (known) => step.open({ step: STEPS.find((one) => !known.steps[one]) || "analysed", done_at: now() }, false),
    result: () => result.open({}, false),
    correct: (known) => sample.open({
      code: known.code, sampled_at: localText(known.sampled_at, ZONE), sampled_by: known.sampled_by, laboratory: known.laboratory, words: known.words,
    }, true),
  });
  byId("sample-open").addEventListener("click", () => {
    number = "";
    sample.open({ sampled_at: now() }, false);
  });
  document.addEventListener("click", (event) => {
    const asks = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest("button[data-sample]"));
    if (!asks || !book) return;
    number = asks.dataset.sample || "";
    OPEN[asks.dataset.do || ""]?.(book.samples[number]);
    if (asks.dataset.do !== "correct") asksWhy();
  });
  for (const dialog of [step, result]) dialog.form.addEventListener("change", asksWhy);
  form.addEventListener("submit", sendFile);
}
tellSaved();
