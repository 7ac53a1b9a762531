// Who works here: what every act carries, signing in again in the middle of an act, signing out.
import { byId, LANG, name, TEXT } from "./page.js";

const dialog = byId("sign-in-again");
const { csrf: firstCsrf = "", login: firstLogin = "", acts: firstActs } = document.body.dataset;
let csrf = firstCsrf;
/** The account that this page is for; empty: nobody is signed in. */
export let login = firstLogin;
/** @type {Record<string, string[] | null> | null} act -> the stations where the account may do it, null: at all of
 * them and what belongs to none; no acts at all: nobody is signed in, and a form will ask */
let acts = firstActs === undefined ? null : JSON.parse(firstActs);
/** @type {((done: boolean) => void)[]} */
let waiting = [];
/** The account in whose page the open dialog asks; empty: nobody was signed in. What waits is done in no other name. */
let askedFor = "";
/** Has the person gone to the provider from the open dialog? */
let isAtProvider = false;
/** Whether the page is being left by signing out: that its session ends then is no reason to ask who comes next. */
let isLeaving = false;

/** What an action of a form needs of `quantrac.desks.roles`, where it is not called the same. @type {Record<string, string>} */
const RIGHTS = {
  unshelve: "shelve", false: "mark_false", unpublish: "publish", "out-of-service": "out_of_service", "in-service": "out_of_service",
  "end-maintenance": "command",
};

/** @typedef {{ login: string | null, name: string, csrf: string, acts: Record<string, string[] | null>,
 *   owes: "code" | "enrolment" | null }} Session */

/** Another tab has signed in with another account: what this page asks for would be done in that name. */
class OtherAccount extends Error {}

/**
 * Tell whether the account may do it.
 * @param {string} action
 * @param {string | null} station null: it belongs to no station, or to all
 */
export function may(action, station) {
  if (acts === null) return true;
  const stations = acts[RIGHTS[action] || action];
  return stations === null || (stations !== undefined && station !== null && stations.includes(station));
}

/**
 * Tell whether the account has an act: at some station, or at all of them and what belongs to none.
 * @param {string} act
 * @param {boolean} everywhere
 */
export function canDo(act, everywhere) {
  const stations = acts?.[act];
  return stations === null || (stations !== undefined && !everywhere);
}

/** What goes on when somebody has signed in without leaving the page. @type {(() => void)[]} */
export const onAccount = [];

/**
 * Send a request that changes something; who is not signed in, or whose session is over, signs in first and the request
 * goes on. Null: they gave it up.
 * @param {string} path
 * @param {object} body
 * @returns {Promise<Response | null>}
 */
export async function act(path, body) {
  const sentAs = login, sentBy = csrf;
  let why = csrf ? TEXT.session_over : TEXT.sign_in_to_act;
  try {
    const answer = await posted(path, body);
    if (answer.headers.get("X-Session") === "owes code") {
      return await signedInAgain(TEXT.second_factor, true) ? act(path, body) : null;
    }
    if (answer.status !== 401) return answer;
    if (csrf !== sentBy) return login === sentAs ? act(path, body) : null; // somebody has signed in while it was on its way
  } catch (problem) {
    if (!(problem instanceof OtherAccount)) throw problem;
    why = `${problem.message} ${TEXT.sign_in_to_act}`;
  }
  return await signedInAgain(why) ? act(path, body) : null;
}

/**
 * Send a request; once more where another tab has opened a new session for the same account.
 * @param {string} path
 * @param {object} body
 */
async function posted(path, body) {
  const answer = await post(path, body);
  if (answer.headers.get("X-Session") !== "other") return answer;
  const asked = await fetch("/api/session");
  if (!asked.ok) return asked;
  /** @type {Session} */
  const found = await asked.json();
  if (found.login !== login) throw new OtherAccount(TEXT.other_account.replace("{name}", () => found.name));
  take(found);
  return post(path, body);
}

/** @param {string} path @param {object} body */
function post(path, body) {
  return fetch(`/api/${path}`, {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Accept-Language": LANG, "X-CSRF-Token": csrf },
  });
}

/**
 * Ask for login and password, or for the code that a session owes, over whatever is open; it stays as it is.
 * @param {string} why
 * @param {boolean} owesCode
 */
function signedInAgain(why, owesCode = false) {
  byId("sign-in-why").textContent = why;
  byId("sign-in-error").hidden = true;
  if (!dialog.open) {
    askedFor = login;
    isAtProvider = false;
    dialog.showModal();
  }
  wantCode(owesCode);
  return new Promise((/** @type {(done: boolean) => void} */ resolve) => waiting.push(resolve));
}

/** @param {boolean} done */
function settle(done) {
  const all = waiting;
  waiting = [];
  all.forEach((resolve) => resolve(done));
}

/** @param {Response} answer @returns {Promise<any>} what it says. Throws why it refuses. */
export async function saidBy(answer) {
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || `${TEXT.answered} ${answer.status}`);
  return said;
}

/** @param {unknown} problem */
export const wordsOf = (problem) => (problem instanceof TypeError ? TEXT.because_connection : /** @type {Error} */ (problem).message);

