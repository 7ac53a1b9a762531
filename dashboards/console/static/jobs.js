// The page of jobs: what runs is shown as it runs; asking for a run.
import { sent } from "./account.js";
import { beginLivePart, refreshPart } from "./live_part.js";
import { byId, say, TEXT } from "./page.js";

const form = byId("run-job");

/** @param {SubmitEvent} event */
async function ask(event) {
  event.preventDefault();
  say(byId("run-job-said"), "");
  const body = { job: byId("run-job-name").value, reason: byId("run-job-reason").value.trim() };
  if (await sent(form, byId("run-job-error"), "jobs/run", body) === null) return;
  byId("run-job-reason").value = "";
  say(byId("run-job-said"), TEXT.job_run_asked);
  await refreshPart();
}

form?.addEventListener("submit", ask);
beginLivePart(() => {});
