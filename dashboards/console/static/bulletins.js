// The pages of bulletins: making a draft, changing its words, approving it, sending it.
import { sent } from "./account.js";
import { byId, LANG, say, TEXT } from "./page.js";

/** @param {HTMLElement} form @returns {HTMLElement} where it says what went wrong */
const errorOf = (form) => /** @type {HTMLElement} */ (form.querySelector(".error"));

/** @param {SubmitEvent} event */
async function make(event) {
  event.preventDefault();
  const body = { kind: byId("make-kind").value, period: byId("make-period").value.trim() };
  const made = await sent(byId("make-bulletin"), byId("make-error"), "bulletins", body);
  if (made !== null) location.assign(`/bulletins/${made.number}?lang=${LANG}`);
}

/** @param {SubmitEvent} event */
async function save(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target), { number, part, language, edition } = form.dataset;
  const text = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea")).value;
  const body = { language, part, text, edition: Number(edition) };
  const done = await sent(form, errorOf(form), `bulletins/${number}/words`, body);
  if (done === null) return;
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-edition]"))) {
    each.dataset.edition = String(done.edition);
  }
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".bulletin");
  if (fresh) document.querySelector(".bulletin")?.replaceWith(fresh);
}

/** @param {SubmitEvent} event */
async function approve(event) {
  event.preventDefault();
  const form = byId("approve"), { number, edition } = form.dataset;
  if (await sent(form, errorOf(form), `bulletins/${number}/approve`, { edition: Number(edition) }) !== null) location.reload();
}

/** @param {SubmitEvent} event */
async function send(event) {
  event.preventDefault();
  const form = byId("send");
  const chosen = (/** @type {string} */ name) => (
    /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll(`input[name="${name}"]:checked`)]).map((one) => one.value)
  );
  const done = await sent(form, errorOf(form), `bulletins/${form.dataset.number}/send`, { to: chosen("to"), by: chosen("by") });
  if (done === null) return;
  say(byId("send-said"), TEXT.bulletin_send_done.replace(/{(\w+)}/g, (_, word) => String(done[word])));
}

byId("make-bulletin")?.addEventListener("submit", make);
byId("approve")?.addEventListener("submit", approve);
byId("send")?.addEventListener("submit", send);
for (const form of document.querySelectorAll("form.words")) form.addEventListener("submit", /** @type {any} */ (save));
