// Keys of every page: `/` searches stations, channels, alarms and pages, `?` tells the keys. Nothing happens while
// somebody types or a form is open.
import { byId, element, LANG, name, say, TEXT } from "./page.js";

const PAUSE_MS = 150; // of typing, before the server is asked
const dialog = byId("search"), input = byId("search-text"), list = byId("search-found");

/** @typedef {{ kind: string, title: string, where: string, href: string }} Hit */

let asked = 0; // the newest question; an older answer that comes after it is not shown
/** @type {ReturnType<typeof setTimeout> | undefined} */
let pause;

/** @param {Hit} hit */
function line(hit) {
  const link = /** @type {HTMLAnchorElement} */ (element("a", "", name(hit.title)));
  link.href = hit.href;
  if (hit.where) link.append(" · ", name(hit.where));
  return element("li", "", link, " ", element("span", "small", TEXT[`search_${hit.kind}`]));
}

async function find() {
  const mine = ++asked, text = input.value.trim();
  if (!text) return show([], "");
  const answer = await fetch(`/api/search?${new URLSearchParams({ text, lang: LANG })}`).catch(() => null);
  if (mine !== asked) return;
  if (answer === null || !answer.ok) return show([], TEXT.because_connection);
  const found = await answer.json();
  show(found, found.length ? "" : TEXT.search_none);
}

/** @param {Hit[]} found @param {string} words */
function show(found, words) {
  list.replaceChildren(...found.map(line));
  say(byId("search-status"), words);
}

/** Open the first of what these words find, also where somebody is faster than the list. */
async function openFirst() {
  clearTimeout(pause);
  const mine = asked + 1;
  await find();
  if (mine === asked && dialog.open) list.querySelector("a")?.click();
}

/** Arrows go through what was found, Enter behind the words opens the first. @param {KeyboardEvent} event */
function walk(event) {
  const links = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a")]);
  const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  if (event.key === "ArrowDown") (links[at + 1] || links[0])?.focus();
  else if (event.key === "ArrowUp") (links[at - 1] || input).focus();
  else if (event.key === "Enter" && document.activeElement === input && !event.isComposing) openFirst();
  else return;
  event.preventDefault();
}

export function openSearch() {
  dialog.showModal();
  input.select();
}

/** @param {Event} event */
function isTyping({ target }) {
  return document.querySelector("dialog[open]") !== null
    || (target instanceof HTMLElement && target.closest("input, select, textarea, [contenteditable]") !== null);
}

export function beginSearch() {
  document.addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") openSearch();
    else if (event.key === "?") byId("keys").showModal();
    else return;
    event.preventDefault();
  });
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(find, PAUSE_MS);
  });
  dialog.addEventListener("keydown", walk);
  byId("open-search").addEventListener("click", openSearch);
}
