// The workbench's form: what is to be done with what is selected, why, and by whom. What was typed stays until the server
// has taken it, also over a reload and while the database is away.
import { act, may, saidBy, showProblem } from "./account.js";
import { formulaOf, summaryOf } from "./correction.js";
import { byId, counted, LANG, name, say, TEXT, ZONE, element } from "./page.js";
import { number } from "./numbers.js";
import { timeText } from "./times.js";

/**
 * @typedef {import("./bench_chart.js").Act} Act
 * @typedef {import("./correction.js").Chosen} Chosen
 * @typedef {{ readings: number, version: number, acts: Act[] }} Seen
 * @typedef {{ name: string, channel: string, kind: string, from_t: string, to_t: string, added: number, gap: number, confidence: number,
 *   reasons: string, service_before: string | null, service_after: string | null, asked: [number, number] }} Proposal
 */

const whole = byId("bench-device");
const reject = byId("bench-reject");
const CORRECTIONS = ["value", "offset", "factor", "drift"];
const DRAFT = "quantrac-workbench";
const form = byId("bench-form"), reason = byId("bench-reason"), error = byId("bench-error"), send = byId("bench-send");

/**
 * Return what an act says of readings.
 * @param {Act} one
 */
export function deedText(one) {
  const said = deedOf(one);
  return one.device ? `${said}, ${TEXT.bench_of_device} ${one.device}` : said;
}

/** @param {Act} one @returns {string} */
function deedOf(one) {
  if (one.kind === "rejection") return `${TEXT.bench_rejected}: ${one.flag === null ? deedOf({ ...one, kind: "correction" }) : TEXT[`quality_${one.flag}`]}`;
  if (one.kind === "unflag") return TEXT.bench_unflag;
  if (one.kind === "flag") return TEXT[`quality_${one.flag}`];
  const plain = (/** @type {number} */ value) => number(value, Math.abs(value) < 1000 ? 3 : 1, LANG).replace(/([.,]\d*?)0+$/, "$1").replace(/[.,]$/, "");
  if (one.value !== null) return `${TEXT.bench_value}: ${plain(one.value)}`;
  const parts = [];
  if (one.factor !== 1) parts.push(`× ${plain(one.factor || 0)}`);
  if (one.added) parts.push(`${one.added < 0 ? "−" : "+"} ${plain(Math.abs(one.added))}`);
  if (one.drift) parts.push(`${one.drift < 0 ? "−" : "+"} ${TEXT.bench_drift.toLowerCase()} ${plain(Math.abs(one.drift))}`);
  return `${TEXT.bench_raw} ${parts.join(" ")}`;
}

/** Return a stretch in words: its date once where it is one day, seconds where it is short. @param {number} from ms @param {number} to ms */
export function spanText(from, to) {
  const [first, last] = [from, to].map((ms) => timeText(ms, ZONE, 0, to - from < 600000));
  if (first === last) return first;
  return first.split(" ")[1] === last.split(" ")[1] ? `${first.split(" ")[0]} – ${last}` : `${first} – ${last}`;
}

