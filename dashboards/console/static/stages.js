// A month of days: choosing days of a channel, signing them, reopening them.
import { sent } from "./account.js";
import { byId, say, TEXT } from "./page.js";

/** @typedef {{ channel: string, first: string, last: string }} Chosen */

/** @type {Chosen | null} */
let chosen = null;

/** @param {HTMLElement} button @param {boolean} extends_ whether the days up to it are chosen, too */
function choose(button, extends_) {
  const channel = button.closest("tr")?.dataset.row || "", day = button.dataset.day || "";
  if (extends_ && chosen !== null && chosen.channel === channel) {
    const [first, last] = [chosen.first, chosen.last, day].sort().filter((_, i) => i !== 1);
    chosen = { channel, first, last };
  } else {
    chosen = { channel, first: day, last: day };
  }
  show();
  say(byId("chosen"), button.title);
  if (!byId("sign-days")) return;
  byId("sign-first").value = chosen.first;
  byId("sign-last").value = chosen.last;
  byId("sign-channel").value = channel;
}

function show() {
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("button.day"))) {
    const day = each.dataset.day || "", channel = each.closest("tr")?.dataset.row;
    const is = chosen !== null && channel === chosen.channel && day >= chosen.first && day <= chosen.last;
    each.setAttribute("aria-pressed", String(is));
  }
}

/** Show today, or the day that was looked at: on a telephone a month is wider than the screen. @param {number} [left] */
function scrollDays(left) {
  const box = document.querySelector("#days .scrolls"), today = /** @type {HTMLElement | null} */ (document.querySelector("[aria-current=date]"));
  if (box) box.scrollLeft = left ?? (today ? today.offsetLeft + today.offsetWidth - box.clientWidth : 0);
}

/** Put the days as the server has them now in the place of those shown; what was typed stays. */
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  const left = document.querySelector("#days .scrolls")?.scrollLeft;
  for (const id of ["to-do", "days"]) {
    const fresh = found.getElementById(id);
    if (fresh) byId(id).replaceWith(fresh);
  }
  scrollDays(left);
  show();
  const pressed = /** @type {HTMLElement | null} */ (document.querySelector('.day[aria-pressed="true"]'));
  if (pressed) say(byId("chosen"), pressed.title);
}

/** @param {{ reviewed?: number, waiting?: number, reopened?: number, left?: Record<string, number> }} done */
function outcome(done) {
  const parts = ["reviewed", "waiting", "reopened"].map((word) => [/** @type {any} */ (done)[word], TEXT[`stage_done_${word}`]]);
  const left = Object.entries(done.left || {}).map(([why, count]) => [count, TEXT[`stage_left_${why}`]]);
  return [...parts, ...left].filter(([count]) => count).map(([count, words]) => `${count}: ${words}`).join(" · ") || TEXT.stage_none;
}

/** @param {SubmitEvent} event */
async function send(event) {
  event.preventDefault();
  const error = byId("sign-days-error"), what = /** @type {HTMLButtonElement} */ (event.submitter).value;
  const typed = byId("sign-note").value.trim(), channel = byId("sign-channel").value, days = byId("days").dataset;
  const body = { first: byId("sign-first").value, last: byId("sign-last").value, channels: channel ? [channel] : [] };
  const said = what === "sign" ? { note: typed, seen: days.seen } : { reason: typed };
  const found = await sent(byId("sign-days"), error, `stations/${encodeURIComponent(days.of || "")}/stages/${what}`, { ...body, ...said });
  if (found === null) return;
  byId("sign-note").value = "";
  say(byId("sign-outcome"), outcome(found));
  byId("sign-outcome").hidden = false;
  await refresh();
}

scrollDays();
document.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest("button.day"));
  if (button) choose(button, event.shiftKey);
});
byId("sign-days")?.addEventListener("submit", send);
