// What operators ask of alarms beside acknowledging. console.js calls `offerActions` for each row of an alarm.
"use strict";

const actions = document.getElementById("actions");
let actedOn = null;

function actionsFor(alarm) {
  const standing = alarm.cleared_at === null;
  const found = ["comment"];
  if (standing) found.push(alarm.state === "shelved" ? "unshelve" : "shelve");
  if (alarm.state === "latched") found.push("reset");
  found.push("false");
  if (alarm.station !== null) found.push(alarm.state === "out of service" ? "in-service" : "out-of-service");
  return found;
}

function offerActions(alarm, row) {
  const button = element("button", "more", `${TEXT.more}…`);
  button.type = "button";
  button.addEventListener("click", () => askWhat(alarm));
  row.append(button);
}

function showTerm() {
  const action = document.getElementById("actions-action").value;
  document.getElementById("actions-term").hidden = !["shelve", "out-of-service"].includes(action);
}

function askWhat(alarm) {
  actedOn = alarm;
  document.getElementById("actions-what").textContent = `${alarmTitle(alarm)} · ${stationName(alarm.station)}`;
  const choices = actionsFor(alarm).map((action) => new Option(TEXT[`action_${action}`], action));
  document.getElementById("actions-action").replaceChildren(...choices);
  document.getElementById("actions-person").value = localStorage.getItem("person") || "";
  document.getElementById("actions-reason").value = "";
  document.getElementById("actions-error").hidden = true;
  showTerm();
  actions.showModal();
}

async function sendAction(event) {
  event.preventDefault();
  const action = document.getElementById("actions-action").value;
  const person = document.getElementById("actions-person").value.trim();
  const reason = document.getElementById("actions-reason").value.trim();
  const hours = Number(document.getElementById("actions-hours").value);
  const error = document.getElementById("actions-error");
  const target = action.endsWith("-service") ? `stations/${actedOn.station}` : `alarms/${actedOn.alarm_id}`;
  try {
    const answer = await fetch(`/api/${target}/${action}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ person, reason, hours }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
    localStorage.setItem("person", person);
    actions.close();
  } catch (problem) {
    error.textContent = `${TEXT.failed}: ${problem.message}`;
    error.hidden = false;
  }
}

document.getElementById("actions-action").addEventListener("change", showTerm);
actions.querySelector("form").addEventListener("submit", sendAction);
document.getElementById("actions-cancel").addEventListener("click", () => actions.close());