export class BenchForm {
  /**
   * @param {{ decimals: () => number, device: () => string | null, look: () => void, said: (chosen: Chosen) => string, done: (act: Act) => void, left: () => void, refused: () => void, sends: (isSending: boolean) => void,
   *   preview: (formula: import("./correction.js").Formula | null) => [any, any] | null }} page
   */
  constructor(page) {
    this.page = page;
    this.channel = "";
    /** @type {Chosen | null} */
    this.chosen = null;
    /** @type {Promise<Seen | null> | null} what is known of the stretch, when it is */
    this.seen = null;
    /** @type {Act | null} what is to be taken back; null: something is done with what is selected */
    this.takesBack = null;
    /** @type {Proposal | null} what is to be accepted or rejected */
    this.proposal = null;
    this.isSending = false;
    this.isWhole = false; // of which the stretch is known
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.send();
    });
    reject.addEventListener("click", () => form.reportValidity() && this.send(true));
    form.addEventListener("input", () => this.typed());
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") this.page.left();
    });
  }

  get kind() {
    return form.elements.kind.value;
  }

  /** Whether all channels of the device are meant: a correction is of one channel. */
  get isOfDevice() {
    return whole.checked && this.page.device() !== null && !CORRECTIONS.includes(this.kind);
  }

  /** By its key. */
  turnDevice() {
    if (form.hidden || byId("bench-device-label").hidden || this.isSending) return;
    whole.checked = !whole.checked;
    this.typed();
  }

  /**
   * Open it for what is selected; what was typed for the same channel stays.
   * @param {string} channel
   * @param {Chosen} chosen
   * @param {(isWhole: boolean) => Promise<Seen | null>} ask what is known of the stretch, on its channel or its whole device
   * @param {boolean} [isWhole] whether a device is meant; else what was said last for the same channel stays
   */
  open(channel, chosen, ask, isWhole) {
    const other = this.takesBack !== null || this.proposal !== null || channel !== this.channel;
    Object.assign(this, { channel, chosen, takesBack: null, proposal: null });
    if (other) this.clear();
    if (isWhole !== undefined) whole.checked = isWhole;
    this.isWhole = this.isOfDevice;
    const seen = ask(this.isWhole);
    form.hidden = !may("review", channel.split("/")[0]);
    this.tellWhat(false);
    this.tellWhy();
    say(byId("bench-what"), spanText(Math.ceil(chosen.after / 1000) * 1000, chosen.until)); // a finding is taken from just before it
    error.hidden = true;
    this.typed();
    this.know(seen);
  }

  /** Learn what is known of the stretch; what was typed, and why it was refused, stays. @param {Promise<Seen | null>} seen */
  know(seen) {
    this.seen = seen;
    seen.then((found) => {
      if (this.seen === seen && found) this.tell(found);
    });
  }

  /** @param {Seen} found */
  tell({ readings, acts }) {
    say(byId("bench-count"), counted(readings, TEXT.bench_readings));
    const standing = acts.filter((one) => one.state !== "withdrawn");
    byId("bench-there").replaceChildren(...standing.slice(0, 5).map((one) =>
      element("li", "", `${deedText(one)} · `, name(one.person), `, ${timeText(Date.parse(one.at), ZONE, 0, false)}: `, name(one.reason))));
  }

  /** Show what belongs to an act, or to a yes or no to what is given. @param {boolean} isGiven */
  tellWhat(isGiven) {
    byId("bench-kinds").hidden = isGiven;
    reject.hidden = byId("bench-why").hidden = this.proposal === null;
    say(byId("bench-signs"), this.proposal ? TEXT.bench_accept : TEXT.bench_sign);
  }

  /** Say what tests and people say of what is selected, as far as it is drawn. */
  tellWhy() {
    if (!this.chosen || this.proposal) return;
    const words = this.page.said(this.chosen);
    say(byId("bench-why"), words);
    byId("bench-why").hidden = !words;
  }

  /**
   * Ask for a yes or no to a proposal.
   * @param {Proposal} one
   * @param {Chosen} chosen its readings
   * @param {string} words what it says
   * @param {Promise<Seen | null>} seen
   */
  consider(one, chosen, words, seen) {
    if (this.isSending) return;
    Object.assign(this, { channel: one.channel, chosen, takesBack: null, proposal: one });
    this.clear();
    this.tellWhat(true);
    say(byId("bench-what"), spanText(Date.parse(one.from_t), Date.parse(one.to_t)));
    say(byId("bench-why"), words);
    form.hidden = !may("review", one.channel.split("/")[0]);
    this.typed();
    this.know(seen);
  }

  /** Ask why an act is taken back. @param {Act} one */
  takeBack(one) {
    if (this.isSending) return;
    this.takesBack = one;
    this.chosen = this.proposal = null;
    this.clear();
    this.tellWhat(true);
    this.typed();
    say(byId("bench-what"), `${TEXT.bench_withdraw} #${one.review_id}`);
    say(byId("bench-count"), `${deedText(one)}, ${counted(one.readings, TEXT.bench_readings)}, ${spanText(Date.parse(one.from_t), Date.parse(one.to_t))}`);
    byId("bench-there").replaceChildren();
    form.hidden = false;
    reason.focus();
  }

  clear() {
    form.reset();
    error.hidden = true;
    say(byId("bench-count"), "");
    byId("bench-there").replaceChildren();
    sessionStorage.removeItem(DRAFT);
  }

  close() {
    this.chosen = this.takesBack = this.proposal = this.seen = null;
    this.clear();
    form.hidden = true;
  }

  /** Choose what is to be done, by its key. @param {string} kind */
  choose(kind) {
    if (form.hidden || this.takesBack || this.proposal || this.isSending) return;
    form.elements.kind.value = kind;
    this.typed();
    (CORRECTIONS.includes(kind) ? byId(`bench-${kind}`) : reason).focus();
  }

  amounts() {
    return Object.fromEntries(CORRECTIONS.map((kind) => [kind, byId(`bench-${kind}`).value]));
  }

  /** @returns {import("./correction.js").Formula | string} the formula, or the key of the text that says why there is none */
  formula() {
    if (this.proposal) return this.proposal.kind === "drift" ? { added: this.proposal.added, drift: this.proposal.gap - this.proposal.added } : "bench_amount";
    return this.takesBack === null && CORRECTIONS.includes(this.kind) ? formulaOf(this.kind, this.amounts(), LANG) : "bench_amount";
  }

  typed() {
    const kind = this.takesBack || this.proposal ? "" : this.kind;
    for (const place of form.querySelectorAll(".amount")) {
      place.hidden = place.dataset.of !== kind && !(kind === "factor" && place.dataset.of === "offset");
    }
    byId("bench-proposed-label").hidden = !CORRECTIONS.includes(kind);
    byId("bench-device-label").hidden = this.takesBack !== null || this.proposal !== null || this.page.device() === null || CORRECTIONS.includes(kind);
    say(byId("bench-device-name"), this.page.device() || "");
    say(byId("bench-effect"), this.effect());
    if (this.chosen && !this.proposal && this.isWhole !== this.isOfDevice) {
      this.isWhole = this.isOfDevice;
      this.page.look();
    }
    if (this.chosen && !this.proposal) {
      const kept = { channel: this.channel, chosen: this.chosen, kind, amounts: this.amounts(), reason: reason.value, whole: whole.checked };
      sessionStorage.setItem(DRAFT, JSON.stringify(kept));
    }
  }

  /** What a correction would make: mean, least and greatest before and after. */
  effect() {
    const formula = this.formula(), shown = this.page.preview(typeof formula === "string" ? null : formula);
    const both = (shown || []).map(summaryOf);
    if (!both[0] && !both[1]) return "";
    const words = both.map((found) => {
      if (!found) return "–";
      const [mean, low, high] = found.map((value) => number(value, this.page.decimals(), LANG));
      return `${mean} (${low} … ${high})`;
    });
    return `${TEXT.bench_before} ${words[0]} → ${TEXT.bench_after} ${words[1]}`;
  }

  /** Return what was typed before a reload, for this channel; null: nothing. @param {string} channel */
  draft(channel) {
    const kept = JSON.parse(sessionStorage.getItem(DRAFT) || "null");
    return kept && kept.channel === channel && (kept.reason || kept.kind) ? kept : null;
  }

  /** @param {any} kept */
  restore(kept) {
    if (kept.kind) form.elements.kind.value = kept.kind;
    for (const kind of CORRECTIONS) byId(`bench-${kind}`).value = kept.amounts[kind] || "";
    reason.value = kept.reason;
    whole.checked = kept.whole === true;
    this.typed();
  }

  /** @param {boolean} isNo to a proposal @returns {Promise<[string, object] | string>} path and body, or what is missing */
  async wish(isNo) {
    const station = this.takesBack?.station, why = reason.value.trim();
    if (this.takesBack) return [`stations/${station}/reviews/${this.takesBack.review_id}/withdraw`, { reason: why }];
    if (this.proposal) {
      const { name: id, channel, asked } = this.proposal, [from, to] = asked.map((ms) => new Date(ms).toISOString());
      return [`stations/${channel.split("/")[0]}/proposals/${id}/${isNo ? "reject" : "accept"}`, { from, to, reason: why }];
    }
    if (!this.chosen || !this.kind) return TEXT.bench_choose;
    let known, asked;
    do { // again where it has been asked anew meanwhile
      asked = this.seen;
      known = await asked;
    } while (asked !== this.seen);
    if (!known) return TEXT.bench_away;
    const body = {
      from: new Date(this.chosen.after).toISOString(), to: new Date(this.chosen.until).toISOString(), reason: why,
      seen: known.version, whole_device: this.isOfDevice,
    };
    const path = `channels/${this.channel}`;
    if (this.kind === "unflag") return [`${path}/unflag`, body];
    if (!CORRECTIONS.includes(this.kind)) return [`${path}/flag`, { ...body, verdict: this.kind }];
    const formula = this.formula();
    if (typeof formula === "string") return TEXT[formula];
    return [`${path}/correct`, { ...body, whole_device: false, ...formula, proposed: byId("bench-proposed").checked }];
  }

  /** Let nobody change what is on its way: what were typed meanwhile would be lost. @param {boolean} isSending */
  hold(isSending) {
    this.isSending = send.disabled = reject.disabled = byId("bench-kinds").disabled = byId("bench-proposed").disabled = isSending;
    for (const field of form.querySelectorAll("input:not([type])")) field.readOnly = isSending;
    this.page.sends(isSending);
  }

  /** @param {boolean} [isNo] to a proposal */
  async send(isNo = false) {
    if (this.isSending) return;
    this.hold(true);
    error.hidden = true;
    let isStale = false;
    try {
      const wish = await this.wish(isNo);
      if (typeof wish === "string") throw new Error(wish);
      const answer = await act(...wish);
      say(byId("bench-signer"), byId("account-name").textContent);
      if (answer === null) return; // what was typed stays
      isStale = answer.status === 409;
      const said = await saidBy(answer);
      this.hold(false);
      this.close();
      this.page.done(said);
    } catch (problem) {
      showProblem(error, problem);
    } finally {
      this.hold(false);
    }
    if (isStale) { // what somebody else did is read before Enter signs again
      this.page.refused();
      error.focus();
    }
  }
}
