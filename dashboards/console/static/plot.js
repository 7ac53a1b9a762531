// Draws lines of channels over one time axis: the good readings as a line, or means with the band from least to greatest;
// quality, state, limits and marks in the picture, each in a form of its own.
import { LANG, TEXT, ZONE } from "./page.js";
import { given, inWords, number } from "./numbers.js";
import { addSign, colour, fillHatched, SAMPLE_INK, SIGNS, SPELLS } from "./hatch.js";
import { remarkAt } from "./remarks.js";
import { axisOf, axisWidth, heightOf } from "./scale.js";
import { axisTimes, timeText } from "./times.js";

/**
 * @typedef {(number | null)[]} Column
 * @typedef {{ t: number[], mean: Column, low: Column, high: Column, suspect: Column, fail: Column, aside: Column,
 *   spells: [number, number, string][], remarks: import("./remarks.js").Remark[], resolution: string, width_s: number }} Series
 * @typedef {{ limit: number, above: boolean, severity: string, title: string, always: boolean, note?: string,
 *   isNew?: boolean }} Limit a new one has its words on the left, where those of the old one do not stand
 * @typedef {{ t: number, kind: string, severity: string, words: string, value?: number }} Mark a sample has a value
 * @typedef {{ series: Series, title: string, decimals: number, resolution: number, stepped: boolean, scale: string,
 *   ink: string, dash: number[], states?: string[] | null }} Line
 * @typedef {{ edges: () => number[], now: () => number, limits: Limit[], marks: () => Mark[], zoom: (u: any) => void,
 *   back: () => void, point: (u: any, t: number | null) => void, redrawn?: (u: any) => void, height: number }} Setting
 */

const uPlot = /** @type {any} */ (window).uPlot;
const DASHES = /** @type {Record<string, number[]>} */ ({ low: [2, 4], medium: [6, 4], high: [12, 4], critical: [] });
const LANE = 8; // height of the hatching of what is only partial
const NEAR = 6; // from the pointer to a mark that it means

/**
 * Return the table that uPlot draws. Pure.
 * @param {Line[]} lines
 */
export function tableOf(lines) {
  const each = lines.map(({ series }) => [series.t, series.mean, series.low, series.high]);
  return each.length === 1 ? each[0] : uPlot.join(each);
}

/**
 * Return whether each point is one reading, so that the next reading of the stream is the next point; else points are made
 * anew by the server. Pure.
 * @param {{ resolution: string, width_s: number }} series
 * @param {number} interval of the channel, seconds
 */
export function isOfReadings({ resolution, width_s }, interval) {
  return resolution === "readings" && width_s <= interval;
}

/**
 * Return the place of the point nearest to a time, -1 where none stands for it. Pure.
 * @param {Series} series
 * @param {number} t seconds
 */
export function pointAt({ t: times, width_s, resolution }, t) {
  let low = 0, high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle;
    else high = middle;
  }
  const at = high >= 0 && Math.abs(times[high] - t) < Math.abs(times[low] - t) ? high : low;
  return at < times.length && Math.abs(times[at] - t) <= width_s * (resolution === "readings" ? 1.5 : 0.5) ? at : -1;
}

/**
 * Return what a line says at a time: the value, from least to greatest, what is doubtful, the state, and what tests and people
 * say of it. Empty: nothing. Pure.
 * @param {Line} line
 * @param {number} t seconds
 * @param {Record<string, string>} text
 * @param {string} lang
 */
export function saidAt({ series, decimals, states }, t, text, lang) {
  const i = pointAt(series, t), words = [];
  const value = i < 0 ? null : series.mean[i], low = i < 0 ? null : series.low[i], high = i < 0 ? null : series.high[i];
  if (value !== null && value !== undefined) {
    const band = low !== null && high !== null && low < high;
    words.push(inWords(value, { decimals, states }, lang) + (band ? ` (${number(low, decimals, lang)} … ${number(high, decimals, lang)})` : ""));
  }
  for (const kind of /** @type {(keyof typeof SIGNS)[]} */ (Object.keys(SIGNS))) {
    const doubtful = i < 0 ? null : series[kind][i];
    if (doubtful !== null && doubtful !== undefined) words.push(`${text[`sign_${kind}`]} ${inWords(doubtful, { decimals, states }, lang)}`);
  }
  const spell = series.spells.find(([from, to]) => from < t && t <= to);
  if (spell) words.push(text[`spell_${spell[2]}`]);
  const remark = i < 0 ? "" : remarkAt(series.remarks, series.t[i], text, lang);
  if (remark) words.push(remark);
  return words.join(" · ");
}

/**
 * Return the time that the point at a time stands for, in words; of means from when to when. Pure.
 * @param {Series} series
 * @param {number} t seconds
 * @param {string} zone
 * @param {number} now ms
 */
export function timeAt(series, t, zone, now) {
  const i = pointAt(series, t), at = i < 0 ? t : series.t[i], half = series.width_s / 2;
  if (series.resolution === "readings") return timeText(at * 1000, zone, now);
  const [from, to] = [at - half, at + half].map((end) => timeText(end * 1000, zone, now, false));
  return `${from} – ${to}`;
}

