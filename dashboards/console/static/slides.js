// What the wall shows one after the other. Pure.
export const ALARMS_A_SLIDE = 6;
const MOST_ALARM_SLIDES = 3;
const STATIONS_BETWEEN = 6; // after so many stations map and alarms come again

/** @typedef {{ kind: "map" | "alarms" | "station", page: number, station: string }} Slide */

/**
 * Return the slides of one round: map, alarms, stations in the order given; map and alarms again after every six. Pure.
 * @param {string[]} stations
 * @param {number} alarms how many stand
 * @returns {Slide[]}
 */
export function slidesOf(stations, alarms) {
  const pages = Math.min(MOST_ALARM_SLIDES, Math.ceil(alarms / ALARMS_A_SLIDE));
  /** @type {Slide[]} */
  const found = [];
  for (let first = 0; first < Math.max(1, stations.length); first += STATIONS_BETWEEN) {
    found.push({ kind: "map", page: 0, station: "" });
    for (let page = 0; page < pages; page++) found.push({ kind: "alarms", page, station: "" });
    for (const station of stations.slice(first, first + STATIONS_BETWEEN)) found.push({ kind: "station", page: 0, station });
  }
  return found;
}
