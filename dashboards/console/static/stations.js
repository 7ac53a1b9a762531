// The cards of the stations: the worst first, and how many of each kind there are.
import { byId, element, TEXT } from "./page.js";
import { onNews, seen } from "./stream.js";
import { signOf } from "./tiles.js";

export const WORST_FIRST = ["critical", "high", "offline", "medium", "low", "fault", "suspect", "good"];

/**
 * Return stations with the worst first; equals stay in their order. Pure.
 * @template {{ condition: string }} T
 * @param {T[]} stations
 * @returns {T[]}
 */
export function worstFirst(stations) {
  return [...stations].sort((a, b) => WORST_FIRST.indexOf(a.condition) - WORST_FIRST.indexOf(b.condition));
}

/**
 * Return how many stations there are of each condition, the worst first. Pure.
 * @param {{ condition: string }[]} stations
 * @returns {[string, number][]}
 */
export function countsOf(stations) {
  return WORST_FIRST.map((condition) => /** @type {[string, number]} */ ([
    condition, stations.filter((station) => station.condition === condition).length,
  ])).filter(([, count]) => count > 0);
}

/** Show signs with their words and numbers: the legend of the map, too. @param {HTMLElement} place */
export function showConditions(place) {
  const counts = countsOf([...seen.stations.values()]), key = JSON.stringify(counts);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...counts.map(([condition, count]) => {
    const sign = element("span", "dot", signOf(condition)), item = element("li", "", sign, ` ${count} `, TEXT[`condition_${condition}`]);
    sign.setAttribute("aria-hidden", "true");
    item.dataset.condition = condition;
    return item;
  }));
}

/** Put the cards in order; one that holds the keyboard's focus keeps it. @param {Map<string, HTMLElement>} cards @param {HTMLElement} list */
function order(cards, list) {
  const focus = /** @type {HTMLElement | null} */ (list.contains(document.activeElement) ? document.activeElement : null);
  let place = list.firstElementChild;
  for (const station of worstFirst([...seen.stations.values()])) {
    const card = cards.get(station.station);
    if (!card) continue;
    if (card === place) place = place.nextElementSibling;
    else list.insertBefore(card, place);
  }
  if (focus && focus !== document.activeElement) focus.focus({ preventScroll: true });
}

export function beginStations() {
  const list = byId("stations");
  const cards = new Map([...list.children].map((card) => [card.dataset.station, card]));
  let before = "";
  onNews((_, news) => {
    if (!news.stations) return;
    showConditions(byId("conditions"));
    const conditions = [...seen.stations.values()].map((station) => station.condition).join();
    if (conditions !== before) order(cards, list);
    before = conditions;
  });
}
