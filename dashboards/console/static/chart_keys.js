// A chart by keys: the arrows go from point to point, Home and End to the first and the last, + and − show a shorter and
// a longer stretch, T traces what is pointed at. What is pointed at is read out while the keyboard is in the chart.
import { dragged, widened } from "./range.js";
import { now, show, stretch, view } from "./spans.js";

/** @type {Record<string, (at: number, first: number, last: number) => number>} */
const STEPS = {
  ArrowLeft: (at) => at - 1, ArrowRight: (at) => at + 1, Home: (_, first) => first, End: (_, __, last) => last,
};

/**
 * Let a chart be read by keys.
 * @param {HTMLElement} place where it is drawn, which takes the focus
 * @param {HTMLElement} said what tells of the point
 * @param {() => any} plotOf returns what is drawn there now
 * @param {() => void} [trace] leads to where the number that is pointed at comes from
 */
export function readByKeys(place, said, plotOf, trace) {
  place.addEventListener("focus", () => said.setAttribute("aria-live", "polite"));
  place.addEventListener("blur", () => said.setAttribute("aria-live", "off"));
  place.addEventListener("keydown", (event) => {
    const plot = plotOf();
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) point(plot, STEPS[event.key]);
    else if (event.key === "+" || event.key === "=") show(closer(plot));
    else if (event.key === "-") show(widened(view(), now()));
    else if (event.key === "t" && trace) trace();
    else return;
    event.preventDefault();
  });
}

/** @param {any} plot @param {(at: number, first: number, last: number) => number} step */
function point(plot, step) {
  const times = /** @type {number[]} */ (plot.data[0]), { min, max } = plot.scales.x;
  const first = times.findIndex((t) => t >= min), end = times.findIndex((t) => t > max);
  const last = end < 0 ? times.length - 1 : end - 1;
  if (first < 0 || last < first) return;
  const at = Math.min(Math.max(step(plot.cursor.idx ?? last + 1, first, last), first), last);
  plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 20 });
}

/** Half of what is shown, around what is pointed at. @param {any} plot */
function closer(plot) {
  const [from, to] = stretch(), quarter = (to - from) / 4;
  const middle = plot.cursor.left < 0 ? (from + to) / 2 : plot.posToVal(plot.cursor.left, "x") * 1000;
  return dragged(middle - quarter, middle + quarter);
}
