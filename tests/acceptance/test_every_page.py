"""Every page of the console, as the application's own routes name them: read by everybody, used by keyboard alone.

A page that is added is visited by itself; a place in its address that no page had before gets a value in PLACES.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, ViewportSize

from alerts.telling.links import links_of
from dashboards.console.admission import acts_of
from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.hub import Hub
from quantrac.config.bulletins import BulletinKind
from quantrac.config.loader import load_network
from quantrac.desks import accounts, bulletins
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures import bad_past
from tests.fixtures.console import CONFIGS, RunningConsole
from tests.integration.console.test_admission import PLACES

pytestmark = pytest.mark.slow

WIDE: Final[ViewportSize] = {"width": 1366, "height": 768}
TELEPHONE: Final[ViewportSize] = {"width": 390, "height": 844}
AXE: Final = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

TAB: Final = {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
NOTING: Final = """
(() => {
  const [add, acting] = [EventTarget.prototype.addEventListener, ["click", "mousedown", "pointerdown", "dblclick"]];
  window.acting = new Set();
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (this instanceof Element && acting.includes(type)) window.acting.add(this);
    return add.call(this, type, ...rest);
  };
})();
"""
"""Runs before the page's own scripts: notes which elements hear the mouse."""
READY: Final = """
() => document.readyState === "complete" && document.querySelector("#clock")?.textContent !== ""
  && !document.querySelector("#pill:not(.live)")
"""
"""The page has said what it knows: its clock goes, its stream has spoken."""
VIOLATIONS: Final = """
async ([place, rules]) => {
  const { violations } = await axe.run(place ? document.querySelector(place) : document, {
    resultTypes: ["violations"], preload: false, iframes: false, ...(rules.length ? { runOnly: rules } : {}),
  });
  return violations.flatMap(({ id, nodes }) => nodes.map(
    ({ target, any, all, none }) =>
      `${id}: ${target.join(" ")}: ${[...any, ...all, ...none].map((one) => one.message).join("; ")}`
  ));
}
"""
OF_LOOKS: Final = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"]
"""Rules that colours and width change the answer of."""
SIDEWAYS: Final = """
async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))); // it has heard of its width
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1);
  return [`scrolls sideways: ${wide.slice(0, 5).map((one) => `${one.tagName}.${one.className}`).join(", ")}`];
}
"""
BY_KEYS: Final = """
() => {
  const NATIVE = "a[href], button, input, select, textarea, summary, [tabindex]";
  const PICTURES = [[".lane rect", "#bench-plot"], ["#sound, #map", "body.wall"]]; // the keys of the chart, of the page
  const named = (one) => {
    const own = one.id ? `#${one.id}` : `${one.tagName.toLowerCase()}.${one.getAttribute("class") || ""}`;
    return `${own} “${(one.getAttribute("aria-label") || one.textContent).trim().slice(0, 40)}”`;
  };
  const modal = document.querySelector("dialog:modal");
  const isThere = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.type !== "hidden"
    && !one.closest("[inert]") && (modal === null || modal.contains(one));
  const controls = [...document.querySelectorAll(NATIVE)].filter((one) => isThere(one) && one.tabIndex >= 0);
  const inGroup = (one) => one.type === "radio" ? [...document.getElementsByName(one.name)] : [one];
  const deaf = [...window.acting].filter((one) => one.isConnected && isThere(one))
    .filter((one) => !one.closest(NATIVE) && !one.querySelector(NATIVE))
    .filter((one) => !PICTURES.some(([kind, other]) => one.closest(kind) && document.querySelector(other)));
  const seen = new Map(); // element -> what is wrong with its focus
  const look = () => {
    const one = document.activeElement;
    if (one === null || one === document.body || seen.has(one)) return;
    const style = getComputedStyle(one), wrong = [];
    const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    if (!isOutlined && style.boxShadow === "none") wrong.push("focus not visible");
    const isShown = () => [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.1], [0.5, 0.9]].some(([x, y]) => {
      const box = one.getBoundingClientRect();
      const top = document.elementFromPoint(box.left + x * box.width, box.top + y * box.height);
      return top !== null && (one.contains(top) || top.contains(one));
    });
    if (!isShown()) one.scrollIntoView({ block: "nearest" }); // what came meanwhile has moved it
    if (!isShown()) wrong.push("focus beneath something or beyond the edge");
    if (modal !== null && !modal.contains(one)) wrong.push("focus left the dialog");
    seen.set(one, wrong);
  };
  document.addEventListener("keydown", look, true);
  window.walked = () => {
    document.removeEventListener("keydown", look, true);
    return [
      ...deaf.map((one) => `only the mouse acts on ${named(one)}`),
      ...controls.filter((one) => one.isConnected && isThere(one) && !inGroup(one).some((other) => seen.has(other)))
        .map((one) => `Tab never comes to ${named(one)}`),
      ...[...seen].flatMap(([one, wrong]) => wrong.map((words) => `${words}: ${named(one)}`)),
    ];
  };
  const parts = controls.filter((one) => /date|month|time/.test(one.type)).length * 8; // day, month, year, hour ...
  return controls.length + parts + 6;
}
"""
"""Begins to note where Tab comes; returns how often to press it. `walked()` tells what was wrong."""


