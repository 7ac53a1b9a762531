// A list whose rows stay what they are while what they show does: the keyboard's focus stays where it is, too.
import { whenReleased } from "./page.js";

/**
 * Show rows in this order. A row is made anew only where its key differs; focus goes to the same button of the new row,
 * or, where its row is gone, to the one that took its place.
 * @template T
 * @param {HTMLElement} list
 * @param {T[]} shown
 * @param {(row: T) => string} idOf
 * @param {(row: T) => string} keyOf everything that the row shows
 * @param {(row: T) => HTMLElement} make
 */
export function showRows(list, shown, idOf, keyOf, make) {
  whenReleased(list, () => putRows(list, shown, idOf, keyOf, make));
}

/** @type {typeof showRows} */
function putRows(list, shown, idOf, keyOf, make) {
  const before = new Map([...list.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.id, row]));
  const focused = focusIn(list);
  const rows = shown.map((one) => {
    const id = idOf(one), key = keyOf(one), old = /** @type {HTMLElement | undefined} */ (before.get(id));
    if (old && old.dataset.key === key) return old;
    const made = make(one);
    Object.assign(made.dataset, { id, key });
    return made;
  });
  const kept = new Set(rows);
  for (const row of before.values()) if (!kept.has(/** @type {HTMLElement} */ (row))) row.remove();
  let place = list.firstElementChild;
  for (const row of rows) {
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
  if (focused && !list.contains(document.activeElement)) refocus(list, focused);
}

/** @param {HTMLElement} list */
function focusIn(list) {
  const focus = document.activeElement;
  const row = focus && list.contains(focus) ? [...list.children].find((one) => one.contains(focus)) : undefined;
  if (!row || !focus) return null;
  const id = /** @type {HTMLElement} */ (row).dataset.id;
  return { id, at: [...list.children].indexOf(row), kind: focus.className };
}

/** @param {HTMLElement} list @param {{ id: string | undefined, at: number, kind: string }} focused */
function refocus(list, { id, at, kind }) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const row = rows.find((one) => one.dataset.id === id) || rows[Math.min(at, rows.length - 1)];
  const found = [...(row ? row.querySelectorAll("button, a") : [])];
  const target = found.find((one) => one.className === kind) || found[0] || list;
  /** @type {HTMLElement} */ (target).focus({ preventScroll: true });
}