// ---- what is drawn beside the lines

/** Signs of what is not in the line; what the height does not reach is an arrow at its edge. @param {any} u @param {Line} line */
function drawSigns(u, line) {
  const { ctx, bbox } = u, r = 3.2 * devicePixelRatio, { min, max } = u.scales[line.scale];
  for (const kind of /** @type {(keyof typeof SIGNS)[]} */ (Object.keys(SIGNS))) {
    ctx.strokeStyle = colour(SIGNS[kind]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    let beside = [-Infinity, 0];
    line.series[kind].forEach((value, i) => {
      if (value === null || value === undefined) return;
      const x = u.valToPos(line.series.t[i], "x", true), y = u.valToPos(value, line.scale, true);
      if (x - beside[0] < r && Math.abs(y - beside[1]) < r) return; // one sign tells of both
      beside = [x, y];
      if (value > max) addSign(ctx, "up", x, bbox.top + 1, r);
      else if (value < min) addSign(ctx, "down", x, bbox.top + bbox.height - 1, r);
      else addSign(ctx, kind, x, y, r);
    });
    ctx.stroke();
  }
}

/** @param {any} u @param {Line} line */
function drawSpells(u, line) {
  const { bbox, ctx } = u, ink = colour("--hatch");
  for (const [from, to, kind] of line.series.spells) {
    if (!SPELLS.includes(/** @type {any} */ (kind))) continue;
    const left = u.valToPos(from, "x", true), right = Math.max(u.valToPos(to, "x", true), left + 2 * devicePixelRatio);
    const height = kind === "partial" ? LANE * devicePixelRatio : bbox.height;
    fillHatched(ctx, kind, ink, left, bbox.top + bbox.height - height, right - left, height);
  }
}

/** @param {string} severity */
const inkOf = (severity) => colour(severity === "low" || severity === "medium" ? "--doubtful" : "--bad-ink");

/** The side of each limit where the alarm lies is tinted. @param {any} u @param {Limit[]} limits */
function tintLimits(u, limits) {
  const { ctx, bbox } = u, { min, max } = u.scales.y;
  ctx.globalAlpha = 0.07;
  for (const { limit, above, severity } of limits) {
    if (above ? limit >= max : limit <= min) continue;
    const y = Math.min(Math.max(u.valToPos(limit, "y", true), bbox.top), bbox.top + bbox.height);
    ctx.fillStyle = inkOf(severity);
    if (above) ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top);
    else ctx.fillRect(bbox.left, y, bbox.width, bbox.top + bbox.height - y);
  }
  ctx.globalAlpha = 1;
}

/** @param {any} u @param {Limit[]} limits */
function drawLimits(u, limits) {
  if (!limits.length) return; // and there may be no scale for them
  const { ctx, bbox } = u, { min, max } = u.scales.y, scale = devicePixelRatio;
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  const before = { left: -Infinity, right: -Infinity };
  for (const { limit, above, severity, always, note, isNew } of [...limits].sort((a, b) => b.limit - a.limit)) {
    if (limit < min || limit > max) continue;
    const y = u.valToPos(limit, "y", true);
    ctx.strokeStyle = ctx.fillStyle = inkOf(severity);
    ctx.lineWidth = scale * (severity === "critical" ? 2 : 1.2);
    ctx.setLineDash((DASHES[severity] || []).map((length) => length * scale));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const at = y + (y - bbox.top < 14 * scale ? 12 : -3) * scale, side = isNew ? "left" : "right";
    if (at - before[side] < 12 * scale) continue; // its words would stand in those of the one above
    before[side] = at;
    const words = `${above ? "▲ >" : "▼ <"} ${given(limit, LANG)} ${TEXT[`severity_${severity}`]}${always ? "" : "*"}${note ? ` (${note})` : ""}`;
    const x = bbox.left + (isNew ? 4 * scale : bbox.width - 4 * scale);
    ctx.textAlign = side;
    ctx.setLineDash([]);
    ctx.strokeStyle = colour("--card"); // lines behind do not run through the words
    ctx.lineWidth = 3 * scale;
    ctx.strokeText(words, x, at);
    ctx.fillText(words, x, at);
  }
  ctx.setLineDash([]);
}

const GLYPHS = /** @type {Record<string, string>} */ ({
  alarm: "▲", calibration: "C", maintenance: "M", restart: "R", mains: "P", door: "D", clock: "T",
});