FOREVER: Final = (
    "insert into service values ('ingest', 'test', now() + interval '1 day', now() + interval '1 day', true, 0)"
)
"""However long a page is looked at, its data do not grow old."""
FEWER: Final = "update station set active = false where station not in ('st-my-thanh', 'st-tran-de', 'st-cu-lao-dung')"
"""Three stations show what six do."""
MORE: Final = (
    "/alarms?state=all", f"/stations/{bad_past.STATION}/gaps?day={{day}}", "/alarms/999999",
    f"/compare?left={bad_past.CHANNEL}&left=st-tran-de/do&right={bad_past.STATION}/ph", "/stages?station=st-my-thanh",
    "/public/stations/st-my-thanh/poster", "/public/stations/st-tp-soc-trang",
    "/ministry?station=st-my-thanh&file={file}",
)  # fmt: skip
"""Addresses of pages that show more than the bare one does."""


def pages_of(console: RunningConsole, alarm_id: int, secret: str) -> Iterator[tuple[str, bool]]:
    """Yield the addresses of all pages, and whether each is open to whoever comes."""
    links, now = links_of(console.settings), datetime.now(UTC)
    assert links is not None
    rules = AdmissionRules.of(console.settings)
    app = create_app(Console(cast(Any, None), Hub(), cast(Any, None), lambda: now, rules, links), frozenset())
    (account_id,) = console.conn.execute("select account_id from account limit 1").fetchone() or (0,)
    places = PLACES | {
        "alarm_id": str(alarm_id),
        "token": links.to_alarm(alarm_id, 1, now).rpartition("/")[2],
        "word": links.word_for("esms"),
        "secret": accounts.make_link(console.conn, account_id, "password", now + timedelta(days=1)),
    }
    for route in app.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.path.startswith("/api/"):
            path, is_open = route.path_format.format(**places), not acts_of(route)
            if console.kind_of(path, by=None if is_open else secret).startswith("text/html"):
                yield path, is_open
    file = console.conn.execute("select max(time) - interval '10 minutes' from ministry_file").fetchone() or (now,)
    more = {"day": now.date(), "file": quote(file[0].isoformat())}
    yield from ((path.format_map(more), False) for path in MORE)


class Reader:
    """A browser that says what is wrong in the pages that it opens: light on a desk, then dark on a telephone."""

    def __init__(self, chromium: Browser, console: RunningConsole) -> None:
        self._console, self._context = console, chromium.new_context(viewport=WIDE)
        self._context.add_init_script(NOTING)
        self._page = self._context.new_page()
        self._keys = self._context.new_cdp_session(self._page)
        self._dialogs: set[str] = set()

    def finds(self, path: str, lang: str, secret: str | None) -> list[str]:
        """Open a page as somebody, look at it and go through it by Tab; returns what is wrong."""
        page = self._page
        self._context.clear_cookies()
        if secret is not None:
            self._context.add_cookies([{"name": "quantrac", "value": secret, "url": self._console.url}])
        page.goto(f"{self._console.url}{path}{'&' if '?' in path else '?'}lang={lang}")
        page.wait_for_function(READY)
        page.evaluate(AXE)
        wrong = [*page.evaluate(VIOLATIONS, ["", []]), *page.evaluate(SIDEWAYS), *self._tabs()]
        for dialog in page.evaluate("[...document.querySelectorAll('dialog[id]')].map((one) => one.id)"):
            if dialog not in self._dialogs:
                self._dialogs.add(dialog)
                wrong += [f"{dialog}: {one}" for one in self._asks(dialog)]
        page.set_viewport_size(TELEPHONE)
        page.emulate_media(color_scheme="dark")
        wrong += [
            f"dark telephone: {one}" for one in page.evaluate(VIOLATIONS, ["", OF_LOOKS]) + page.evaluate(SIDEWAYS)
        ]
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        return [f"{path} ({lang}): {one}" for one in wrong]

    def _tabs(self) -> list[str]:
        for _ in range(self._page.evaluate(BY_KEYS)):
            self._keys.send("Input.dispatchKeyEvent", TAB)
        found: list[str] = self._page.evaluate("walked()")
        return found

    def _asks(self, dialog: str) -> list[str]:
        """Open a dialog over the focused control, go through it and leave it by Escape."""
        page = self._page
        page.evaluate(
            "(id) => [document.querySelector('header a').focus(), document.getElementById(id).showModal()]", dialog
        )
        wrong: list[str] = page.evaluate(VIOLATIONS, [f"#{dialog}", []]) + self._tabs()
        page.keyboard.press("Escape")
        page.wait_for_function("(id) => !document.getElementById(id).open", arg=dialog)
        if not page.evaluate("document.activeElement === document.querySelector('header a')"):
            wrong.append("focus does not return to where it was")
        return wrong


def test_every_page_is_read_by_everybody_and_used_by_keyboard_alone(
    unstarted_console: Callable[..., RunningConsole], chromium: Browser
) -> None:
    console = unstarted_console(config=CONFIGS, link_secret="geheim", command_keys=Path("nowhere"))
    console.start()
    alarm_id = bad_past.fill(console.conn, datetime.now(UTC))
    bulletins.make(console.conn, load_network(CONFIGS), BulletinKind.WATER_WEEK, None, "An", datetime.now(UTC))
    console.conn.execute(FOREVER)
    console.conn.execute(FEWER)
    secret, reader = console.sign_in("Lê Văn An", RoleGrant(Role.ADMINISTRATOR)), Reader(chromium, console)
    console.arrive(bad_past.CHANNEL, 5.1)
    wrong = reader.finds("/compare", "vi", None)  # where nobody is signed in each dialog of all pages stays open
    for (path, is_open), lang in zip(pages_of(console, alarm_id, secret), itertools.cycle(("en", "vi"))):
        console.arrive(bad_past.CHANNEL, 5.1)
        wrong += reader.finds(path, lang, None if is_open else secret)
    assert not wrong, "\n".join(wrong)
