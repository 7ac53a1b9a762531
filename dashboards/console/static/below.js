// Rows of a large table that stand far below the first view: asked for once the page was painted.
import { byId } from "./page.js";

/** @param {HTMLElement} place the rows that are there */
async function askFor(place) {
  const answer = await fetch(place.dataset.below || "").catch(() => null);
  if (!answer?.ok || answer.redirected) byId("unloaded").hidden = false; // redirected to where one signs in
  else place.insertAdjacentHTML("beforeend", await answer.text());
}

requestAnimationFrame(() => setTimeout(() => document.querySelectorAll(/** @type {"tbody"} */ ("[data-below]")).forEach(askFor)));
