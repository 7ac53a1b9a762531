// The menu: pages that the account may open, the one that is open, groups that fold away by themselves.
import { canDo } from "./account.js";
import { byId } from "./page.js";

/** @returns {HTMLDetailsElement[]} */
function groups() {
  return [...byId("menu").querySelectorAll("details")];
}

/** Show the pages that the account may open; again after signing in. */
export function showPages() {
  for (const link of byId("menu").querySelectorAll("a[data-act]")) {
    link.hidden = !canDo(link.dataset.act, link.dataset.everywhere !== undefined);
  }
}

/** A group closes on Escape, which gives the focus back, on a press elsewhere, and when the focus goes elsewhere. */
export function beginMenu() {
  for (const link of byId("menu").querySelectorAll("a:not(.language)")) {
    if (link.origin === location.origin && link.pathname === location.pathname) link.setAttribute("aria-current", "page");
  }
  for (const group of groups()) {
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !group.open) return;
      group.open = false;
      group.querySelector("summary")?.focus();
    });
    group.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !group.contains(relatedTarget)) group.open = false;
    });
  }
  document.addEventListener("pointerdown", ({ target }) => {
    for (const group of groups()) if (!(target instanceof Node && group.contains(target))) group.open = false;
  });
}
