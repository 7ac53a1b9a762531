"use strict";
// The sign-in page and the pages of one-time links: sends what was typed, and goes on to the page that was asked for.

const sheet = /** @type {HTMLFormElement | null} */ (document.getElementById("sign-in"));

/** @param {HTMLFormElement} form */
async function send(form) {
  const { next, secret } = form.dataset;
  const typed = Object.fromEntries(new FormData(form));
  const [path, body] = secret === undefined ? ["/api/sign-in", typed] : ["/api/enter", { secret, ...typed }];
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  const trouble = /** @type {HTMLElement} */ (document.getElementById("sign-in-error"));
  trouble.hidden = true;
  button.disabled = true;
  try {
    const answer = await fetch(`${path}?lang=${document.body.dataset.lang}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error || `${form.dataset.answered} ${answer.status}`);
    }
    location.replace(next || "/");
  } catch (problem) {
    const words = problem instanceof TypeError ? form.dataset.connection : /** @type {Error} */ (problem).message;
    trouble.textContent = `${form.dataset.failed}: ${words}`;
    trouble.hidden = false;
    button.disabled = false;
  }
}

if (sheet) {
  sheet.addEventListener("submit", (event) => {
    event.preventDefault();
    send(sheet);
  });
  if ("atOnce" in sheet.dataset) send(sheet);
}
