// Channels of any stations over one another: one plot, an axis on either side, all of it in the address.
import { sent } from "./account.js";
import { byId, LANG, say, TEXT, whenReleased, ZONE } from "./page.js";
import { readByKeys } from "./chart_keys.js";
import { colour, drawSample } from "./hatch.js";
import { kindOf } from "./numbers.js";
import { makePlot, saidAt } from "./plot.js";
import { asked, back, isLive, now, onView, stretch, view, zoom } from "./spans.js";
import { timeText } from "./times.js";

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4], [1, 5], [6, 2, 2, 2]];
const AGAIN_MS = 60000;

const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-line]")]);
/** @type {(import("./plot.js").Line | null)[]} */
let lines = rows.map(() => null);
/** @type {any} */
export let plot = null;

const inkOf = (/** @type {number} */ i) => colour(`--line-${i + 1}`);
const height = () => Math.max(280, Math.min(560, innerHeight - 400));

/** @param {HTMLElement} row @param {number} i @returns {Promise<import("./plot.js").Line | null>} */
async function read(row, i) {
  const answer = await fetch(`/api/channels/${row.dataset.line}/series?${asked()}`, { headers: { "Accept-Language": LANG } }).catch(() => null);
  const refusal = answer === null ? TEXT.because_connection : answer.ok ? "" : `${TEXT.answered} ${answer.status}`;
  say(row.querySelector(".error"), refusal);
  if (answer === null || !answer.ok) return null;
  return {
    series: await answer.json(), title: row.dataset.title || "", ...kindOf(row.dataset), resolution: Number(row.dataset.resolution),
    stepped: row.dataset.last === "true", scale: row.dataset.axis === "right" ? "right" : "y", ink: inkOf(i), dash: DASHES[i],
  };
}

async function draw() {
  const mine = view();
  const found = await Promise.all(rows.map(read));
  whenReleased("compared", () => { // a stretch that is being dragged stays
    if (mine === view()) show(found); // else the reader has chosen another range meanwhile
  });
}

/** @param {(import("./plot.js").Line | null)[]} found */
function show(found) {
  lines = found;
  const drawn = /** @type {import("./plot.js").Line[]} */ (found.filter((line) => line !== null));
  plot?.destroy();
  plot = drawn.length === 0 ? null : makePlot(byId("compared"), drawn, {
    height: height(), edges: stretch, now, limits: [], marks: () => [], zoom, back, point: tellPointed,
  });
}

/** @param {any} _ @param {number | null} t */
function tellPointed(_, t) {
  say(byId("pointed-time"), t === null ? "\u00a0" : timeText(t * 1000, ZONE, now()));
  rows.forEach((row, i) => {
    const line = lines[i];
    say(row.querySelector(".pointed"), t === null || line === null ? "" : saidAt(line, t, TEXT, LANG));
  });
}

function drawSamples() {
  rows.forEach((row, i) => {
    const canvas = /** @type {HTMLCanvasElement} */ (row.querySelector(".sample")), scale = devicePixelRatio;
    canvas.width = 40 * scale;
    canvas.height = 12 * scale;
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.strokeStyle = inkOf(i);
    ctx.lineWidth = 2 * scale;
    ctx.setLineDash(DASHES[i].map((length) => length * scale));
    ctx.beginPath();
    ctx.moveTo(0, 6 * scale);
    ctx.lineTo(40 * scale, 6 * scale);
    ctx.stroke();
  });
  for (const sample of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll("canvas[data-sample]"))) {
    drawSample(sample, sample.dataset.sample || "");
  }
}

byId("pick-station").addEventListener("change", () => {
  const address = new URLSearchParams(location.search);
  address.set("at", byId("pick-station").value);
  location.search = address.toString();
});
byId("pick").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const address = new URLSearchParams(location.search), channel = byId("pick-channel").value;
  if (!channel) return;
  address.delete("view"); // it is another picture from now on
  for (const axis of ["left", "right"]) {
    const others = address.getAll(axis).filter((one) => one !== channel);
    address.delete(axis);
    others.forEach((one) => address.append(axis, one));
  }
  address.append(byId("pick-axis").value, channel);
  location.search = address.toString().replaceAll("%2F", "/");
});

// ---- views that are kept

const error = byId("view-error");
byId("keep")?.addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  const on = (/** @type {string} */ axis) => rows.filter((row) => row.dataset.axis === axis).map((row) => row.dataset.line);
  const range = Object.fromEntries(new URLSearchParams(asked()));
  const body = { name: byId("view-name").value, left: on("left"), right: on("right"), ...range };
  const found = await sent(byId("keep"), error, "views", body);
  if (found !== null) location.assign(`${found.path}?lang=${LANG}`);
});
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-remove]"))) {
  button.addEventListener("click", async () => {
    if (!confirm(TEXT.compare_view_sure)) return;
    if (await sent(byId("views"), error, `views/${button.dataset.remove}/remove`, {}) === null) return;
    const address = new URLSearchParams(location.search);
    address.delete("view");
    location.search = address.toString();
    if (!location.search) location.reload();
  });
}
const opened = byId("view-address");
if (opened) opened.value = new URL(opened.dataset.path || "", location.href).href;

if (rows.length) {
  drawSamples();
  draw();
  onView(draw);
  readByKeys(byId("compared"), byId("lines"), () => plot);
  setInterval(() => isLive() && draw(), AGAIN_MS);
  addEventListener("resize", () => plot?.setSize({ width: byId("compared").clientWidth, height: height() }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawSamples();
    draw();
  });
}
