// Texts for a configuration file that are not saved: what another page proposes, and what somebody was typing. They stay
// in this tab of the browser, for the account that made them.
import { login } from "./account.js";
import { LANG } from "./page.js";

/** @typedef {{ text: string, opened: string, reason: string }} Unsaved `opened`: digest of the file that the text began with */

const PROPOSED = "quantrac-proposal";

/** @param {string} file */
const draftOf = (file) => `quantrac-file ${login} ${file}`;

/** @param {string} key @returns {any} */
function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) || "null");
  } catch { // a browser that keeps nothing, or what is none of ours
    return null;
  }
}

/** @param {string} key @param {object | null} what */
function write(key, what) {
  try {
    if (what === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(what));
  } catch { // full, or a browser that keeps nothing
  }
}

/**
 * Open a configuration file with a proposed text, which its person may check, compare and save there.
 * @param {string} file its path below the configuration's folder, such as `rules/oxygen.yaml`
 * @param {string} text everything that it shall hold
 * @param {string} reason words for the field of the reason
 * @param {string} opened digest of what the file held when the text was made of it
 */
export function propose(file, text, reason, opened) {
  write(PROPOSED, { login, file, text, reason, opened });
  location.assign(`/configuration/${file.split("/").map(encodeURIComponent).join("/")}?lang=${LANG}`);
}

/**
 * Take the proposal for a file, once.
 * @param {string} file
 * @returns {Unsaved | null}
 */
export function takeProposal(file) {
  const found = read(PROPOSED);
  if (found === null || found.login !== login || found.file !== file || typeof found.text !== "string") return null;
  write(PROPOSED, null);
  return { text: found.text, opened: String(found.opened ?? ""), reason: String(found.reason || "") };
}

/** @param {string} file @returns {Unsaved | null} */
export function draft(file) {
  const found = read(draftOf(file));
  return found !== null && typeof found.text === "string" ? found : null;
}

/** @param {string} file @param {Unsaved | null} unsaved null: nothing is left to be saved */
export function keepDraft(file, unsaved) {
  write(draftOf(file), unsaved);
}