/** @param {any} u @param {Mark[]} marks */
function drawMarks(u, marks) {
  const { ctx, bbox } = u, scale = devicePixelRatio;
  ctx.font = `${10 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.lineWidth = scale;
  ctx.setLineDash([2 * scale, 3 * scale]);
  let free = -Infinity;
  for (const { t, kind, severity } of marks.filter(({ value }) => value === undefined).sort((a, b) => a.t - b.t)) {
    const x = u.valToPos(t, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = severity ? inkOf(severity) : colour("--soft");
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + 12 * scale);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x - free < 11 * scale) continue;
    free = x;
    ctx.fillText(GLYPHS[kind] || "•", x, bbox.top + 10 * scale);
  }
  ctx.setLineDash([]);
}

/**
 * Draw what laboratories found, each at its value; what the height does not reach is an arrow at its edge.
 * @param {any} u
 * @param {{ t: number, value?: number }[]} samples those without a value are not drawn
 */
export function drawSamples(u, samples) {
  const { ctx, bbox } = u, r = 4.5 * devicePixelRatio, { min, max } = u.scales.y;
  ctx.setLineDash([]);
  ctx.strokeStyle = colour(SAMPLE_INK);
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  for (const { t, value } of samples) {
    const x = u.valToPos(t, "x", true);
    if (value === undefined || x < bbox.left || x > bbox.left + bbox.width) continue;
    if (value > max) addSign(ctx, "up", x, bbox.top + 1, r);
    else if (value < min) addSign(ctx, "down", x, bbox.top + bbox.height - 1, r);
    else addSign(ctx, "sample", x, u.valToPos(value, "y", true), r);
  }
  ctx.stroke();
}

/**
 * Return the marks that the pointer means.
 * @param {any} u
 * @param {Mark[]} marks
 */
export function marksAt(u, marks) {
  return marks.filter(({ t }) => Math.abs(u.valToPos(t, "x") - u.cursor.left) <= NEAR);
}

/** Draw inside the plot only. @param {any} u @param {() => void} act */
function inside(u, act) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  act();
  ctx.restore();
}

// ---- the plot

/** @param {Line} line @param {string} scale */
function seriesOf(line, scale) {
  const hidden = { scale, stroke: "transparent", points: { show: false } };
  const paths = line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
  return [{ scale, stroke: line.ink, width: 1.6, dash: line.dash, points: { size: 4, fill: line.ink }, paths }, hidden, hidden];
}

/** Return what 0 and 1 are called on an axis, where all its lines say the same. @param {Line[]} lines */
function statesOn(lines) {
  const states = lines[0]?.states;
  return states && lines.every((line) => line.states?.join("|") === states.join("|")) ? states : null;
}

/** @param {Line[]} lines @param {string} scale @param {Limit[]} limits */
function height(lines, scale, limits) {
  const own = lines.filter((line) => line.scale === scale);
  return heightOf(
    own.flatMap(({ series }) => [...series.low, ...series.high]), own.flatMap(({ series }) => [...series.suspect, ...series.fail]),
    Math.min(...own.map((line) => line.resolution)), scale === "y" ? limits.map(({ limit }) => limit) : [],
  );
}

/**
 * Draw lines into a place.
 * @param {HTMLElement} place
 * @param {Line[]} lines
 * @param {Setting} setting
 */
export function makePlot(place, lines, setting) {
  const soft = colour("--soft"), grid = { stroke: colour("--line") };
  const scales = [...new Set(lines.map((line) => line.scale))];
  const axis = (/** @type {string} */ scale) => ({
    scale, stroke: soft, grid: scale === scales[0] ? grid : { show: false }, size: (/** @type {any} */ _, /** @type {string[] | null} */ labels) => axisWidth(labels), side: scale === "y" ? 3 : 1,
    ...axisOf(statesOn(lines.filter((line) => line.scale === scale)), LANG),
  });
  place.replaceChildren();
  return new uPlot({
    width: place.clientWidth, height: setting.height, padding: [8, 16, 0, 0],
    tzDate: (/** @type {number} */ t) => uPlot.tzDate(new Date(t * 1000), ZONE),
    cursor: {
      y: false, drag: { x: true, y: false, setScale: false }, sync: { key: "charts", scales: ["x", null] },
      bind: { dblclick: () => () => setting.back() },
    },
    legend: { show: false },
    scales: {
      x: { range: () => setting.edges().map((ms) => ms / 1000) },
      ...Object.fromEntries(scales.map((scale) => [scale, { range: () => height(lines, scale, setting.limits) }])),
    },
    axes: [{
      stroke: soft, grid, space: 60,
      values: (/** @type {any} */ _, /** @type {number[]} */ ticks, /** @type {any} */ __, /** @type {any} */ ___, /** @type {number} */ step) =>
        axisTimes(ticks, step, ZONE),
    }, ...scales.map(axis)],
    series: [{}, ...lines.flatMap((line) => seriesOf(line, line.scale))],
    bands: lines.map((_, i) => ({ series: [3 * i + 3, 3 * i + 2], fill: colour("--band") })),
    hooks: {
      drawClear: [(/** @type {any} */ u) => inside(u, () => {
        if (u.scales.y?.max !== undefined) tintLimits(u, setting.limits);
        if (lines.length === 1) drawSpells(u, lines[0]);
      })],
      draw: [(/** @type {any} */ u) => {
        inside(u, () => {
          drawLimits(u, setting.limits);
          drawMarks(u, setting.marks());
          lines.forEach((line) => drawSigns(u, line));
          if (lines.length === 1) drawSamples(u, setting.marks());
        });
        setting.redrawn?.(u);
      }],
      setCursor: [(/** @type {any} */ u) => setting.point(u, u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, "x"))],
      setSelect: [setting.zoom],
    },
  }, tableOf(lines), place);
}
