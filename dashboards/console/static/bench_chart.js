// The workbench's picture: the line of a channel, selected by mouse or keyboard; lanes of what blames it; companions.
import { covered, previewOf, within } from "./correction.js";
import { counted, LANG, TEXT, ZONE, element } from "./page.js";
import { inWords, number } from "./numbers.js";
import { addSign, SAMPLE_INK } from "./hatch.js";
import { remarkAt, remarkText } from "./remarks.js";
import { axisOf, axisWidth, heightOf } from "./scale.js";
import { axisTimes, timeText } from "./times.js";

/**
 * @typedef {import("./correction.js").Column} Column
 * @typedef {import("./correction.js").Chosen} Chosen
 * @typedef {{ review_id: number, station: string, channel: string, kind: string, state: string, from_t: string, to_t: string,
 *   readings: number, flag: number | null, value: number | null, factor: number | null, added: number | null,
 *   device: string | null, drift: number | null, person: string, reason: string, at: string, withdrawn_by: string | null,
 *   withdrawn_reason: string | null }} Act
 * @typedef {{ t: number[], mean: Column, low: Column, high: Column, suspect: Column, fail: Column, raw: Column,
 *   corrected: Column, width_s: number, hourly: boolean, lanes: Record<string, [number, number, number][]>, acts: Act[],
 *   remarks: import("./remarks.js").Remark[],
 *   samples: [number, number, string, string, number | null, string | null][] }} Stretch
 * @typedef {{ id: string, title: string, unit: string, decimals: number, resolution: number, stepped: boolean,
 *   housekeeping: boolean, states: string[] | null, device?: string | null, companions?: string[] }} Channel
 */

const HEIGHT = 300, SMALL = 110, LEFT = 62, MOST_SAID = 3, NEAR = 6; // px from a point to a sample that is told with it
let room = LEFT; // left of all plots: they have one axis of time
const FAILS = ["range", "plausible"]; // tests whose finding is a failure; others are in doubt

/** @param {string} variable */
const colour = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/** @param {any} u @param {Column} values @param {string} ink @param {(ctx: any, x: number, y: number, r: number) => void} sign */
function drawSigns(u, values, ink, sign) {
  const { ctx, bbox } = u, r = 3.2 * devicePixelRatio, { min, max } = u.scales.y;
  ctx.save();
  ctx.strokeStyle = colour(ink);
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([]);
  values.forEach((value, i) => {
    if (value === null) return;
    const x = u.valToPos(u.data[0][i], "x", true), over = value > max ? 1 : value < min ? -1 : 0;
    ctx.beginPath();
    if (over) arrow(ctx, x, over > 0 ? bbox.top : bbox.top + bbox.height, over * 2 * r);
    else sign(ctx, x, u.valToPos(value, "y", true), r);
    ctx.stroke();
  });
  ctx.restore();
}

/** @param {any} u @param {Stretch["samples"]} samples */
function drawSamples(u, samples) {
  const { ctx } = u;
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = colour(SAMPLE_INK);
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  for (const [t, value] of samples) addSign(ctx, "sample", u.valToPos(t, "x", true), u.valToPos(value, "y", true), 4.5 * devicePixelRatio);
  ctx.stroke();
  ctx.restore();
}

/** What the height does not reach. @param {any} ctx @param {number} x @param {number} edge @param {number} height */
function arrow(ctx, x, edge, height) {
  ctx.moveTo(x - Math.abs(height) / 2, edge + height);
  ctx.lineTo(x, edge);
  ctx.lineTo(x + Math.abs(height) / 2, edge + height);
}

/** @param {any} ctx @param {number} x @param {number} y @param {number} r */
function cross(ctx, x, y, r) {
  ctx.moveTo(x - r, y - r);
  ctx.lineTo(x + r, y + r);
  ctx.moveTo(x - r, y + r);
  ctx.lineTo(x + r, y - r);
}

/** @param {any} ctx @param {number} x @param {number} y @param {number} r */
const ring = (ctx, x, y, r) => ctx.arc(x, y, r, 0, 2 * Math.PI);

/**
 * Return a plot of a stretch, with its line, raw values, range and what a correction would make of it.
 * @param {HTMLElement} place
 * @param {Stretch} data
 * @param {Channel} channel
 * @param {[number, number]} view ms
 * @param {number} height
 * @param {{ drag: boolean, hooks?: object }} more
 */
