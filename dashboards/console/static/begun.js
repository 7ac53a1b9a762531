// Says so where a script of the page has not come, or the page has not begun: it would look alive, and do nothing. It
// needs none of the others, and stands before them, to hear of each. A page that has not begun, and into which nobody has
// typed, is loaded again by itself.
{
  const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const hasBegun = () => "begun" in document.body.dataset;
  let isTyped = false;

  const tell = () => {
    const words = byId("unloaded"), pill = byId("pill");
    if (!words.hidden) return;
    words.hidden = false;
    if (hasBegun()) return;
    document.body.classList.add("old");
    pill.className = "pill dead";
    pill.textContent = JSON.parse(byId("texts").textContent).no_connection;
    setInterval(async () => {
      if (hasBegun()) words.hidden = true; // it came late
      else if (!isTyped && (await fetch("").catch(() => null))?.ok) location.reload();
    }, 15000);
  };

  addEventListener("input", () => (isTyped = true));
  addEventListener("error", ({ target }) => target instanceof HTMLScriptElement && tell(), true);
  setTimeout(() => hasBegun() || tell(), 30000);
}
