// The list of configuration files: finding one, and what applying all of them would change.
import { sent } from "./account.js";
import { beginInForce } from "./in_force.js";
import { byId, counted, say, TEXT } from "./page.js";
import { propose } from "./proposal.js";

const field = byId("files-find");

/** @param {string} words */
const plain = (words) => words.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/g, "d");

function find() {
  const wanted = plain(field.value.trim());
  let found = 0;
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-find]"))) {
    row.hidden = !plain(row.dataset.find || "").includes(wanted);
    if (!row.hidden) found += 1;
  }
  for (const folded of document.querySelectorAll("main details")) {
    /** @type {HTMLDetailsElement} */ (folded).open = wanted !== "" && folded.querySelector("[data-find]:not([hidden])") !== null;
  }
  say(byId("files-count"), wanted ? counted(found, TEXT.files_found) : "");
}

/** Open the file of a new station in the editor, made of another station's. @param {HTMLFormElement} form */
async function beginStation(form) {
  const { station, ...wish } = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));
  const error = /** @type {HTMLElement} */ (form.querySelector(".error"));
  const begun = await sent(form, error, `stations/${encodeURIComponent(station)}/begin`, wish);
  if (begun) propose(begun.file, begun.text, "", "");
}

byId("station-new")?.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  beginStation(/** @type {HTMLFormElement} */ (event.target));
});
byId("files-filter").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
field.addEventListener("input", find);
beginInForce();