function plot(place, data, channel, view, height, more) {
  const uPlot = /** @type {any} */ (window).uPlot, line = colour("--brand"), soft = colour("--soft"), grid = { stroke: colour("--line") };
  const paths = channel.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
  const hidden = { stroke: "transparent", points: { show: false } };
  const empty = data.t.map(() => null);
  place.replaceChildren();
  return new uPlot({
    width: place.clientWidth, height, padding: [8, 12, 0, 0],
    tzDate: (/** @type {number} */ t) => uPlot.tzDate(new Date(t * 1000), ZONE),
    cursor: { y: false, drag: { x: more.drag, y: false, setScale: false }, sync: { key: "bench" }, bind: { dblclick: () => () => {} } },
    legend: { show: false },
    scales: {
      x: { range: () => view.map((ms) => ms / 1000) },
      y: {
        range: (/** @type {any} */ u) =>
          heightOf([...u.data[3], ...u.data[4], ...u.data[5], ...data.samples.map((one) => one[1])], [...data.suspect, ...data.fail], channel.resolution),
      },
    },
    axes: [
      {
        stroke: soft, grid, space: 60, show: height > SMALL,
        values: (/** @type {any} */ _, /** @type {number[]} */ ticks, /** @type {any} */ __, /** @type {any} */ ___, /** @type {number} */ step) =>
          axisTimes(ticks, step, ZONE),
      },
      {
        stroke: soft, grid, space: 28,
        size: (/** @type {any} */ _, /** @type {string[] | null} */ labels) => (room = Math.max(height > SMALL ? LEFT : room, axisWidth(labels))),
        ...axisOf(channel.states, LANG),
      },
    ],
    series: [
      {}, { stroke: colour("--off"), width: 1, points: { show: false }, paths },
      { stroke: line, width: 1.6, points: { size: 4, fill: line }, paths }, hidden, hidden,
      { stroke: colour("--doubtful"), width: 2, dash: [6, 4], points: { show: false }, paths },
    ],
    bands: [{ series: [4, 3], fill: colour("--band") }],
    hooks: {
      draw: [(/** @type {any} */ u) => {
        drawSigns(u, data.suspect, "--doubtful", ring);
        drawSigns(u, data.fail, "--bad-ink", cross);
        drawSamples(u, data.samples);
      }],
      ...more.hooks,
    },
  }, [data.t, data.raw, data.mean, data.low, data.high, empty], place);
}

/** The chart of the channel that is reviewed. */
export class BenchChart {
  /**
   * @param {HTMLElement} place
   * @param {(chosen: Chosen | null) => void} onChosen called when a person selects
   * @param {(words: string, t: number) => void} onPoint called with what the pointer or the keyboard is at, and its time in seconds
   */
  constructor(place, onChosen, onPoint) {
    this.place = place;
    this.onChosen = onChosen;
    this.onPoint = onPoint;
    /** @type {any} */
    this.u = null;
    /** @type {Stretch | null} */
    this.data = null;
    /** @type {Chosen | null} */
    this.chosen = null;
    /** @type {import("./correction.js").Formula | null} */
    this.formula = null;
    this.at = -1; // the point of the keyboard
    /** @type {number | null} */
    this.anchor = null; // where the keyboard's selection began
  }

  /**
   * Draw a stretch; what is selected stays.
   * @param {Stretch} data
   * @param {Channel} channel
   * @param {[number, number]} view ms
   */
  show(data, channel, view) {
    this.data = data;
    this.channel = channel;
    this.at = Math.min(this.at, data.t.length - 1);
    this.anchor = null;
    this.u = plot(this.place, data, channel, view, HEIGHT, {
      drag: true, hooks: { setSelect: [() => this.brushed()], setCursor: [() => this.pointed()] },
    });
    this.mark();
    this.preview(this.formula);
    const u = this.u; // its scales are known a moment later
    queueMicrotask(() => this.u === u && this.mark());
  }

  /** Where the plot is in its place: left edge and width, px. @returns {[number, number]} */
  edges() {
    return [this.u.bbox.left / devicePixelRatio, this.u.bbox.width / devicePixelRatio];
  }

