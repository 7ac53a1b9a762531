"use strict";
// The map needs no tiles: land and water come from a small file of our own.

const COLOURS = {
  good: "#1e9e5a", suspect: "#e0b000", fault: "#e07b00", low: "#e0b000", medium: "#e07b00",
  high: "#d92d20", critical: "#a3081c", offline: "#808890",
};

const map = L.map("map", { attributionControl: false, zoomSnap: 0.25, minZoom: 8, maxZoom: 13 });
const dots = new Map();
map.createPane("land").style.zIndex = 250; // under the stations, whichever comes first

function drawLand(geography) {
  L.geoJSON(geography, {
    interactive: false,
    style: (feature) =>
      feature.properties.kind === "land"
        ? { color: "#b9c7b0", weight: 1, fillColor: "#eef3e6", fillOpacity: 1 }
        : { color: "#9fcfe3", weight: feature.properties.width, opacity: 1 },
    pane: "land",
  }).addTo(map);
}

function drawStations() {
  for (const station of seen.stations.values()) {
    if (station.latitude === null) continue;
    let dot = dots.get(station.station);
    if (!dot) {
      dot = L.circleMarker([station.latitude, station.longitude], { radius: 9, weight: 2, color: "#fff", fillOpacity: 1 });
      dot.bindTooltip(stationName(station.station), { permanent: true, direction: "right", className: "station-label" });
      dot.on("click", () => { location.href = `/stations/${station.station}?lang=${LANG}`; });
      dot.addTo(map);
      dots.set(station.station, dot);
    }
    dot.setStyle({ fillColor: COLOURS[station.condition] });
  }
}

// A label stands on the inner side of its dot; where it does not fit there, on the other; where on neither, it wraps.
const BESIDE = 8;
function placeLabels() {
  const whole = map.getSize().x;
  for (const dot of dots.values()) {
    const x = map.latLngToContainerPoint(dot.getLatLng()).x;
    const label = dot.getTooltip(), shown = label.getElement();
    if (!shown || x < 0 || x > whole) continue;
    shown.classList.remove("wraps");
    shown.style.maxWidth = "";
    const room = { left: x - 2 * BESIDE, right: whole - x - 2 * BESIDE };
    const [inner, outer] = x < whole / 2 ? ["right", "left"] : ["left", "right"];
    const side = [inner, outer].find((one) => room[one] >= shown.offsetWidth);
    if (!side) {
      shown.classList.add("wraps");
      shown.style.maxWidth = `${room[inner]}px`;
    }
    label.options.direction = side || inner;
    label.options.offset = [label.options.direction === "right" ? BESIDE : -BESIDE, 0];
    label.update();
  }
}

function fit() {
  const places = [...seen.stations.values()].filter((s) => s.latitude !== null).map((s) => [s.latitude, s.longitude]);
  if (places.length) map.fitBounds(places, { padding: [30, 60] });
}

map.on("zoomend moveend resize", placeLabels);
map.setView([9.55, 106.05], 9.5);
fetch("/static/geography.json").then((answer) => answer.json()).then(drawLand);
function show() {
  const first = dots.size === 0;
  drawStations();
  if (first) {
    fit();
    placeLabels();
  }
}

onChange.push((name, data) => { if (data.stations) show(); });
if (seen.stations.size) show(); // the stream was quicker than this script
