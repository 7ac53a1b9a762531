// The page of one's own account: gives, enrols, renews and ends the second factor.
import { byId } from "./page.js";

const page = document.body.dataset;

/**
 * Send a request of this session; returns the answer. The token that the page sends is that of the newest session.
 * @param {string} path
 * @param {object} body
 */
async function ask(path, body) {
  const answer = await fetch(`${path}?lang=${page.lang}`, {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Accept-Language": page.lang || "vi", "X-CSRF-Token": page.csrf || "" },
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.reload(); // the session is over: the server asks to sign in
  if (!answer.ok) throw new Error(said.error || `${page.answered} ${answer.status}`);
  if (said.csrf) page.csrf = said.csrf;
  return said;
}

/**
 * Do something while a button waits; what goes wrong stands at its place.
 * @param {HTMLElement} trouble
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} act
 */
async function attempt(trouble, button, act) {
  trouble.hidden = true;
  button.disabled = true;
  try {
    await act();
  } catch (problem) {
    const words = problem instanceof TypeError ? page.connection : /** @type {Error} */ (problem).message;
    trouble.textContent = `${page.failed}: ${words}`;
    trouble.hidden = false;
  } finally {
    button.disabled = false;
  }
}

/** @param {string[]} codes */
function showCodes(codes) {
  for (const form of document.querySelectorAll("form")) form.hidden = true;
  const enrol = byId("factor-enrol");
  if (enrol) enrol.hidden = true;
  const place = byId("factor-codes");
  place.querySelector("ul").replaceChildren(...codes.map((code) => {
    const line = document.createElement("li");
    line.append(Object.assign(document.createElement("code"), { textContent: code }));
    return line;
  }));
  place.hidden = false;
  place.querySelector("a").focus();
}

/** @param {HTMLFormElement} form @param {{ secret: string, picture: string }} made */
function showSecret(form, made) {
  form.hidden = true;
  byId("factor-picture").src = made.picture;
  byId("factor-secret").textContent = (made.secret.match(/.{1,4}/g) || []).join(" ");
  byId("factor-enrol").hidden = false;
  byId("factor-enrol").querySelector("input").focus();
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const pressed = /** @type {HTMLButtonElement} */ (/** @type {SubmitEvent} */ (event).submitter || form.querySelector("button.primary"));
    const trouble = /** @type {HTMLElement} */ (form.querySelector(".error"));
    const act = pressed.value || form.dataset.act;
    attempt(trouble, pressed, async () => {
      const said = await ask(`/api/account/second-factor/${act}`, Object.fromEntries(new FormData(form)));
      if (said.codes) showCodes(said.codes);
      else if (said.picture) showSecret(form, said);
      else if (act === "prove") location.replace(document.body.dataset.next || "/");
      else location.reload();
    });
  });
}

byId("sign-out").addEventListener("click", () => attempt(byId("sign-out-error"), byId("sign-out"), async () => {
  const { go_on: wayOut } = await ask("/api/sign-out", {}); // where the provider ends its own session
  location.assign(wayOut || `/sign-in?lang=${document.body.dataset.lang}`);
}));

for (const button of document.querySelectorAll("button")) button.disabled = false; // until now nobody would have heard it