  brushed() {
    const { left, width } = this.u.select;
    if (width < 3 || !this.data) return this.mark();
    const [from, to] = [left, left + width].map((x) => this.u.posToVal(x, "x"));
    const found = covered(this.data.t, this.data.width_s, from, to);
    this.anchor = null;
    this.choose(found);
    this.onChosen(found);
  }

  /** @param {Chosen | null} chosen */
  choose(chosen) {
    this.chosen = chosen;
    if (this.u) this.mark();
  }

  mark() {
    const [left, width] = this.chosen ? this.span(this.chosen) : [0, 0];
    this.u.setSelect({ left, width, top: 0, height: this.chosen ? this.u.bbox.height / devicePixelRatio : 0 }, false);
  }

  /** @param {Chosen} chosen @returns {[number, number]} left edge and width, px */
  span({ after, until }) {
    const most = this.u.bbox.width / devicePixelRatio;
    const [left, right] = [after, until].map((ms) => Math.min(Math.max(this.u.valToPos(ms / 1000, "x"), 0), most));
    return [left, Math.max(right - left, 2)];
  }

  /** Return what tests and people say of what is selected, the strongest first; each test once. @param {Chosen} chosen */
  said({ after, until }) {
    const there = (this.data?.remarks || []).filter(([from, to]) => to * 1000 > after && from * 1000 < until);
    const strongest = [...there].sort((a, b) => (b[3] ?? 0) - (a[3] ?? 0));
    const each = new Map(strongest.reverse().map((remark) => [`${remark[2]} ${remark[5]}`, remark]));
    return [...each.values()].reverse().slice(0, MOST_SAID).map((remark) => remarkText(remark, TEXT, LANG)).join(" · ");
  }

  pointed() {
    const i = this.u.cursor.idx;
    if (i === null || i === undefined || !this.data || !this.channel) return;
    const { t, mean, suspect, fail, raw } = this.data, { decimals, unit, states } = this.channel;
    this.at = i;
    const values = [mean[i], suspect[i], fail[i]].map((value, kind) =>
      value === null ? "" : `${inWords(value, { decimals, states }, LANG)} ${unit}${kind ? ` (${TEXT[kind === 1 ? "quality_3" : "quality_4"]})` : ""}`);
    const measured = raw[i];
    if (measured !== null && this.data.corrected[i]) values.push(`${TEXT.bench_raw}: ${number(measured, decimals, LANG)}`);
    const near = this.data.samples.filter(([at]) => Math.abs(this.u.valToPos(at, "x") - this.u.valToPos(t[i], "x")) <= NEAR);
    const samples = near.map(([, , reported, code, , verdict]) => ` · ${TEXT.sample_mark} ${code}: ${reported}${verdict ? ` (${TEXT[`sample_${verdict}`]})` : ""}`);
    const remark = remarkAt(this.data.remarks, t[i], TEXT, LANG);
    this.onPoint(`${timeText(t[i] * 1000, ZONE, 0)}: ${values.filter(Boolean).join(", ") || TEXT.no_data}${samples.join("")}${remark && ` · ${remark}`}`, t[i]);
  }

  /**
   * Move the point of the keyboard.
   * @param {(at: number, t: number[]) => number} step to the place of the next point
   * @param {boolean} extends_ whether what lies between is selected
   */
  move(step, extends_) {
    if (!this.data || !this.data.t.length) return;
    const { t, width_s } = this.data, before = this.at < 0 ? t.length - 1 : this.at;
    const next = Math.min(Math.max(step(before, t), 0), t.length - 1);
    this.u.setCursor({ left: this.u.valToPos(t[next], "x"), top: 20 });
    this.at = next;
    if (!extends_) {
      this.anchor = null;
      return;
    }
    this.anchor ??= before;
    const [from, to] = [Math.min(this.anchor, next), Math.max(this.anchor, next)];
    const found = covered(t, width_s, t[from], t[to]);
    this.choose(found);
    this.onChosen(found);
  }

  /**
   * Show what a correction would make of what is selected; returns the values before and after.
   * @param {import("./correction.js").Formula | null} formula
   * @returns {[Column, Column] | null}
   */
  preview(formula) {
    this.formula = formula;
    if (!this.data || !this.u) return null;
    const { t, mean, low, high } = this.data, raw = this.data.hourly ? mean : this.data.raw;
    const after = formula && this.chosen ? previewOf(t, raw, this.chosen, formula) : t.map(() => null);
    this.u.setData([t, raw, mean, low, high, after]);
    this.mark();
    return formula && this.chosen ? [within(t, raw, this.chosen), after] : null;
  }
}

