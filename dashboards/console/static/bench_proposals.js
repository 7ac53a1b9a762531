// What a proposal of the service ledger says, in words. Pure but for the page's texts.
import { spanText } from "./bench_form.js";
import { number } from "./numbers.js";
import { LANG, TEXT, ZONE } from "./page.js";
import { timeText } from "./times.js";

/**
 * Return a proposal in words: when, what, by how much, between which services, and why.
 * @param {import("./bench_form.js").Proposal} one
 * @param {number} decimals
 * @param {string} unit
 */
export function proposalWords(one, decimals, unit) {
  const amounts = [one.added, one.gap].map((amount) => `${amount < 0 ? "−" : "+"}${number(Math.abs(amount), decimals, LANG)}`);
  const grows = `${[...new Set(amounts)].join(` ${TEXT.bench_proposal_grows} `)} ${unit}`.trim();
  const what = one.kind === "flag" ? TEXT.bench_proposal_flag : `${TEXT.bench_proposal_drift} ${grows}`;
  const at = (/** @type {string | null} */ time) => (time === null ? TEXT.bench_no_service : timeText(Date.parse(time), ZONE, 0, false));
  const services = `${TEXT.bench_service_before}: ${at(one.service_before)}, ${TEXT.bench_service_after}: ${at(one.service_after)}`;
  const span = spanText(Date.parse(one.from_t), Date.parse(one.to_t));
  return `${span} · ${what} · ${TEXT.bench_proposal_sure} ${number(one.confidence * 100, 0, LANG)} % · ${services} · ${one.reasons}`;
}
