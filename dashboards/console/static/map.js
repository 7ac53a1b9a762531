// The map needs no tiles, though a network may name some: coast and rivers come from a small file of our own. A station is a sign that the keyboard
// reaches; towns, mouths and islands are named for orientation, where no station's label stands.
import { byId, element, LANG, name, oneWay, TEXT } from "./page.js";
import { onNews, seen, stationName } from "./stream.js";
import { WORST_FIRST } from "./stations.js";
import { signOf } from "./tiles.js";

const L = /** @type {any} */ (window).L;
const MOST_LABELS = 30; // beyond it they would cover each other: a label shows where one points
const WHOLE = [[7.6, 103], [12.4, 109.2]]; // what the file shows

const { land, tiles, thanks } = byId("map").dataset;
const isStill = document.body.classList.contains("wall");
const map = L.map("map", {
  attributionControl: false, zoomControl: false, zoomSnap: 0.25, minZoom: 7, maxZoom: 13, maxBounds: WHOLE, keyboard: !isStill,
  scrollWheelZoom: false, dragging: !isStill, // the wheel scrolls the page
});
const SIGN = isStill ? 34 : 22; // pixels
const BESIDE = SIGN / 2 - 1; // pixels between a sign's middle and its label
/** @type {Map<string, any>} */
const markers = new Map();
/** @type {{ marker: any, zoom: number }[]} */
const names = [];
map.createPane("land").style.zIndex = 250; // under the stations, whichever comes first
map.createPane("names").style.zIndex = 260;
L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
if (!isStill) L.control.zoom({ zoomInTitle: TEXT.zoom_in, zoomOutTitle: TEXT.zoom_out }).addTo(map);

/** Lay the network's tiles over our coast, which stays for whoever gets none. */
function layTiles() {
  if (!tiles) return;
  map.createPane("tiles").style.zIndex = 255; // over the land, under the names
  map.setMaxZoom(18);
  L.tileLayer(tiles, { pane: "tiles", maxZoom: 18 }).addTo(map);
  L.control.attribution({ prefix: false }).addAttribution(element("span", "", thanks).outerHTML).addTo(map); // no HTML of a file
}

/** @param {any} geography */
function drawLand(geography) {
  L.geoJSON(geography, {
    interactive: false, pane: "land", filter: (/** @type {any} */ one) => one.geometry.type !== "Point",
    style: (/** @type {any} */ { properties: { kind, width } }) =>
      kind === "land" ? { className: "land", weight: 1, fillOpacity: 1 } : { className: "water", weight: width, opacity: 1 },
  }).addTo(map);
  for (const { geometry, properties } of geography.features) if (geometry.type === "Point" && !tiles) addName(geometry, properties); // they have names
  placeLabels();
}

/** @param {any} geometry @param {any} properties */
function addName({ coordinates: [longitude, latitude] }, properties) {
  const icon = L.divIcon({ className: `place-name ${properties.kind}`, html: properties[LANG], iconSize: null });
  const marker = L.marker([latitude, longitude], { icon, interactive: false, keyboard: false, pane: "names" }).addTo(map);
  marker.getElement().setAttribute("aria-hidden", "true");
  names.push({ marker, zoom: properties.zoom });
}

/** @param {import("./stream.js").Station} station */
function markerOf(station) {
  const icon = L.divIcon({ className: "station-sign", iconSize: [SIGN, SIGN] });
  const marker = L.marker([station.latitude, station.longitude], { icon, riseOnHover: true, keyboard: !isStill });
  const open = () => { location.href = `/stations/${station.station}?lang=${LANG}`; };
  const label = element("span", "", name(stationName(station.station))); // a text would be read as HTML
  marker.bindTooltip(label, { permanent: seen.stations.size <= MOST_LABELS, direction: "right", className: "station-label" });
  if (!isStill) marker.on("click", open);
  marker.addTo(map);
  const sign = marker.getElement();
  sign.setAttribute("role", isStill ? "img" : "link");
  sign.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && open());
  return marker;
}

function removeOthers() {
  for (const [id, marker] of markers) {
    const station = seen.stations.get(id);
    if (station && station.latitude !== null && marker.getLatLng().equals([station.latitude, station.longitude])) continue;
    marker.remove();
    markers.delete(id);
  }
}

function drawStations() {
  removeOthers();
  for (const station of seen.stations.values()) {
    if (station.latitude === null) continue;
    const marker = markers.get(station.station) || markerOf(station);
    markers.set(station.station, marker);
    const sign = marker.getElement();
    if (sign.dataset.condition === station.condition) continue;
    sign.dataset.condition = station.condition;
    marker.setZIndexOffset(-1000 * WORST_FIRST.indexOf(station.condition)); // the worst is never covered
    sign.textContent = signOf(station.condition);
    sign.setAttribute("aria-label", `${oneWay(stationName(station.station))}: ${TEXT[`condition_${station.condition}`]}`);
  }
}

// A label stands on the inner side of its sign; where it does not fit there, on the other; where on neither, it wraps.
function placeLabels() {
  const whole = map.getSize().x;
  for (const marker of markers.values()) {
    const x = map.latLngToContainerPoint(marker.getLatLng()).x;
    const label = marker.getTooltip(), shown = label.getElement();
    if (!shown || x < 0 || x > whole) continue;
    shown.classList.remove("wraps");
    shown.style.maxWidth = "";
    const room = { left: x - 2 * BESIDE, right: whole - x - 2 * BESIDE };
    const [inner, outer] = /** @type {("left" | "right")[]} */ (x < whole / 2 ? ["right", "left"] : ["left", "right"]);
    const side = [inner, outer].find((one) => room[one] >= shown.offsetWidth);
    if (!side) {
      shown.classList.add("wraps");
      shown.style.maxWidth = `${room[inner]}px`;
    }
    label.options.direction = side || inner;
    label.options.offset = [label.options.direction === "right" ? BESIDE : -BESIDE, 0];
    label.update();
  }
  showNames();
}

/** Show the names that belong to this zoom, fit in whole and stand on no station, no button and no name before them. */
function showNames() {
  const controls = [...map.getContainer().querySelectorAll(".leaflet-control")], whole = map.getContainer().getBoundingClientRect();
  const taken = [...controls, ...[...markers.values()].flatMap((marker) => [marker.getElement(), marker.getTooltip()?.getElement()])]
    .filter(Boolean).map((one) => one.getBoundingClientRect());
  const found = names.map(({ marker, zoom }) => ({ place: marker.getElement(), isNear: map.getZoom() >= zoom }));
  for (const { place, isNear } of found) place.hidden = !isNear;
  const boxes = found.map(({ place }) => place.getBoundingClientRect());
  found.forEach(({ place, isNear }, at) => {
    const box = boxes[at];
    if (!isNear) return;
    const isWhole = box.left > whole.left && box.right < whole.right && box.top > whole.top && box.bottom < whole.bottom;
    place.hidden = !isWhole || taken.some((one) =>
      one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top);
    if (!place.hidden) taken.push(box);
  });
}

function fit() {
  const places = [...markers.values()].map((marker) => marker.getLatLng());
  if (places.length) map.fitBounds(places, { padding: [40, 60], maxZoom: 10.5, animate: false });
}

map.on("zoomend moveend resize", placeLabels);
map.setView([9.55, 106.05], 9);
layTiles();
fetch(land).then((answer) => answer.json()).then(drawLand);
onNews((kind, news) => {
  if (!news.stations) return;
  const isFirst = markers.size === 0;
  drawStations();
  if (isFirst) fit();
  if (kind === "network") placeLabels();
});
