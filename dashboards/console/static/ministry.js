// A day of files for the ministry: arrows walk through the squares, and files go again.
import { sent } from "./account.js";
import { byId, say, TEXT } from "./page.js";

const STEPS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -12, ArrowDown: 12 });

/** @param {KeyboardEvent} event */
function walk(event) {
  const here = /** @type {HTMLElement} */ (event.target), step = STEPS[event.key];
  if (!step || !here.matches("table.fates a")) return;
  const squares = [...document.querySelectorAll("table.fates .fate")];
  for (let at = squares.indexOf(here) + step; squares[at]; at += step) {
    if (!(squares[at] instanceof HTMLAnchorElement)) continue;
    event.preventDefault();
    /** @type {HTMLElement} */ (squares[at]).focus();
    return;
  }
}

/** @param {SubmitEvent} event */
async function send(event) {
  event.preventDefault();
  const form = byId("resend");
  const body = {
    after: byId("resend-after").value, until: byId("resend-until").value, receiver: byId("resend-receiver").value,
    reason: byId("resend-reason").value.trim(),
  };
  const path = `stations/${encodeURIComponent(form.dataset.of || "")}/ministry/resend`;
  const found = await sent(form, byId("resend-error"), path, body);
  if (found === null) return;
  byId("resend-reason").value = "";
  say(byId("resend-outcome"), `${found.files} ${TEXT.ministry_resent}`);
  byId("resend-outcome").hidden = false;
}

document.addEventListener("keydown", walk);
byId("resend")?.addEventListener("submit", send);
