// Whom an alarm would be told to: of the stations only those can be chosen that the rule watches.
import { byId } from "./page.js";

const rule = byId("told-rule"), station = byId("told-station");

function fit() {
  const at = (rule.selectedOptions[0]?.dataset.at || "").split(" ").filter(Boolean);
  for (const option of station.options) option.disabled = at.length > 0 && !at.includes(option.value);
  if (station.selectedOptions[0]?.disabled) station.value = at[0];
}

rule?.addEventListener("change", fit);
if (rule) fit();
