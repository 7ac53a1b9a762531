"""The page of a rule in a browser: other limits are tried on the past, by keys, and end in a patch to take away."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from quantrac.desks.roles import Role, RoleGrant
from tests.acceptance.test_console_screen import CALL
from tests.fixtures.console import CONFIGS, RunningConsole
from tests.fixtures.page_timing import SIDEWAYS, eventually_on, routed
from tests.fixtures.timing import eventually

pytestmark = pytest.mark.slow

FILL = """
insert into reading select channel_id, t, case when extract(hour from t) = 3 then 2.7 else 5 end, 0, 0, t
from channel, generate_series(%(t0)s::timestamptz, %(t0)s::timestamptz + interval '6 days', interval '1 minute') t
where channel = 'st-my-thanh/do'
"""


def functions_are_right(page: Page) -> None:
    def calls(name: str, *cases: tuple[list[Any], Any]) -> None:
        found = page.evaluate(CALL, ["trial", name, [given for given, _ in cases]])
        assert found == [expected for _, expected in cases], name

    calls(
        "eventsIn", (
            ['event: a\ndata: 0.5\n\nevent: b\ndata: {"x'],
            {"events": [{"kind": "a", "data": 0.5}], "left": 'event: b\ndata: {"x'},
        ),
    )  # fmt: skip
    spans = [[0, 10, "low"], [50, None, "high"], [200, 300, "low"]]
    calls("placed", ([spans, [5, 105]], [
        {"from": 0, "to": 0.05, "severity": "low"}, {"from": 0.45, "to": 1, "severity": "high"},
    ]))  # fmt: skip


def test_other_limits_are_tried_by_keys_and_taken_away_as_a_patch(
    unstarted_console: Any, chromium: Browser, tmp_path: Path
) -> None:
    console: RunningConsole = unstarted_console(config=CONFIGS)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=8)
    console.conn.execute(FILL, {"t0": start})
    console.start()
    eventually(lambda: console.ask("GET", "/rules")[0] == 200)  # the files are read by then
    context = chromium.new_context(viewport={"width": 390, "height": 844}, accept_downloads=True)
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    technician = console.sign_in("Lê Văn An", RoleGrant(Role.TECHNICIAN))
    context.add_cookies([{"name": "quantrac", "value": technician, "url": console.url}])
    page = context.new_page()
    routed(page)
    page.goto(f"{console.url}/rules?lang=en")
    expect(page.get_by_role("link", name="Low oxygen", exact=True)).to_be_visible()
    eventually_on(page, lambda: page.evaluate(SIDEWAYS) == 0)
    page.get_by_role("link", name="Low oxygen", exact=True).press("Enter")
    page.wait_for_url("**/rules/do-low?*")
    page.wait_for_load_state()
    expect(page.locator(".bubble").nth(1)).to_contain_text("URGENT")
    eventually_on(page, lambda: page.evaluate(SIDEWAYS) == 0)
    functions_are_right(page)

    run, error, result = page.locator("#trial-run"), page.locator("#trial-error"), page.locator("#trial-result")
    limit, clear = (page.locator(f'[data-key="below.act.{word}"]') for word in ("limit", "clear"))
    run.press("Enter")
    expect(error).to_have_text("No limit or delay is changed yet.")
    limit.fill("2.4")
    page.locator("#trial-reset").press("Enter")
    expect(limit).to_have_value("3")
    limit.fill("2,5")
    clear.fill("2")
    clear.press("Enter")
    expect(page.locator(".trial-field .error:visible")).to_have_text(
        "the clear limit must lie on the safe side of the limit"
    )
    expect(clear).to_be_focused()
    clear.fill("2.6")

    # nothing hears of the trial any more: what was typed stays
    page.route("**/trial", lambda route: route.abort())
    clear.press("Enter")
    expect(error).to_contain_text("The connection ended")
    page.unroute("**/trial")

    clear.press("Enter")
    expect(result).to_be_focused()
    expect(page.locator(".figures li").first).to_have_text("6 → 0 alarms")
    expect(page.locator("#trial-plot canvas")).to_be_visible()
    expect(page.locator(".trial-lane").first).to_contain_text("Now: 6")
    eventually_on(page, lambda: page.evaluate(SIDEWAYS) == 0)
    expect(page.locator(".diff .plus code")).to_contain_text("limit: 2.5, clear: 2.6")
    with page.expect_download() as taken:
        page.locator("#trial-download").press("Enter")
    patch = tmp_path / "taken.patch"
    taken.value.save_as(patch)
    assert "+      act:    {limit: 2.5, clear: 2.6," in patch.read_text("utf-8")
    assert taken.value.suggested_filename == "do-low.patch"
    page.locator("#trial-copy").press("Enter")
    expect(page.locator("#trial-copied")).to_have_text("Copied")
    limit.fill("2.4")
    expect(page.locator("#trial-old")).to_be_visible()
    page.locator("[data-propose]").press("Enter")
    page.wait_for_url("**/configuration/rules/oxygen.yaml*")
    expect(page.locator("#file-text")).to_have_value(re.compile("limit: 2.5, clear: 2.6"))

    assert broken == []
    context.close()
