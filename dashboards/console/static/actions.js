// What operators ask beside acknowledging, and what is set aside. console.js calls `offerActions` for each row of an
// alarm and `showAside` when something was set aside or is over.
"use strict";

const actions = document.getElementById("actions");
let asks = null; // what the dialog is about: { what, choices, path: f(action), more }

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
  button.addEventListener("click", () => ask({
    what: `${alarmTitle(alarm)} · ${stationName(alarm.station)}`,
    choices: actionsFor(alarm),
    path: (action) => action.endsWith("-service") ? `stations/${alarm.station}` : `alarms/${alarm.alarm_id}`,
  }));
  row.append(button);
}

function showTerm() {
  const action = document.getElementById("actions-action").value;
  document.getElementById("actions-term").hidden = !["shelve", "out-of-service"].includes(action);
}

function ask(about) {
  asks = about;
  document.getElementById("actions-what").textContent = about.what;
  const choices = about.choices.map((action) => new Option(TEXT[`action_${action}`], action));
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
  const send = document.getElementById("actions-send");
  send.disabled = true; // a station is waited for
  try {
    const answer = await fetch(`/api/${asks.path(action)}/${action}`, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ person, reason, hours, ...asks.more }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
    localStorage.setItem("person", person);
    actions.close();
    loadAlarms();
  } catch (problem) {
    error.textContent = `${TEXT.failed}: ${problem.message}`;
    error.hidden = false;
  } finally {
    send.disabled = false;
  }
}

// ---- set aside

function asidePlace(row) {
  if (row.kind === "shelved") return `${row.title[LANG] || row.title.vi} · ${stationName(row.station)}`;
  return `${stationName(row.station)}, ${row.device === null ? TEXT.whole_station : row.device}`;
}

// Null: nobody can end it from here.
function asideEnd(row) {
  if (row.kind === "shelved") return row.alarm_id === null ? null : ["unshelve", `alarms/${row.alarm_id}`];
  if (row.kind === "out") return ["in-service", `stations/${row.station}`];
  const can = row.is_order && document.body.dataset.commands === "yes";
  return can ? ["end-maintenance", `stations/${row.station}`] : null;
}

function asideRow(row) {
  const item = element("li", `aside ${row.kind}`);
  const head = element("div", "alarm-head");
  head.append(element("strong", "", asidePlace(row)), element("span", "severity", TEXT[`aside_${row.kind}`]));
  const until = row.until === null ? TEXT.until_switched : `${TEXT.until} ${timeOfDay(row.until, false)}`;
  const who = `${TEXT.by} ${row.person || TEXT.at_the_station}`;
  item.append(head, element("div", "alarm-when", `${TEXT.since} ${timeOfDay(row.since, false)} ${until}, ${who}`));
  if (row.reason) item.append(element("div", "alarm-where", row.reason));
  const end = asideEnd(row);
  if (end !== null) {
    const button = element("button", "more", `${TEXT.aside_end}…`);
    button.type = "button";
    button.addEventListener("click", () => ask({
      what: asidePlace(row), choices: [end[0]], path: () => end[1], more: { device: row.device },
    }));
    item.append(button);
  }
  return item;
}

function showAside() {
  const card = document.getElementById("aside-card");
  const only = card.dataset.only;
  const shown = seen.aside.filter((row) => !only || row.station === only);
  document.getElementById("aside").replaceChildren(...shown.map(asideRow));
  document.getElementById("aside-count").textContent = shown.length;
  card.hidden = shown.length === 0;
}

const takeOut = document.getElementById("take-out");
if (takeOut) {
  const station = takeOut.closest("[data-station]").dataset.station;
  takeOut.addEventListener("click", () => ask({
    what: stationName(station), choices: ["out-of-service"], path: () => `stations/${station}`,
  }));
}

document.getElementById("actions-action").addEventListener("change", showTerm);
actions.querySelector("form").addEventListener("submit", sendAction);
document.getElementById("actions-cancel").addEventListener("click", () => actions.close());
