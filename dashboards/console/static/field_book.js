// The form of a visit, usable with one hand at the waterside: what is typed is kept on the telephone until it is saved.
import { sent } from "./account.js";
import { EntryDialog, isOvertaken, showSaved, tellSaved } from "./entries.js";
import { byId, element, LANG, say, TEXT, ZONE } from "./page.js";
import { day, fromLocal, localText } from "./times.js";
import { typedNumber } from "./typed_number.js";

/**
 * @typedef {{ name: string, title: string, unit: string }} BookChannel
 * @typedef {{ device: string, kind: string, channel: string | null, before: number | null, after: number | null,
 *   reference: number | null, serial: string | null, words: string }} Work
 * @typedef {{ visit_id: number, version: number, arrived_at: string, left_at: string, crew: string, words: string, works: Work[] }} Visit
 * @typedef {{ id: number, version: number } | null} Corrected
 */

/** @type {{ station: string, devices: Record<string, BookChannel[]>, visits: Record<string, Visit> } | null} */
const book = JSON.parse(byId("book")?.textContent || "null");
const form = byId("visit");
const KEPT = `field-book:${book?.station}`;
const HOUR_MS = 3600000;
const WITH_VALUES = ["inspection", "cleaning", "check", "calibration"];
const WITH_SERIAL = ["probe_change", "device_change"];
const VALUES = /** @type {const} */ (["before", "after", "reference"]);

/** @type {Corrected} which visit on record the form corrects */
let corrected = null;

/** @param {Element} work @param {string} field @returns {any} */
const field = (work, field) => work.querySelector(`[data-field="${field}"]`);
/** @returns {HTMLElement[]} */
const works = () => [...form.querySelectorAll("fieldset.work")];

// ---- one work

/**
 * @param {string} device
 * @param {string} kind
 * @param {{ serial?: string, words?: string, values?: Record<string, Record<string, string>> }} filled
 */
function addWork(device, kind, filled = {}) {
  const made = byId("work").content.cloneNode(true).firstElementChild;
  const names = Object.keys(book?.devices || {}), isGone = corrected !== null && device && !names.includes(device);
  field(made, "device").replaceChildren(...(isGone ? [...names, device] : names).map((name) => {
    const option = document.createElement("option");
    option.textContent = name;
    return option;
  }));
  if (device) field(made, "device").value = device;
  field(made, "kind").value = kind;
  field(made, "serial").value = filled.serial || "";
  field(made, "words").value = filled.words || "";
  byId("works").append(made);
  showChannels(made, filled.values || {});
  return made;
}

/**
 * Show the fields that this kind of work has, for each channel of its device, and whatever else has values.
 * @param {Element} work
 * @param {Record<string, Record<string, string>>} values
 */
function showChannels(work, values) {
  const device = field(work, "device").value, kind = field(work, "kind").value;
  const place = /** @type {HTMLElement} */ (work.querySelector("[data-part=values]"));
  const serial = /** @type {HTMLElement} */ (work.querySelector("[data-part=serial]"));
  serial.hidden = !WITH_SERIAL.includes(kind) && !field(work, "serial").value;
  const own = book?.devices[device] || [], all = Object.values(book?.devices || {}).flat();
  const filled = Object.keys(values).filter((name) => Object.values(values[name]).some(Boolean));
  const others = filled.filter((name) => !own.some((channel) => channel.name === name))
    .map((name) => all.find((channel) => channel.name === name) || { name, title: name, unit: "" });
  place.hidden = !WITH_VALUES.includes(kind) && !filled.length;
  place.replaceChildren(...[...own, ...others].map((channel) => channelRow(channel, values[channel.name] || {})));
}

/** @param {BookChannel} channel @param {Record<string, string>} values */
function channelRow(channel, values) {
  const title = `${channel.title}${channel.unit ? ` (${channel.unit})` : ""}`;
  const row = element("div", "channel-values", element("strong", "", title));
  row.dataset.channel = channel.name;
  if (values.bare) row.dataset.bare = values.bare;
  for (const each of VALUES) {
    const input = document.createElement("input");
    input.inputMode = "decimal";
    input.autocomplete = "off";
    input.dataset.value = each;
    input.addEventListener("input", () => judge(input));
    input.value = values[each] || "";
    judge(input);
    input.setAttribute("aria-label", `${title}, ${TEXT[`book_${each}`]}`);
    row.append(element("label", "", TEXT[`book_${each}`], input));
  }
  return row;
}

/** @param {Element} work @returns {Record<string, Record<string, string>>} what is typed, by channel and field; `bare`: its record has no value */
function valuesOf(work) {
  return Object.fromEntries([.../** @type {NodeListOf<HTMLElement>} */ (work.querySelectorAll("[data-channel]"))].map((row) => [
    row.dataset.channel || "",
    Object.fromEntries([
      ...[.../** @type {NodeListOf<HTMLInputElement>} */ (row.querySelectorAll("[data-value]"))].map((input) => [input.dataset.value || "", input.value]),
      ...(row.dataset.bare ? [["bare", row.dataset.bare]] : []),
    ]),
  ]));
}

