// Every page: one stream, its pulse, values, alarms, what is set aside, and the forms.
import { askAgain, askWhetherSignedIn, beginAccount, onAccount } from "./account.js";
import { beginAlarms } from "./alarms.js";
import { beginAside } from "./aside.js";
import { beginDates } from "./dates.js";
import { beginDialogs } from "./dialogs.js";
import { beginMenu, showPages } from "./menu.js";
import { byId } from "./page.js";
import { beginNotice } from "./notice.js";
import { beginPulse } from "./pulse.js";
import { beginSearch } from "./search.js";
import { connect } from "./stream.js";
import { beginTiles } from "./tiles.js";

beginAccount();
beginMenu();
onAccount.push(showPages);
beginDialogs();
beginDates();
beginTiles();
if (byId("alarms")) beginAlarms();
if (byId("aside-card")) beginAside();
beginSearch();
beginPulse();
beginNotice();
connect({ opened: askAgain, failed: askWhetherSignedIn });
