// What the server wrote into the page: its texts, language and time zone; and how elements are made.

/** @type {Record<string, string>} */
export const TEXT = JSON.parse(document.getElementById("texts")?.textContent || "{}");
export const LANG = document.body.dataset.lang === "en" ? "en" : "vi";
export const ZONE = document.body.dataset.zone || "UTC";

/**
 * Return the element of an id that the template must have.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Make an element. What people wrote (names, notes) goes into a `bdi`, so that marks of direction end with it.
 * @param {string} tag
 * @param {string} className
 * @param {...(string | Node)} content
 */
export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/**
 * Make a button that does something.
 * @param {string} className
 * @param {string} words
 * @param {() => void} act
 */
export function button(className, words, act) {
  const made = element("button", className, words);
  made.setAttribute("type", "button");
  made.addEventListener("click", act);
  return made;
}

const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Return what a person wrote, without marks of direction: one that is not ended would mirror the value behind it.
 * @param {string} words
 */
export function oneWay(words) {
  return words.replace(DIRECTIONS, "");
}

/** @param {string} words what a person wrote */
export function name(words) {
  return element("bdi", "", oneWay(words));
}

/**
 * Return a count and what is counted: a text may have two forms, `alarm|alarms`, of which the first is for one.
 * @param {number} count
 * @param {string} text
 */
export function counted(count, text) {
  return `${count} ${text.split("|").at(count === 1 ? 0 : -1)}`;
}

/**
 * Set a text where it differs: a page of 6,000 values is laid out anew for what changed, not for what stayed.
 * @param {Element | null} place
 * @param {string} text
 */
export function say(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}

let isPressed = false;
/** @type {Map<unknown, () => void>} */
const waitingForRelease = new Map();
document.addEventListener("pointerdown", () => (isPressed = true), true);
for (const event of ["pointerup", "pointercancel", "blur"]) {
  window.addEventListener(event, ({ target, type }) => (type !== "blur" || target === window) && setTimeout(() => { // behind the click
    isPressed = false;
    const waiting = [...waitingForRelease.values()];
    waitingForRelease.clear();
    for (const make of waiting) make();
  }), true);
}

/**
 * Make something anew, but not under a button of the mouse or a finger that is down: it would not get its click.
 * @param {unknown} place what is made anew; of several that wait for one place only the last is done
 * @param {() => void} make
 */
export function whenReleased(place, make) {
  if (isPressed) waitingForRelease.set(place, make);
  else make();
}
