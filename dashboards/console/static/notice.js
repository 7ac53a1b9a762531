// A new alarm: said across the page until a person has dealt with it or put it away, and by a sound unless it is muted.
import { measured, titled, waits } from "./alarm_words.js";
import { byId, counted, element, LANG, name, say, TEXT } from "./page.js";
import { WORST_FIRST } from "./stations.js";
import { onNews, stationName } from "./stream.js";

const KEPT = "quantrac-sound"; // of this browser: "off" where somebody has muted it
const BEEPS = /** @type {Record<string, number>} */ ({ critical: 3, high: 2, medium: 1 });

/** @typedef {import("./stream.js").Alarm} Alarm */

/**
 * Return the alarms that wait and did not before, or are worse than they were; the worst first. Pure.
 * @param {Alarm[]} alarms
 * @param {Alarm[]} before the list as it was
 * @param {number} newest the highest number that was ever in it: an older one that comes into the list is not new
 */
export function newAlarms(alarms, before, newest) {
  const known = new Map(before.map((alarm) => [alarm.alarm_id, alarm]));
  return alarms.filter(waits).filter((alarm) => {
    const was = known.get(alarm.alarm_id);
    if (!was) return alarm.alarm_id > newest;
    return !waits(was) || WORST_FIRST.indexOf(alarm.severity) < WORST_FIRST.indexOf(was.severity);
  });
}

/** @type {Alarm[]} */
let told = [];
/** @type {Alarm[] | null} */
let before = null; // the first list is no news
let newest = 0;
let isOn = readChoice() !== "off";
/** @type {AudioContext | null} */
let audio = null;

function readChoice() {
  try {
    return localStorage.getItem(KEPT);
  } catch { // a browser that keeps nothing
    return null;
  }
}

/** Browsers let a page sound after it was touched once. */
function isAllowed() {
  return audio !== null || Boolean(navigator.userActivation?.hasBeenActive);
}

/** @param {number} times */
function sound(times) {
  if (!isOn || !times || !isAllowed()) return;
  audio = audio || new AudioContext();
  audio.resume();
  for (let n = 0; n < times; n++) {
    const tone = audio.createOscillator(), volume = audio.createGain(), at = audio.currentTime + 0.35 * n;
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.25, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }
}

function showSound() {
  const place = byId("sound"), state = !isOn ? "sound_off" : isAllowed() ? "sound_on" : "sound_blocked";
  say(byId("sound-state"), TEXT[state]);
  place.classList.toggle("muted", state !== "sound_on");
  if (place.tagName === "BUTTON") place.setAttribute("aria-pressed", String(isOn));
}

function chooseSound() {
  isOn = !isOn;
  try {
    localStorage.setItem(KEPT, isOn ? "on" : "off");
  } catch { /* it holds for this page */ }
  showSound();
  sound(1);
}

function showNotice() {
  const place = byId("new-alarm"), worst = told[0];
  place.hidden = !worst;
  if (!worst) return;
  const key = JSON.stringify(told.map((alarm) => alarm.alarm_id));
  if (place.dataset.key === key) return; // what is said again is read out again
  place.dataset.key = key;
  place.className = worst.severity;
  const more = told.length > 1 ? ` · + ${counted(told.length - 1, TEXT.need_others)}` : "", value = measured(worst);
  byId("new-alarm-what").replaceChildren(
    element("strong", "", `▲ ${TEXT.new_alarm} · ${TEXT[`severity_${worst.severity}`]}: `), name(titled(worst.texts?.title, worst.rule)),
    " · ", name(stationName(worst.station)), `${value && ` · ${value}`}${more}`,
  );
  const look = byId("new-alarm-look");
  if (look) look.href = `/alarms/${worst.alarm_id}?lang=${LANG}`;
}

/** @param {Alarm[]} alarms */
function hear(alarms) {
  const fresh = before === null ? [] : newAlarms(alarms, before, newest);
  before = alarms;
  newest = Math.max(newest, ...alarms.map((alarm) => alarm.alarm_id));
  const waiting = new Map(alarms.filter(waits).map((alarm) => [alarm.alarm_id, alarm]));
  const mine = new Set([...told, ...fresh].map((alarm) => alarm.alarm_id));
  told = [...waiting.values()].filter((alarm) => mine.has(alarm.alarm_id)); // as the list has them: the worst first
  showNotice();
  if (!fresh.length) return;
  sound(Math.max(...fresh.map((alarm) => BEEPS[alarm.severity] || 0)));
  document.dispatchEvent(new Event("alarmed"));
}

export function beginNotice() {
  onNews((_, news) => news.alarms && hear(news.alarms));
  showSound();
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => setTimeout(showSound), { once: true });
  byId("sound").addEventListener("click", chooseSound);
  byId("new-alarm-close")?.addEventListener("click", () => {
    told = [];
    showNotice();
  });
}
