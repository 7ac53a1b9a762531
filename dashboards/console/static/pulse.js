// Alive or not: the pill, the banner in big letters, the clock. A page that hears nothing greys by its own timer.
import { byId, LANG, say, TEXT, ZONE } from "./page.js";
import { isSilent, onNews, reconnectIfSilent, seen, serverNow } from "./stream.js";
import { clockText, duration } from "./times.js";

/**
 * Return what the pill says: `empty` is a new installation, whose data are not old but still to come. Pure.
 * @param {boolean} silent
 * @param {import("./stream.js").Freshness | null} fresh
 * @returns {"dead" | "waiting" | "live" | "empty" | "old"}
 */
export function pulseOf(silent, fresh) {
  if (silent) return "dead";
  if (fresh === null) return "waiting";
  if (fresh.live) return "live";
  return fresh.reason === "empty" ? "empty" : "old";
}

const WORDS = {
  dead: "no_connection", waiting: "connecting", live: "live", empty: "no_data_yet", old: "old_data",
};

/** @param {"dead" | "old"} pulse */
function showBanner(pulse) {
  const fresh = seen.freshness, now = serverNow();
  say(byId("banner-title"), fresh === null ? TEXT.no_connection : TEXT.old_data);
  say(byId("banner-reason"), TEXT[`because_${pulse === "dead" || fresh === null ? "connection" : fresh.reason}`]);
  const newest = fresh && fresh.newest;
  say(byId("banner-age"), newest && now ? `${TEXT.newest} ${duration(now - newest, LANG)}` : "");
}

function showPulse() {
  const pulse = pulseOf(isSilent(), seen.freshness);
  const isOld = pulse === "dead" || pulse === "old";
  document.body.classList.toggle("dead", pulse === "dead");
  document.body.classList.toggle("old", isOld);
  if (byId("banner").hidden === isOld) byId("banner").hidden = !isOld;
  if (pulse === "dead" || pulse === "old") showBanner(pulse);
  byId("pill").className = `pill ${pulse}`;
  say(byId("pill"), TEXT[WORDS[pulse]]);
  const now = serverNow();
  if (now !== null && pulse !== "dead") say(byId("clock"), clockText(now, ZONE, LANG));
  showFirstSteps(pulse);
}

/** @param {string} pulse */
function showFirstSteps(pulse) {
  const card = byId("first-steps");
  if (!card) return;
  card.hidden = pulse !== "empty";
  const done = { stations: seen.stations.size > 0, ingest: seen.freshness?.connected, readings: false };
  for (const [step, isDone] of Object.entries(done)) {
    const place = card.querySelector(`[data-step="${step}"]`);
    place.classList.toggle("done", Boolean(isDone));
    say(place.querySelector(".mark"), isDone ? "✓" : "○");
    say(place.querySelector(".told"), isDone ? TEXT.step_done : TEXT.step_open);
  }
}

export function beginPulse() {
  document.body.dataset.begun = ""; // begun.js need not say that nothing does
  onNews(showPulse);
  setInterval(() => {
    reconnectIfSilent();
    showPulse();
  }, 500);
}
