// The stretch of time that all charts of a page show: buttons, own range, steps aside, back. The address has it, so that
// it survives a reload and can be sent to somebody.
import { byId, say, ZONE } from "./page.js";
import { between, dragged, edges, readRange, shifted, widened, writeRange } from "./range.js";
import { serverNow } from "./stream.js";
import { fromLocal, localText, timeText } from "./times.js";

/** @typedef {import("./range.js").Range} Range */

const bar = byId("spans");
const loadedAt = performance.now();
const opening = { hours: Number(bar.dataset.hours) };
/** @type {Range} */
let shown = readRange(location.search) || opening;
/** @type {(() => void)[]} */
const listeners = [];

/** The server's time, before its stream was heard that of the page: the browser's own clock may be wrong by a day. */
export const now = () => serverNow() || Number(bar.dataset.now) + (performance.now() - loadedAt);

/** The range that is shown. */
export const view = () => shown;

/** Whether it goes on with the time. */
export const isLive = () => "hours" in shown;

/** From when until when, ms. */
export const stretch = () => edges(shown, now());

/** What it is in an address. */
export const asked = () => writeRange("", shown);

/** @param {() => void} act called whenever another range is shown */
export function onView(act) {
  listeners.push(act);
}

/** Mark the range that is shown, in the buttons, in the form, and in every address that leads away from here. */
function mark() {
  const [from, to] = stretch();
  for (const button of bar.querySelectorAll("[data-hours]")) {
    button.setAttribute("aria-pressed", String("hours" in shown && Number(button.dataset.hours) === shown.hours));
  }
  byId("zoomed").hidden = isLive();
  say(byId("zoomed-range"), `${timeText(from, ZONE, now(), to - from < 7200000)} – ${timeText(to, ZONE, now(), to - from < 7200000)}`);
  byId("own-from").value = localText(from, ZONE);
  byId("own-to").value = localText(to, ZONE);
  byId("own-error").hidden = true;
  const language = /** @type {HTMLAnchorElement} */ (document.querySelector(".language"));
  const here = new URLSearchParams(location.search);
  here.set("lang", language.hreflang);
  language.search = here.toString();
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".language, [data-keeps-range]"))) {
    link.search = writeRange(link.search, shown === opening ? null : shown);
  }
}

/** @param {Range} range */
export function show(range) {
  shown = range;
  const query = writeRange(location.search, range === opening ? null : range);
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  changed();
}

function changed() {
  mark();
  listeners.forEach((act) => act());
}

/**
 * Show what was marked by dragging over a chart.
 * @param {any} u
 */
export function zoom(u) {
  const { left, width } = u.select;
  if (width < 4) return;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  show(dragged(u.posToVal(left, "x") * 1000, u.posToVal(left + width, "x") * 1000));
}

/** To the range with which the page opens. */
export const back = () => show(opening);

const STEPS = /** @type {Record<string, () => Range>} */ ({
  earlier: () => shifted(shown, -0.5, now()),
  later: () => shifted(shown, 0.5, now()),
  wider: () => widened(shown, now()),
});

bar.addEventListener("click", (/** @type {any} */ event) => {
  const { hours, step } = event.target.dataset;
  if (hours) show({ hours: Number(hours) });
  else if (step) show(STEPS[step]());
});
byId("zoomed").addEventListener("click", back);
byId("own").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const range = between(fromLocal(byId("own-from").value, ZONE), fromLocal(byId("own-to").value, ZONE));
  if (range === null) byId("own-error").hidden = false;
  else show(range);
});
addEventListener("popstate", () => {
  shown = readRange(location.search) || opening;
  changed();
});
mark();
