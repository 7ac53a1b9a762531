// Commands to a station: which fields an order needs, sending it, what the station answered.
import { may, sent } from "./account.js";
import { byId, element, name, TEXT, ZONE } from "./page.js";
import { fromLocal } from "./times.js";

const form = byId("command");
const station = byId("commands").dataset.commandsOf;

/** @param {string} field */
const typed = (field) => byId(`command-${field}`).value.trim();

/** @returns {HTMLOptionElement} */
const chosen = () => byId("command-do").selectedOptions[0];

function showFields() {
  for (const label of form.querySelectorAll("[data-for]")) {
    label.hidden = !label.dataset.for.split(" ").includes(chosen().value);
    for (const input of label.querySelectorAll("input")) input.disabled = label.hidden;
  }
}

/** @returns {object} the body of the request */
function order() {
  const { value, dataset } = chosen(), reason = typed("reason"), device = typed("device") || null;
  if (value === "act") return { do: "act", reason, device: dataset.device, action: dataset.action, value: typed("value") === "" ? null : Number(typed("value")) };
  if (value === "picture") return { do: "picture", reason, camera: dataset.camera };
  if (value === "again") return { do: "again", reason, since: moment("since"), until: moment("until") };
  if (value === "read") return { do: "read", reason, device };
  if (value === "off") return { do: "maint", reason, device, off: true };
  return { do: "maint", reason, device, state: value, hours: Number(typed("hours")) };
}

/** @param {string} field */
function moment(field) {
  const ms = fromLocal(typed(field), ZONE);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** @param {Event} event */
async function send(event) {
  event.preventDefault();
  byId("command-said").replaceChildren(element("li", "", TEXT.command_sent));
  const answer = await sent(form, byId("command-error"), `stations/${station}/command`, order()); // the station is waited for
  byId("command-said").replaceChildren(...(answer?.said || []).map((/** @type {string} */ line) => element("li", "", name(line))));
  if (answer !== null) byId("command-reason").value = "";
}

if (form) {
  form.hidden = !may("command", station);
  showFields();
  byId("command-do").addEventListener("change", showFields);
  form.addEventListener("submit", send);
}
