// The overview, beside what every page has: what needs a person, the order of the stations, small lines, the tide.
import { beginNeeds } from "./needs.js";
import { beginStations } from "./stations.js";
import { beginTide } from "./tide.js";
import { beginTrends } from "./trends.js";

beginNeeds();
beginStations();
beginTrends();
beginTide();