/** @param {HTMLElement} place @param {unknown} problem */
export function showProblem(place, problem) {
  place.replaceChildren(`${TEXT.failed}: `, name(wordsOf(problem)));
  place.hidden = false;
}

/**
 * Send what a form says while its buttons wait; what was typed stays until the server has it.
 * @param {HTMLElement} form
 * @param {HTMLElement} error
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>} what the server says; null: it was not taken, and the form says why
 */
export async function sent(form, error, path, body) {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (form.querySelectorAll("button"));
  error.hidden = true;
  buttons.forEach((each) => { each.disabled = true; });
  try {
    const answer = await act(path, body);
    return answer && await saidBy(answer);
  } catch (problem) {
    showProblem(error, problem);
    error.scrollIntoView({ block: "nearest" });
    return null;
  } finally {
    buttons.forEach((each) => { each.disabled = false; });
  }
}

/**
 * Ask for the code of the second factor instead of login and password, or the other way round.
 * @param {boolean} wanted
 */
function wantCode(wanted) {
  byId("sign-in-factor").hidden = !wanted;
  byId("sign-in-code").required = wanted;
  const asksPassword = !wanted && !("noPasswords" in dialog.dataset);
  for (const id of ["sign-in-login", "sign-in-password"]) {
    byId(id).required = asksPassword;
    byId(id).parentElement.hidden = !asksPassword;
  }
  byId("sign-in-send").hidden = !wanted && !asksPassword; // the link to the provider is the way in
  if (wanted) byId("sign-in-code").focus();
  else if (asksPassword) byId(byId("sign-in-login").value ? "sign-in-password" : "sign-in-login").focus();
}

/** @param {string} path @param {object} body */
async function admitted(path, body) {
  const answer = await post(`${path}?lang=${LANG}`, body);
  await saidBy(answer);
  return await (await fetch("/api/session")).json();
}

/** @param {Event} event */
async function signIn(event) {
  event.preventDefault();
  const [password, code] = [byId("sign-in-password"), byId("sign-in-code")];
  byId("sign-in-error").hidden = true;
  try {
    const found = byId("sign-in-factor").hidden
      ? await admitted("sign-in", { login: byId("sign-in-login").value, password: password.value })
      : await admitted("account/second-factor/prove", { code: code.value });
    take(found);
    password.value = code.value = "";
    if (found.owes === "enrolment") throw new Error(TEXT.factor_enrol_first);
    if (found.owes === "code") return wantCode(true);
    settle(!askedFor || askedFor === login); // whoever types his password here has what waits before his eyes
    dialog.close();
  } catch (problem) {
    showProblem(byId("sign-in-error"), problem);
    const wrong = byId("sign-in-factor").hidden ? password : code;
    wrong.focus();
    wrong.select();
  }
}

async function signOut() {
  byId("account-error").hidden = true;
  isLeaving = true;
  try {
    const answer = await posted("sign-out", {});
    const { go_on: wayOut } = answer.status === 401 ? {} : await saidBy(answer); // where the provider ends its own session
    location.assign(wayOut || `/sign-in?lang=${LANG}`);
  } catch (problem) {
    isLeaving = false;
    showProblem(byId("account-error"), problem);
  }
}

/** @param {Session} found the session of the browser, from now on that of this page */
function take(found) {
  csrf = found.csrf;
  login = found.login || "";
  acts = found.acts;
  byId("account-name").textContent = found.name;
  byId("account").hidden = false;
  onAccount.forEach((then) => then());
  byId("sign-in-link").hidden = true;
}

/**
 * Is the session over? Has another tab opened one: then nothing is asked any more. What waits goes on where it is of the
 * same account, or its person has gone to the provider from here; else it stays as it was typed.
 */
export async function askWhetherSignedIn() {
  const answer = await fetch("/api/session").catch(() => null);
  if (answer === null) return;
  if (answer.status === 401 && !dialog.open && !isLeaving) signedInAgain(csrf ? TEXT.session_over : TEXT.sign_in_to_act);
  if (!answer.ok) return;
  /** @type {Session} */
  const found = await answer.json();
  if (found.owes !== null) return owe(found);
  if (!dialog.open) return;
  if (found.login === null || (login && found.login !== login)) return; // an act waits for the account of this page
  take(found);
  settle(askedFor ? askedFor === login : isAtProvider);
  dialog.close();
}

/** @param {Session} found a session that waits for a second factor, at a page that was open before */
function owe(found) {
  if (dialog.open || found.login !== login) return;
  if (found.owes === "enrolment") return location.reload(); // the server leads to where one is enrolled
  take(found);
  signedInAgain(TEXT.second_factor, true);
}

/** The stream answers again: a question that is still open may be answered by another tab. */
export function askAgain() {
  if (dialog.open) askWhetherSignedIn();
}

export function beginAccount() {
  dialog.querySelector("form").addEventListener("submit", signIn);
  dialog.addEventListener("close", () => settle(false));
  byId("sign-in-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("a")?.addEventListener("click", () => { isAtProvider = true; });
  byId("sign-out").addEventListener("click", signOut);
  window.addEventListener("focus", askAgain); // another tab may have signed in by the provider
}
