// The page of a shift: notes, handing over, taking over. What was typed is kept in the tab until the book has it, so
// that whoever has to sign in anew, loads the page again or finds the database away still has it.
import { login, sent } from "./account.js";
import { beginLivePart, refreshPart } from "./live_part.js";
import { byId, LANG, name, say, TEXT } from "./page.js";

const DRAFT = "quantrac-shift";
const noteForm = byId("note-form"), handOver = byId("hand-over");

/** @typedef {{ key: string, station: string, words: string }} About */

/** @type {About | null} what the note is about; null: a station or the network, as the form says */
let about = null;

/** @param {About | null} item @param {string} [mark] */
function choose(item, mark) {
  about = item;
  byId("note-item").hidden = item === null;
  byId("note-place").hidden = item !== null;
  byId("note-item-words").replaceChildren(name(item === null ? "" : item.words));
  if (mark !== undefined) byId("note-mark").value = mark;
}

function keep() {
  const kept = {
    login, about, text: byId("note-text").value, mark: byId("note-mark").value, station: byId("note-station").value,
    remark: handOver ? byId("hand-over-remark").value : "", alone: handOver ? byId("hand-over-alone").checked : false,
  };
  sessionStorage.setItem(DRAFT, JSON.stringify(kept));
}

/** What was typed before the page was loaded anew, by the same account, is there again. */
function resume() {
  const kept = JSON.parse(sessionStorage.getItem(DRAFT) || "null");
  if (kept === null || (kept.login && login && kept.login !== login)) return;
  if (!kept.text && !kept.remark) return;
  choose(kept.about, kept.mark);
  byId("note-text").value = kept.text;
  if ([...byId("note-station").options].some((option) => option.value === kept.station)) byId("note-station").value = kept.station;
  if (handOver) {
    byId("hand-over-remark").value = kept.remark;
    byId("hand-over-alone").checked = kept.alone;
  }
  say(byId("note-said"), TEXT.shift_kept);
}

/** @param {SubmitEvent} event */
async function writeNote(event) {
  event.preventDefault();
  const station = about === null ? byId("note-station").value : about.station;
  const path = station ? `stations/${encodeURIComponent(station)}/shift/note` : "shift/note";
  const body = { text: byId("note-text").value.trim(), mark: byId("note-mark").value || null, item: about === null ? null : about.key };
  say(byId("note-said"), "");
  if (await sent(noteForm, byId("note-error"), path, body) === null) return;
  if (byId("note-text").value.trim() === body.text) { // what was typed meanwhile stays, and what it is about
    byId("note-text").value = "";
    choose(null, "");
  }
  keep();
  await refreshPart();
  say(byId("note-said"), TEXT.shift_written);
}

/** @param {SubmitEvent} event */
async function signAway(event) {
  event.preventDefault();
  const body = { shift: Number(handOver.dataset.shift), remark: byId("hand-over-remark").value.trim(), alone: byId("hand-over-alone").checked };
  const done = await sent(handOver, byId("hand-over-error"), "shift/hand-over", body);
  if (done === null) return refreshPart();
  byId("hand-over-remark").value = "";
  byId("hand-over-alone").checked = false;
  keep();
  location.assign(`/shifts/${done.shift}?lang=${LANG}`);
}

/** @param {HTMLButtonElement} pressed */
async function takeOver(pressed) {
  const form = /** @type {HTMLElement} */ (pressed.parentElement);
  const done = await sent(form, byId("take-over-error"), `shifts/${pressed.dataset.number}/take-over`, {});
  if (done === null) return;
  if (noteForm) await refreshPart();
  else location.reload();
}

/** Somebody has handed over the shift that this page was opened for: nobody signs the next one unawares. */
function compare() {
  if (!handOver) return;
  const shown = byId("shift-head").dataset.shift, meant = handOver.dataset.shift;
  byId("shift-changed").hidden = shown === meant;
  handOver.hidden = shown !== meant;
  if (shown !== meant) say(byId("shift-changed-words"), TEXT.shift_changed.replace("{number}", meant));
}

document.addEventListener("click", ({ target }) => {
  const pressed = /** @type {HTMLButtonElement | null} */ (/** @type {HTMLElement} */ (target).closest("button"));
  if (pressed?.id === "print") window.print();
  else if (pressed?.id === "take-over") takeOver(pressed);
  else if (pressed?.classList.contains("note-on")) {
    const { key = "", station = "", words = "", mark } = pressed.dataset;
    choose({ key, station, words }, mark);
    keep();
    byId("note-text").focus();
  }
});

/** @param {KeyboardEvent} event */
function keys(event) {
  const typing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea") !== null;
  if (typing || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") byId("note-text").focus();
  else if (event.key === "h" && handOver && !handOver.hidden) byId("hand-over-remark").focus();
  else return;
  event.preventDefault();
}

if (noteForm) {
  noteForm.addEventListener("submit", writeNote);
  handOver?.addEventListener("submit", signAway);
  for (const form of [noteForm, handOver]) form?.addEventListener("input", keep);
  byId("note-item-off").addEventListener("click", () => {
    choose(null, "");
    keep();
  });
  document.addEventListener("keydown", keys);
  resume();
}
if ("lacks" in byId("live-part").dataset) setTimeout(refreshPart, 1500); // causes of gaps, found out meanwhile
if (byId("shift-head") && !document.querySelector(".signatures")) beginLivePart(compare);
