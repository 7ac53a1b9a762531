// A part of a page that the server writes, kept up to date: asked for anew now and then, and when alarms change, unless
// it is a calm one. What the reader does there stays: the keyboard's focus, what is selected, what is unfolded.
import { askWhetherSignedIn } from "./account.js";
import { byId, whenReleased } from "./page.js";
import { onNews, seen } from "./stream.js";

let shownText = ""; // what the server wrote last
/** @type {Promise<void>} */
let newest = Promise.resolve(); // the newest question; an older answer that comes after it is not shown
/** @type {() => void} */
let tell = () => {};

/** @param {HTMLElement} place what the reader has done in it, by the ids of elements */
function marksOf(place) {
  const focus = document.activeElement;
  return {
    focused: focus && place.contains(focus) ? focus.id : "",
    checked: [...place.querySelectorAll("input:checked")].map((box) => box.id),
    folds: new Map([...place.querySelectorAll("details")].map((fold) => [fold.id, fold.open])),
  };
}

/** @param {{ focused: string, checked: string[], folds: Map<string, boolean> }} marks */
function restore({ focused, checked, folds }) {
  for (const id of checked) if (byId(id)) byId(id).checked = true;
  for (const [id, open] of folds) if (byId(id)) byId(id).open = open;
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

/** @param {() => boolean} isNewest */
async function refresh(isNewest) {
  const answer = await fetch(location.href).catch(() => null);
  if (answer !== null && answer.redirected) return askWhetherSignedIn(); // to where one signs in
  if (answer === null || !answer.ok) return; // the banner tells; the next change asks again
  const text = await answer.text();
  const found = new DOMParser().parseFromString(text, "text/html").getElementById("live-part");
  if (!isNewest() || found === null || found.innerHTML === shownText) return;
  whenReleased(found.id, () => {
    const place = byId("live-part"), marks = marksOf(place);
    shownText = found.innerHTML;
    place.replaceChildren(...found.childNodes);
    restore(marks);
    tell();
  });
}

/** Ask for the part anew; it is shown when this ends. */
export async function refreshPart() {
  const mine = refresh(() => mine === newest);
  newest = mine;
  await mine;
  if (mine !== newest) await newest;
}

/**
 * Keep the part up to date.
 * @param {() => void} shown called when it was written anew
 */
export function beginLivePart(shown) {
  const place = byId("live-part");
  shownText = place.innerHTML;
  tell = shown;
  let before = "";
  if (!("calm" in place.dataset)) onNews((kind, news) => {
    const counts = JSON.stringify([seen.standing, seen.waiting]);
    if (kind !== "network" && (news.alarms || counts !== before)) refreshPart();
    before = counts;
  });
  document.addEventListener("acted", refreshPart);
  setInterval(() => document.hidden || refreshPart(), Number(place.dataset.every) * 1000);
}
