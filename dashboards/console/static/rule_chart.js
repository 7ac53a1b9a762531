// The chart of a trial: a channel with its limits now and changed; below, when alarms would have stood.
import { byId, element, LANG, say, TEXT, ZONE } from "./page.js";
import { colour } from "./hatch.js";
import { makePlot, saidAt, timeAt } from "./plot.js";
import { dragged, edges, writeRange } from "./range.js";
import { placed } from "./trial.js";

/** @typedef {[number, number | null, string][]} Spans */
/** @typedef {{ id: string, title: string, unit: string, decimals: number, resolution: number, stepped: boolean,
 *   limits: import("./plot.js").Limit[], lanes: Spans[], counts: number[] }} TrialChannel */

const HEIGHT = 260, LANE = 12;
const LANES = ["trial_lane_before", "trial_lane_after", "trial_lane_recorded"];

/** @type {any} */
let plot = null;
/** @type {TrialChannel[]} */
let channels = [];
/** @type {[number, number]} */
let whole = [0, 1];
/** @type {[number, number]} */
let view = [0, 1];

const chosen = () => channels[byId("trial-channel").selectedIndex];

async function draw() {
  const channel = chosen(), mine = view;
  const asked = writeRange("", { from: mine[0], to: mine[1] });
  const answer = await fetch(`/api/channels/${channel.id}/series?${asked}`, { headers: { "Accept-Language": LANG } }).catch(() => null);
  if (channel !== chosen() || mine !== view) return; // the reader has chosen something else meanwhile
  plot?.destroy();
  plot = null;
  if (answer === null || !answer.ok) return say(byId("trial-pointed"), answer === null ? TEXT.because_connection : `${TEXT.answered} ${answer.status}`);
  const line = { ...channel, series: await answer.json(), scale: "y", ink: colour("--brand"), dash: [] };
  if (channel !== chosen() || mine !== view) return;
  plot = makePlot(byId("trial-plot"), [line], {
    height: HEIGHT, edges: () => mine, now: () => whole[1], limits: channel.limits, marks: () => [], zoom, back: () => show(whole),
    point: (_, t) => say(byId("trial-pointed"), t === null ? "\u00a0" : `${timeAt(line.series, t, ZONE, whole[1])}: ${saidAt(line, t, TEXT, LANG)}`),
    redrawn: (u) => drawLanes(channel, mine, u),
  });
}

/** @param {any} u */
function zoom(u) {
  const { left, width } = u.select;
  if (width < 4) return;
  show(edges(dragged(u.posToVal(left, "x") * 1000, u.posToVal(left + width, "x") * 1000), whole[1]));
}

/** @param {[number, number]} range */
function show(range) {
  view = range;
  byId("trial-whole").hidden = range === whole;
  draw();
}

/** @param {TrialChannel} channel @param {[number, number]} range @param {any} u */
function drawLanes(channel, range, u) {
  const left = u.bbox.left / devicePixelRatio, width = u.bbox.width / devicePixelRatio;
  byId("trial-lanes").replaceChildren(...channel.lanes.map((spans, i) => {
    const canvas = /** @type {HTMLCanvasElement} */ (element("canvas", "")), scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = LANE * scale;
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    for (const { from, to, severity } of placed(spans, range)) {
      ctx.fillStyle = colour({ low: "--suspect", medium: "--fault", high: "--bad" }[severity] || "--worst");
      ctx.fillRect(from * canvas.width, 0, Math.max((to - from) * canvas.width, 2 * scale), canvas.height);
    }
    const lane = element("div", "trial-lane", element("span", "", `${TEXT[LANES[i]]}: ${channel.counts[i]}`), canvas);
    lane.style.paddingLeft = `${left}px`;
    canvas.style.width = `${width}px`;
    return lane;
  }));
}

/**
 * Show the channels of a trial, the first one drawn.
 * @param {TrialChannel[]} found
 * @param {[number, number]} range ms
 */
export function beginTrialChart(found, range) {
  channels = found;
  whole = view = range;
  byId("trial-channel").replaceChildren(...found.map(({ title, unit }) => element("option", "", unit ? `${title} (${unit})` : title)));
  byId("trial-channel").addEventListener("change", draw);
  byId("trial-whole").addEventListener("click", () => show(whole));
  if (found.length) draw();
}

addEventListener("resize", () => plot?.setSize({ width: byId("trial-plot").clientWidth, height: HEIGHT }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && draw());
