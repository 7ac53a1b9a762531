// Fields of dates follow the browser's language, 12/31/2026 in one that is American: beside such a field its date stands as the
// page writes dates. The field itself stays the browser's own, with its keys and its calendar.

const FIELDS = "input[type=date], input[type=datetime-local], input[type=month]";

/**
 * Return whether a browser of this language writes 31 December 2026 otherwise than 31/12/2026. Pure.
 * @param {string} language
 */
export function writesOtherwise(language) {
  const parts = new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit", year: "numeric", timeZone: "UTC" });
  return parts.format(Date.UTC(2026, 11, 31)) !== "31/12/2026";
}

/**
 * Return a field's value as the page writes it: `2026-12-31T07:05` as `07:05 31/12/2026`; empty: nothing is in it. Pure.
 * @param {string} value
 */
export function dateSaid(value) {
  const [day, clock] = value.split("T");
  return `${clock ? `${clock.slice(0, 5)} ` : ""}${day.split("-").reverse().join("/")}`;
}

function sayAll() {
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(FIELDS))) {
    const label = field.closest("label"), said = field.value && dateSaid(field.value);
    if (label && label.dataset.date !== said) label.dataset.date = said;
  }
}

/** Say them from now on; a script may fill a field in whatever a person does. */
export function beginDates() {
  if (!writesOtherwise(navigator.language)) return;
  for (const event of ["input", "change", "click", "keyup", "reset", "focusin"]) {
    document.addEventListener(event, () => setTimeout(sayAll), true);
  }
  sayAll();
  addEventListener("load", sayAll); // the page's own scripts have filled theirs
}
