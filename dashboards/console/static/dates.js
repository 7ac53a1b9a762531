// Fields of dates and times follow the browser's language, 12/31/2026 and 10:00 PM in an American one: beside such a field stands what
// is in it as the page writes it, with the day of the week, in every browser: no page can ask which order its browser shows.
// The field itself stays the browser's own, with its keys and its calendar.
import { LANG } from "./page.js";

const FIELDS = "input:is([type=date], [type=datetime-local], [type=month], [type=time])";
const WEEKDAY = new Intl.DateTimeFormat(LANG === "vi" ? "vi-VN" : "en-GB", { weekday: "long", timeZone: "UTC" });

/**
 * Return a field's value as the page writes it: `2026-12-31T07:05` as `07:05 thứ năm 31/12/2026`; empty: nothing is in it.
 * @param {string} value
 */
export function dateSaid(value) {
  const [, day = "", clock = ""] = /^(\d+-\d\d(?:-\d\d)?)?T?(\d\d:\d\d)?/.exec(value) || [];
  const at = day.length > 7 ? Date.parse(day) : NaN, weekday = Number.isNaN(at) ? "" : WEEKDAY.format(at);
  return [clock, LANG === "vi" ? weekday.toLowerCase() : weekday, day.split("-").reverse().join("/")].filter(Boolean).join(" ");
}

function sayAll() {
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(FIELDS))) {
    const label = field.closest("label"), said = dateSaid(field.value);
    if (label && label.dataset.date !== said) label.dataset.date = said;
  }
}

/** Say them from now on; a script may fill a field in whatever a person does. */
export function beginDates() {
  for (const event of ["input", "change", "click", "keyup", "reset", "focusin"]) {
    document.addEventListener(event, () => setTimeout(sayAll), true);
  }
  sayAll();
  addEventListener("load", sayAll); // the page's own scripts have filled theirs
}