/**
 * Draw a lane for people's verdicts, for corrections, and for each test and state that blames something.
 * @param {HTMLElement} place
 * @param {Stretch} data
 * @param {[number, number]} view ms
 * @param {[number, number]} edges left edge and width of the plot, px
 * @param {(chosen: Chosen) => void} onPicked
 * @param {import("./bench_form.js").Proposal[]} proposals of the channel
 * @param {(one: import("./bench_form.js").Proposal) => void} onProposal
 */
export function drawLanes(place, data, view, edges, onPicked, proposals, onProposal) {
  const acts = [...data.acts].reverse().filter((act) => act.state === "in force" && act.kind !== "rejection");
  /** @type {(kind: boolean) => [number, number, number, string][]} */
  const ofPeople = (corrects) => acts.filter((act) => (act.kind === "correction") === corrects).map((act) => [
    Date.parse(act.from_t) / 1000 - data.width_s / 2, Date.parse(act.to_t) / 1000, act.readings,
    corrects ? "correction" : { 1: "good", 3: "suspect", 4: "fail" }[act.flag ?? 0] || "none",
  ]);
  const all = Object.entries({
    bench_lane_person: ofPeople(false), bench_lane_correction: ofPeople(true),
    ...Object.fromEntries(Object.entries(data.lanes).map(([word, spans]) => [
      word.startsWith("state_") ? word : `test_${word}`,
      spans.map((span) => [...span, word.startsWith("state_") || word === "null" ? "state" : FAILS.includes(word) ? "fail" : "suspect"]),
    ])),
  });
  place.replaceChildren(...all.filter(([, spans]) => spans.length).map(([word, spans]) =>
    lane(TEXT[word] || word, /** @type {any} */ (spans), view, edges, onPicked)));
  if (!proposals.length) return;
  const proposed = lane(TEXT.bench_proposal_lane, proposals.map(({ from_t, to_t, kind }) =>
    [Date.parse(from_t) / 1000, Date.parse(to_t) / 1000, 0, kind === "flag" ? "suspect" : "correction"]), view, edges, () => {});
  const title = proposed.querySelector(".lane-name");
  if (title) title.textContent = `${TEXT.bench_proposal_lane}: ${proposals.length}`;
  proposed.addEventListener("click", (event) => {
    const at = Number(/** @type {Element} */ (event.target).getAttribute("data-at") ?? NaN);
    if (proposals[at]) onProposal(proposals[at]);
  });
  place.prepend(proposed);
}

/**
 * @param {string} title
 * @param {[number, number, number, string][]} spans from and to in seconds, readings, class
 * @param {[number, number]} view @param {[number, number]} edges @param {(chosen: Chosen) => void} onPicked
 */
function lane(title, spans, [from, to], [left, width], onPicked) {
  const made = element("div", "lane"), svg = svgElement("svg", { width, viewBox: `0 0 ${width} 11`, "aria-hidden": "true" });
  const readings = spans.reduce((sum, span) => sum + span[2], 0);
  made.append(element("div", "lane-name", `${title}: ${counted(readings, TEXT.bench_readings)}`), svg);
  made.style.paddingLeft = `${left}px`;
  for (const [at, [a, b, , kind]] of spans.entries()) {
    const x = ((Math.max(a * 1000, from) - from) / (to - from)) * width, end = ((Math.min(b * 1000, to) - from) / (to - from)) * width;
    if (end < 0 || x > width) continue;
    const rect = svgElement("rect", { x, y: 0, height: 11, width: Math.max(end - x, 2), class: kind });
    rect.setAttribute("data-at", String(at));
    if (kind === "none") rect.setAttribute("fill-opacity", "0");
    rect.addEventListener("click", () => onPicked({ after: Math.round(a * 1000), until: Math.round(b * 1000) }));
    svg.append(rect);
  }
  return made;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function svgElement(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/**
 * Draw a companion below the chart.
 * @param {HTMLElement} place
 * @param {Stretch} data
 * @param {Channel} channel
 * @param {[number, number]} view ms
 */
export function drawCompanion(place, data, channel, view) {
  return plot(place, data, channel, view, SMALL, { drag: false });
}