/** Let the form refuse what is no number. @param {HTMLInputElement} input */
function judge(input) {
  const value = typedNumber(input.value, LANG);
  input.setCustomValidity(typeof value === "string" && input.value.trim() ? TEXT[value] : "");
}

/** @param {string} text */
function numberOf(text) {
  const value = typedNumber(text, LANG);
  return typeof value === "string" ? null : value;
}

/** Return a value as it is typed, with all its digits. @param {number | null} value */
const typed = (value) => (value === null ? "" : LANG === "vi" ? String(value).replace(".", ",") : String(value));

/** @param {Element} work @returns {Work[]} one for each channel with a value, or one of none */
function collected(work) {
  const kind = field(work, "kind").value;
  const said = { device: field(work, "device").value, kind, words: field(work, "words").value.trim() };
  const serial = field(work, "serial").value.trim() || null, none = { before: null, after: null, reference: null };
  const isShown = !(/** @type {HTMLElement} */ (work.querySelector("[data-part=values]")).hidden);
  const measured = Object.entries(isShown ? valuesOf(work) : {})
    .filter(([, values]) => values.bare || VALUES.some((each) => numberOf(values[each]) !== null))
    .map(([channel, values]) => ({ channel, before: numberOf(values.before), after: numberOf(values.after), reference: numberOf(values.reference) }));
  return measured.length ? measured.map((one) => ({ ...said, serial, ...one })) : [{ ...said, serial, channel: null, ...none }];
}

// ---- the form

/** Empty the form. @param {number} arrived ms @param {number} left ms */
function begin(arrived, left) {
  form.reset();
  byId("visit-arrived").value = localText(arrived, ZONE);
  byId("visit-left").value = localText(left, ZONE);
  byId("works").replaceChildren();
}

/** @param {boolean} isOpen */
function open(isOpen) {
  form.hidden = !isOpen;
  byId("visit-closed").hidden = isOpen;
  byId("visit-error").hidden = true;
  byId("visit-why").hidden = byId("visit-withdraw").hidden = byId("visit-corrects").hidden = corrected === null;
  byId("visit-reason").required = corrected !== null;
  if (!isOpen) return;
  form.scrollIntoView({ block: "start" });
  byId("visit-arrived").focus({ preventScroll: true });
}

const now = () => Number(form.dataset.now) + performance.now();

function openNew() {
  corrected = null;
  begin(now() - HOUR_MS, now());
  addWork("", "cleaning");
  open(true);
}

/** @param {Visit} visit */
function openVisit(visit) {
  corrected = { id: visit.visit_id, version: visit.version };
  begin(Date.parse(visit.arrived_at), Date.parse(visit.left_at));
  byId("visit-crew").value = visit.crew;
  byId("visit-words").value = visit.words;
  /** @type {Map<string, Work[]>} */
  const blocks = new Map();
  for (const work of visit.works) {
    const key = JSON.stringify([work.device, work.kind, work.serial, work.words, work.channel === null]);
    blocks.set(key, [...(blocks.get(key) || []), work]);
  }
  for (const [first, ...more] of blocks.values()) {
    const values = Object.fromEntries([first, ...more].filter((one) => one.channel !== null).map((one) => [
      one.channel, {
        ...Object.fromEntries(VALUES.map((each) => [each, typed(one[each])])),
        ...(VALUES.every((each) => one[each] === null) ? { bare: "yes" } : {}),
      },
    ]));
    addWork(first.device, first.kind, { serial: first.serial || "", words: first.words, values });
  }
  say(byId("visit-corrects"), `${TEXT.book_corrects} ${day(Date.parse(visit.arrived_at), ZONE)}`);
  open(true);
}

/** @param {DOMStringMap} said what only the station put on record */
function openWired(said) {
  corrected = null;
  const at = Number(said.wired);
  begin(at - HOUR_MS / 2, Math.min(at + HOUR_MS / 2, now()));
  addWork(said.device || "", said.kind || "calibration");
  open(true);
}

function body() {
  return {
    arrived_at: new Date(fromLocal(byId("visit-arrived").value, ZONE)).toISOString(),
    left_at: new Date(fromLocal(byId("visit-left").value, ZONE)).toISOString(),
    crew: byId("visit-crew").value, words: byId("visit-words").value, works: works().flatMap(collected),
    ...(corrected ? { reason: byId("visit-reason").value, seen: corrected.version } : {}),
  };
}

