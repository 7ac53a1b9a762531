// The page of one alarm: what may be done about it, by the forms that every page has.
import { may } from "./account.js";
import { actionsFor } from "./alarms.js";
import { ask, askWho } from "./dialogs.js";
import { beginLivePart, refreshPart } from "./live_part.js";
import { byId, name } from "./page.js";

/** What the server says of the alarm. */
function alarm() {
  const { alarm, station, seen, state, cleared, acknowledged, isPublic, words } = byId("alarm-head").dataset;
  return {
    id: Number(alarm), station: station || null, seen: Number(seen), state,
    cleared_at: cleared === "yes" ? 0 : null, isAcknowledged: acknowledged === "yes", isPublic: isPublic === "yes", words,
  };
}

/** What a form that is open sends of what was seen when it was opened. @type {{ seen: number }} */
let more = { seen: 0 };

function offer() {
  const { station, state, cleared_at, isAcknowledged, isPublic, id, words, seen } = alarm();
  byId("alarm-acknowledge").hidden = isAcknowledged || !may("acknowledge", station);
  byId("alarm-acknowledge").onclick = () => askWho(id, [name(words)]);
  const choices = actionsFor({ station, state, cleared_at, isPublic }).filter((action) => may(action, station));
  byId("alarm-more").hidden = choices.length === 0;
  byId("alarm-more").onclick = () => ask({
    what: [name(words)], choices, more: (more = { seen }),
    path: (action) => action.endsWith("-service") ? `stations/${station}` : `alarms/${id}`,
  });
}

document.addEventListener("refused", async () => { // it says what somebody else did: to send it again is a new decision
  await refreshPart();
  more.seen = alarm().seen;
});
beginLivePart(offer);
offer();
