// The page of all accounts: the reset of a second factor, with its reason.
import { sent } from "./account.js";
import { byId } from "./page.js";

const dialog = byId("reset");
const form = dialog.querySelector("form");
const error = byId("reset-error");
let whose = "";

for (const button of document.querySelectorAll("[data-reset]")) {
  button.addEventListener("click", () => {
    whose = /** @type {HTMLElement} */ (button).dataset.reset || "";
    byId("reset-whose").textContent = whose;
    form.reset();
    error.hidden = true;
    dialog.showModal();
  });
}

byId("reset-cancel").addEventListener("click", () => dialog.close());
form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const path = `accounts/${encodeURIComponent(whose)}/second-factor/reset`;
  if (await sent(form, error, path, Object.fromEntries(new FormData(form))) !== null) location.reload();
});