/** @param {string} path @param {object} said */
async function send(path, said) {
  const done = await sent(form, byId("visit-error"), `stations/${book?.station}/visits${path}`, said);
  if (done === null) { // where somebody was faster, the page comes with what stands, and what was typed beside it
    if (corrected && await isOvertaken()) location.reload();
    return;
  }
  forget();
  showSaved(`visit-${done.visit_id}`);
}

function withdraw() {
  const reason = byId("visit-reason");
  if (!reason.value.trim()) return reason.reportValidity();
  send(`/${corrected?.id}/withdraw`, { reason: reason.value, seen: corrected?.version });
}

// ---- what is typed is kept: the telephone may lock, the page be left, the network be away

function keep() {
  if (form.hidden) return;
  localStorage.setItem(KEPT, JSON.stringify({
    corrected, arrived: byId("visit-arrived").value, left: byId("visit-left").value, crew: byId("visit-crew").value,
    words: byId("visit-words").value, reason: byId("visit-reason").value,
    works: works().map((work) => ({
      device: field(work, "device").value, kind: field(work, "kind").value, serial: field(work, "serial").value,
      words: field(work, "words").value, values: valuesOf(work),
    })),
  }));
}

const forget = () => localStorage.removeItem(KEPT);

function restore() {
  const kept = JSON.parse(localStorage.getItem(KEPT) || "null");
  if (!kept) return;
  corrected = kept.corrected;
  const stands = corrected && book?.visits[corrected.id], isOlder = Boolean(stands) && stands?.version !== corrected?.version;
  if (corrected && stands) corrected = { id: corrected.id, version: stands.version };
  byId("visit-arrived").value = kept.arrived;
  byId("visit-left").value = kept.left;
  byId("visit-crew").value = kept.crew;
  byId("visit-words").value = kept.words;
  byId("visit-reason").value = kept.reason;
  for (const work of kept.works) addWork(work.device, work.kind, work);
  say(byId("visit-corrects"), isOlder ? TEXT.book_overtaken : TEXT.book_restored);
  open(true);
  byId("visit-corrects").hidden = false;
}

/** @param {Event} event */
function clicked(event) {
  const asks = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest("button"));
  if (!asks) return;
  if (asks.dataset.visit && book) openVisit(book.visits[asks.dataset.visit]);
  else if (asks.dataset.wired) openWired(asks.dataset);
  else if (asks.dataset.certificate) openCertificate(asks.dataset);
  else if (asks.dataset.do === "drop") asks.closest("fieldset")?.remove();
  else return;
  keep();
}

// ---- certificates

/** @type {Corrected} */
let certificate = null;
/** @type {EntryDialog | null} */
let certificateDialog = null;

/** @param {DOMStringMap} said */
function openCertificate(said) {
  certificate = { id: Number(said.certificate), version: Number(said.version) };
  const filled = JSON.parse(said.filled || "{}");
  const devices = /** @type {HTMLSelectElement} */ (certificateDialog?.form.elements.namedItem("device"));
  if (![...devices.options].some((option) => option.value === filled.device)) devices.add(new Option(filled.device));
  certificateDialog?.open(filled, true);
}

/** @param {Record<string, string>} values @param {boolean} withdraws */
async function sendCertificate(values, withdraws) {
  if (!certificateDialog) return;
  const path = `stations/${book?.station}/certificates${certificate ? `/${certificate.id}` : ""}${withdraws ? "/withdraw" : ""}`;
  const seen = certificate ? { seen: certificate.version } : {};
  const said = withdraws ? { reason: values.reason, ...seen } : { ...values, serial: values.serial || null, ...seen };
  if (await sent(certificateDialog.form, certificateDialog.error, path, said)) showSaved("");
  else certificateDialog.refused();
}

// ---- the page

if (form) {
  byId("visit-open").addEventListener("click", openNew);
  byId("work-more").addEventListener("click", () => {
    addWork(works().length ? field(works()[works().length - 1], "device").value : "", "calibration").querySelector("select").focus();
    keep();
  });
  byId("visit-cancel").addEventListener("click", () => {
    forget();
    open(false);
    byId("visit-open").focus();
  });
  byId("visit-withdraw").addEventListener("click", withdraw);
  form.addEventListener("input", keep);
  form.addEventListener("change", (/** @type {any} */ event) => {
    if (["device", "kind"].includes(event.target.dataset.field)) {
      const work = event.target.closest("fieldset");
      showChannels(work, event.target.dataset.field === "kind" ? valuesOf(work) : {});
    }
    keep();
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    send(corrected ? `/${corrected.id}` : "", body());
  });
  document.addEventListener("click", clicked);
  certificateDialog = new EntryDialog("certificate", sendCertificate);
  byId("certificate-open").addEventListener("click", () => {
    certificate = null;
    certificateDialog?.open({}, false);
  });
  restore();
}
tellSaved();
