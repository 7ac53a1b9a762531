// What the pages of the field book and of samples share: dialogs of one form, what was saved.
import { byId, say, TEXT } from "./page.js";

const SAVED = "entry-saved";

/** Show the page with what is on record now, and say that it was saved. @param {string} place the entry's id in the page */
export function showSaved(place) {
  for (const each of document.querySelectorAll("button")) each.disabled = true; // until the page comes, it would be sent again
  sessionStorage.setItem(SAVED, "yes");
  history.replaceState(null, "", `${location.pathname}${location.search}#${place}`);
  location.reload();
}

/** Say, after `showSaved`, that an entry is on record. */
export function tellSaved() {
  if (sessionStorage.getItem(SAVED) === null) return;
  sessionStorage.removeItem(SAVED);
  const place = byId("saved");
  if (!place) return;
  place.hidden = false;
  say(place, `✓ ${TEXT.book_saved}`);
}

/** @param {Document} page what it says of the entries on record */
const onRecord = (page) => [...page.querySelectorAll("#book, [data-filled]")].map((one) => one.outerHTML).join();

/** Has somebody changed what is on record since the page was read? */
export async function isOvertaken() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok || answer.redirected) return false; // to where one signs in
  return onRecord(new DOMParser().parseFromString(await answer.text(), "text/html")) !== onRecord(document);
}

/**
 * A dialog with one form; its fields are named as the body's.
 */
export class EntryDialog {
  /**
   * @param {string} id
   * @param {(values: Record<string, string>, withdraw: boolean) => Promise<any>} send with what is typed; null: not taken
   */
  constructor(id, send) {
    this.dialog = byId(id);
    /** @type {HTMLFormElement} */
    this.form = this.dialog.querySelector("form");
    this.error = /** @type {HTMLElement} */ (this.form.querySelector(".error"));
    this.isStale = false; // the page no longer shows what is on record
    this.dialog.addEventListener("close", () => this.isStale && location.reload());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(this.values(), false);
    });
    this.form.addEventListener("click", (event) => {
      const wish = /** @type {HTMLElement} */ (event.target).dataset.do;
      if (wish === "close") this.dialog.close();
      if (wish === "withdraw" && this.reasonIsThere()) send(this.values(), true);
    });
  }

  /** It was not taken: where somebody was faster, closing it shows what is on record now. */
  async refused() {
    this.isStale = await isOvertaken();
  }

  /** @returns {Record<string, string>} */
  values() {
    return Object.fromEntries([...new FormData(this.form)].map(([key, value]) => [key, String(value).trim()]));
  }

  reasonIsThere() {
    const field = /** @type {HTMLInputElement} */ (this.form.elements.namedItem("reason"));
    field.required = true;
    return field.value.trim() !== "" || (field.reportValidity(), false);
  }

  /**
   * @param {Record<string, string>} values of the fields that are not to begin as the page has them
   * @param {boolean} corrects whether it corrects what is on record, with a reason
   */
  open(values, corrects) {
    this.form.reset();
    this.error.hidden = true;
    for (const [key, value] of Object.entries(values)) {
      const field = this.form.elements.namedItem(key);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
    }
    this.asksWhy(corrects);
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** @param {boolean} corrects */
  asksWhy(corrects) {
    const part = /** @type {HTMLElement} */ (this.form.querySelector("[data-part=reason]"));
    part.hidden = !corrects;
    /** @type {HTMLInputElement} */ (part.querySelector("input")).required = corrects;
    const withdraw = /** @type {HTMLElement | null} */ (this.form.querySelector("[data-do=withdraw]"));
    if (withdraw) withdraw.hidden = !corrects;
  }
}
