// The page of all accounts: inviting, roles, new links, disabling, the reset of a second factor; each act with its reason.
import { act, saidBy, sent, showProblem } from "./account.js";
import { byId, say, TEXT } from "./page.js";

let whose = "", deed = "";
/** @type {Record<string, string[]>} role -> its stations; none: all */
let held = {};

/** @param {string} id @returns {{ dialog: HTMLDialogElement, form: HTMLFormElement, error: HTMLElement }} */
function dialogOf(id) {
  const dialog = byId(id), form = dialog.querySelector("form");
  return { dialog, form, error: form.querySelector(".error") };
}

/** @param {string} id */
function open(id) {
  const { dialog, form, error } = dialogOf(id);
  form.reset();
  if (error) error.hidden = true;
  say(dialog.querySelector("[data-whose]"), whose);
  dialog.showModal();
}

/** @param {HTMLFormElement} form */
function typed(form) {
  const fields = new FormData(form);
  return { ...Object.fromEntries(fields), stations: fields.getAll("stations") };
}

const path = (/** @type {string} */ what) => `accounts/${encodeURIComponent(whose)}/${what}`;

/** @param {string} way the path of the link */
function showLink(way) {
  open("link");
  byId("link-address").value = new URL(way, location.href).href;
  say(byId("link-said"), "");
  byId("link-address").select();
}

/** The role that is chosen shows where the account has it. */
function showHeld() {
  const { form } = dialogOf("role"), role = /** @type {HTMLSelectElement} */ (form.elements.namedItem("role")).value;
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name=stations]"))) {
    box.checked = (held[role] || []).includes(box.value);
  }
  byId("role-take").disabled = !(role in held);
}

/** @param {string} id @param {(form: HTMLFormElement, error: HTMLElement, by: string) => Promise<any>} send null: not taken */
function begin(id, send) {
  const { dialog, form, error } = dialogOf(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const by = /** @type {HTMLButtonElement | null} */ (event.submitter)?.value || "";
    if (await send(form, error, by) === null) return;
    dialog.close();
    if (id !== "invite") location.reload();
  });
}

begin("invite", async (form, error) => {
  const found = await sent(form, error, "accounts", typed(form));
  if (found === null) return null;
  whose = /** @type {HTMLInputElement} */ (form.elements.namedItem("name")).value;
  byId("link").addEventListener("close", () => location.reload(), { once: true });
  showLink(found.path);
});
begin("role", (form, error, by) => sent(form, error, path("role"), { ...typed(form), take: by === "take" }));
begin("deed", (form, error) => sent(form, error, path(deed), typed(form)));

/** @type {Record<string, (button: HTMLElement) => void>} what a button of a row opens, by its attribute */
const OPENS = {
  openRole: () => {
    open("role");
    const select = /** @type {HTMLSelectElement} */ (dialogOf("role").form.elements.namedItem("role"));
    select.value = Object.keys(held)[0] || select.value;
    showHeld();
  },
  deed: (button) => {
    deed = button.dataset.deed || "";
    open("deed");
    say(byId("deed-title"), button.textContent || "");
    say(byId("deed-send"), button.textContent || "");
    const what = deed === "disable" ? TEXT.account_disable_what : deed === "enable" ? TEXT.account_enable_what : TEXT.factor_reset_what;
    say(byId("deed-what"), what);
  },
  link: async (button) => {
    /** @type {HTMLButtonElement} */ (button).disabled = true;
    byId("accounts-error").hidden = true;
    try {
      const answer = await act(path("invite"), {});
      if (answer) showLink((await saidBy(answer)).path);
    } catch (problem) {
      showProblem(byId("accounts-error"), problem);
    } finally {
      /** @type {HTMLButtonElement} */ (button).disabled = false;
    }
  },
};
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("tr button"))) {
  button.addEventListener("click", () => {
    const row = /** @type {HTMLElement} */ (button.closest("tr"));
    whose = row.dataset.login || "";
    held = JSON.parse(row.dataset.roles || "{}");
    for (const [attribute, opens] of Object.entries(OPENS)) if (attribute in button.dataset) opens(button);
  });
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog")?.close());
}
dialogOf("role").form.querySelector("[name=role]")?.addEventListener("change", showHeld);
byId("open-invite").addEventListener("click", () => {
  whose = "";
  open("invite");
});
byId("link-copy").addEventListener("click", async () => {
  byId("link-address").select();
  const done = await navigator.clipboard?.writeText(byId("link-address").value).then(() => true, () => false);
  say(byId("link-said"), done ? TEXT.account_copied : TEXT.account_copy_by_hand);
});
