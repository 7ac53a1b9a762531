"use strict";
// One chart a channel, of the last 24 hours or what the reader chose, drawn when it comes into view, then kept up to
// date by the stream. Its right edge is the server's now, so that a channel that has stopped runs out of the picture.

const GOOD = "#0b6e8a", BAND = "rgba(11, 110, 138, 0.15)", DOUBTFUL = "#d9822b";
const charts = new Map();
const spans = document.getElementById("spans");
let hours = Number(spans.querySelector("[aria-pressed=true]").dataset.hours);

function range() {
  const now = (serverNow() || Date.now()) / 1000;
  return [now - hours * 3600, now];
}

// The height follows the values: never from 0 for its own sake, never so close that the last digit looks like a storm.
function roomy(low, high, decimals) {
  if (low === null) return [0, 1];
  const margin = Math.max((high - low) * 0.1, Math.abs(high) * 0.002, 4 * 10 ** -decimals);
  return [low - margin, high + margin];
}

// As wide as the longest number beside it.
function wide(u, values) {
  return 14 + 7 * Math.max(...(values || [""]).map((v) => v.length));
}

function options(place, width) {
  const decimals = Number(place.dataset.decimals);
  const numbers = (u, values) => values.map((v) => number(v, Math.min(decimals, 2)));
  const stepped = place.dataset.last === "true" ? uPlot.paths.stepped({ align: 1 }) : undefined;
  return {
    width, height: 170, padding: [8, 16, 0, 0],
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), ZONE),
    cursor: { y: false, drag: { x: true, y: false } },
    legend: { show: false },
    scales: { x: { range }, y: { range: (u, low, high) => roomy(low, high, decimals) } },
    axes: [
      { stroke: "#5b6770", grid: { stroke: "#e6eaed" }, values: "{HH}:{mm}", space: 60 },
      { stroke: "#5b6770", grid: { stroke: "#e6eaed" }, size: wide, values: numbers },
    ],
    series: [
      {},
      { stroke: GOOD, width: 1.6, points: { size: 4, fill: GOOD }, paths: stepped },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: DOUBTFUL, width: 0, paths: () => null, points: { show: true, size: 5, fill: DOUBTFUL } },
    ],
    bands: [{ series: [3, 2], fill: BAND }],
  };
}

async function draw(place) {
  const answer = await fetch(`/api/channels/${place.dataset.channel}/series?hours=${hours}`);
  if (!answer.ok) return;
  const found = await answer.json();
  const data = [found.t, found.mean, found.low, found.high, found.doubtful];
  const plot = place.querySelector(".plot");
  if (found.hours !== hours) return; // the reader has chosen another span meanwhile
  plot.replaceChildren();
  charts.set(place.dataset.channel, { data, width: found.width_s, plot: new uPlot(options(place, plot.clientWidth), data, plot) });
}

function add(channel) {
  const chart = charts.get(channel.channel);
  if (!chart || channel.t === null) return;
  const [t, mean, low, high, doubtful] = chart.data;
  const at = Math.ceil(channel.t / 1000 / chart.width) * chart.width;
  const last = t[t.length - 1];
  if (last !== undefined && at < last) return; // late data are in the next drawing
  const good = channel.quality !== null && channel.quality <= 2;
  if (at !== last) {
    if (last !== undefined && at - last > 3 * chart.width) push(chart.data, [last + chart.width, null, null, null, null]);
    push(chart.data, [at, null, null, null, null]);
  }
  const i = t.length - 1;
  if (good) {
    mean[i] = channel.value;
    low[i] = low[i] === null ? channel.value : Math.min(low[i], channel.value);
    high[i] = high[i] === null ? channel.value : Math.max(high[i], channel.value);
  } else if (channel.value !== null) {
    doubtful[i] = channel.value;
  }
  while (t.length && t[0] < at - hours * 3600) chart.data.forEach((column) => column.shift());
  chart.plot.setData(chart.data);
}

function push(columns, row) {
  columns.forEach((column, i) => column.push(row[i]));
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "300px" });
each(".chart", (place) => watcher.observe(place));

onChange.push((name, data) => {
  if (name === "network" && charts.size) each(".chart", (place) => charts.has(place.dataset.channel) && draw(place));
  else (data.channels || []).forEach(add);
});

spans.addEventListener("click", (event) => {
  if (!event.target.dataset.hours) return;
  hours = Number(event.target.dataset.hours);
  for (const button of spans.children) button.setAttribute("aria-pressed", button === event.target);
  each(".chart", (place) => charts.has(place.dataset.channel) && draw(place));
});

setInterval(() => charts.forEach((chart) => chart.plot.setData(chart.data)), 15000); // time goes on without readings

addEventListener("resize", () => {
  each(".chart", (place) => {
    const chart = charts.get(place.dataset.channel);
    if (chart) chart.plot.setSize({ width: place.querySelector(".plot").clientWidth, height: 170 });
  });
});
