"""The workbench in a browser: a data officer judges, corrects and takes back by keys, also when others were faster."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from psycopg.types.json import Jsonb

from quantrac.desks import verdicts
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.quality import Quality
from tests.fixtures.console import RunningConsole
from tests.fixtures.page_timing import SIDEWAYS, eventually_on, routed
from tests.fixtures.timing import quickest

pytestmark = pytest.mark.slow

DO, PH = "st-my-thanh/do", "st-my-thanh/ph"
T0 = datetime(2026, 11, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
T1 = T0 + 200 * HOUR
FILL = """
insert into reading
select channel_id, t, case when test > 0 then 60 else 6 end, 0, test, t
from channel, generate_series(1, 10080) minute,
  lateral (select %(t0)s::timestamptz + minute * interval '1 min', case when minute in (3000, 4500) then 2 else 0 end)
    as x (t, test)
where channel = 'st-my-thanh/do'
"""
SEEN_ON_SONDE = """
insert into reading_flag (channel_id, time, test, flag, by, at, score, words)
select channel_id, time, 'out_of_water', 4, 'quality', now(), 2.5, %s::jsonb
from reading join channel using (channel_id) where channel = %s and time > %s and time <= %s
"""
BOTH = """
insert into reading select channel_id, %(t0)s::timestamptz + minute * interval '1 min', 7, 0, 0, now()
from channel, generate_series(1, 2880) minute where channel in ('st-my-thanh/do', 'st-my-thanh/ph')
"""
CALL = """
async ([name, cases]) => {
  const called = (await import(name === "typedNumber" ? "/static/typed_number.js" : "/static/correction.js"))[name];
  return cases.map((given) => called(...given));
}
"""


def functions_are_right(page: Page) -> None:
    def calls(name: str, *cases: tuple[list[Any], Any]) -> None:
        assert page.evaluate(CALL, [name, [given for given, _ in cases]]) == [expected for _, expected in cases], name

    none, two = "number_none", "number_two_ways"
    calls(
        "typedNumber", *(([said, "vi"], found) for said, found in (
            ("0,5", 0.5), (" −1.5 ", -1.5), ("1e300", 1e300), ("1e999", none), ("1,5,0", none), ("", none),
            ("0x10", none), ("1.500", two), ("-12.345", two), ("1,500", 1.5), ("0.500", 0.5), ("1.5000", 1.5),
        )),
        (["1,500", "en"], two), (["1.500", "en"], 1.5),
    )  # fmt: skip
    calls(
        "formulaOf", *(([kind, typed, "en"], found) for kind, typed, found in (
            ("value", {"value": "0"}, {"value": 0}), ("offset", {"offset": "0"}, "bench_amount"),
            ("drift", {"drift": "-1"}, {"drift": -1}), ("factor", {"factor": "1"}, "bench_amount"),
            ("factor", {"factor": "1,1"}, {"factor": 1.1, "added": 0}),
            ("factor", {"factor": "2", "offset": "x"}, none), ("value", {"value": "1,500", "offset": "x"}, two),
        )),
    )  # fmt: skip
    chosen = {"after": 60_000, "until": 180_000}
    calls(
        "previewOf", ([[60, 120, 180, 240], [1, 2, None, 4], chosen, {"drift": 1}], [None, 2.5, None, None]),
        ([[120, 180], [None, 2], chosen, {"value": 7}], [7, 7]),
    )  # fmt: skip
    calls("covered", ([[60, 120, 180], 60, 100, 200], chosen), ([[60], 60, 61, 99], None))
    calls("summaryOf", ([[None, 1, 3]], [2, 1, 3]), ([[None]], None))
    calls("periodOf", (["?from=2026-11-10T00:00:00Z&to=2026-11-09T00:00:00Z", 1e12], None), (["", 1e12], None))


def a_device_is_judged_at_once(console: RunningConsole, page: Page) -> None:
    """What a test found on the whole sonde is one line and one act; then a proposal of the service ledger."""
    found = [
        (SEEN_ON_SONDE, [Jsonb({"vi": "ở trên bờ", "en": "ashore"}), name, T1 + 20 * HOUR, T1 + 21 * HOUR])
        for name in (DO, PH)
    ]
    console.conn.execute(BOTH, {"t0": T1})
    for statement, values in found:
        console.conn.execute(statement, values)
    end = T1 + 48 * HOUR
    page.goto(f"{console.url}/workbench?channel={PH}&from={T1:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}")
    device = page.locator("#bench-queue > li", has_text="(2 kênh)")
    expect(device).to_have_count(1)
    expect(device).to_contain_text("Ra khỏi nước")
    device.get_by_role("button").click()
    expect(page.locator("#bench-device")).to_be_checked()
    expect(page.locator("#bench-count")).to_have_text("120 số liệu")
    expect(page.locator("#bench-why")).to_have_text("Ra khỏi nước (mức 2,5): ở trên bờ")
    page.locator("#bench-plot").focus()
    page.keyboard.press("a")
    expect(page.locator("#bench-count")).to_have_text("60 số liệu")
    page.keyboard.press("a")
    page.keyboard.press("f")
    page.locator("#bench-reason").fill("Đưa lên bờ")
    page.keyboard.press("Enter")
    expect(page.locator("#bench-said")).to_contain_text("Không đạt, cả thiết bị sonde")
    expect(device).to_have_count(0)
    judged = "select count(*) from v_reading where quality = 4 and time > %s and time <= %s and channel = any(%s)"
    span = [T1 + 20 * HOUR, T1 + 21 * HOUR, [DO, PH]]
    assert console.conn.execute(judged, span).fetchone() == (120,)
    says = "select count(*) from audit where detail ->> 'device' = 'sonde'"
    assert console.conn.execute(says).fetchone() == (1,)

    proposed = {
        "name": "5f0c1a9e", "channel": PH, "kind": "drift", "from_t": f"{T1 + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}",
        "to_t": f"{T1 + 30 * HOUR:%Y-%m-%dT%H:%M:%SZ}", "added": 0.1, "gap": 0.6, "confidence": 0.9,
        "reasons": "giá trị nhảy 0.6", "service_before": None, "service_after": f"{T1 + 31 * HOUR:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    routed_proposals = "**/proposals?*"
    page.route(routed_proposals, lambda route: route.fulfill(json={"proposals": [proposed]}))
    page.keyboard.press("r")
    line = page.locator("#bench-proposals button")
    expect(line).to_contain_text("hiệu chỉnh +0,10 đến +0,60")
    expect(line).to_contain_text("giá trị nhảy 0.6")
    line.click()
    expect(page.locator("#bench-lanes")).to_contain_text("Đề xuất: 1")
    expect(page.locator("#bench-kinds")).to_be_hidden()
    expect(page.locator("#bench-effect")).to_have_text(re.compile(r"^Trước: 7,00 .* sau: 7,3"))
    page.locator("#bench-reason").fill("Nước lũ về, không phải đầu đo")
    asked: list[Any] = []

    def answer(route: Route) -> None:
        asked.append((route.request.url.rpartition("/proposals/")[2], route.request.post_data_json))
        route.fulfill(status=422, json={"error": "đề xuất không còn"})

    page.route("**/proposals/*/*", answer)
    page.locator("#bench-reject").click()
    expect(page.locator("#bench-error")).to_contain_text("đề xuất không còn")
    page.locator("#bench-send").click()
    eventually_on(page, lambda: len(asked) == 2)
    assert [way for way, _ in asked] == ["5f0c1a9e/reject", "5f0c1a9e/accept"]
    assert all(body["reason"].startswith("Nước lũ") and body["from"] < body["to"] for _, body in asked)
    page.keyboard.press("Escape")

    # what is being worked out for one period is not the answer for another
    held: list[Route] = []
    page.route(routed_proposals, lambda route: held.append(route))  # noqa: PLW0108  # Playwright marks what it is given
    page.keyboard.press("r")
    eventually_on(page, lambda: bool(held))
    page.keyboard.press("m")
    held[0].fulfill(json={"proposals": [proposed]})
    expect(page.locator("#bench-proposals-said")).to_have_text("")
    expect(line).to_have_count(0)

    # on the station's page the value says the same, and leads to its trace
    since, until = (f"{T1 + hours * HOUR:%Y-%m-%dT%H:%M:%SZ}" for hours in (20, 21))
    page.goto(f"{console.url}/stations/st-my-thanh?from={since}&to={until}")
    chart = page.locator(f'.chart[data-channel="{PH}"]')
    expect(chart.locator("canvas")).to_be_visible()
    chart.locator(".plot").focus()
    page.keyboard.press("End")
    words = "Ra khỏi nước (mức 2,5): ở trên bờ · Người duyệt: Không đạt, Nguyễn Thị Hoa <b>: Đưa lên bờ"
    expect(chart.locator(".pointed")).to_contain_text(words)
    page.keyboard.press("t")
    page.wait_for_url(f"**/stations/st-my-thanh/trace/ph?time={T1 + 21 * HOUR:%Y-%m-%dT%H:%M}:00.000Z*")
    expect(page.locator("main")).to_contain_text("ở trên bờ")


@pytest.mark.timed
def test_a_data_officer_reviews_by_keys_and_sees_what_others_did(console: RunningConsole, chromium: Browser) -> None:
    console.conn.execute(FILL, {"t0": T0})
    console.conn.execute("analyze reading")
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    officer = console.sign_in("Nguyễn Thị Hoa <b>", RoleGrant(Role.DATA_OFFICER))
    context.add_cookies([{"name": "quantrac", "value": officer, "url": console.url}])
    page, keys = context.new_page(), "keyboard"
    end = T0 + 168 * HOUR
    routed(page)
    page.goto(f"{console.url}/workbench?channel={DO}&from={T0:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}")
    functions_are_right(page)
    form, said, count, error = (page.locator(f"#bench-{name}") for name in ("form", "said", "count", "error"))
    queued, plot, reason = page.locator("#bench-queue > li"), page.locator("#bench-plot"), page.locator("#bench-reason")

    def press(*pressed: str) -> None:
        for key in pressed:
            getattr(page, keys).press(key)

    def signed(words: str) -> None:
        reason.fill(words)
        press("Enter")

    # the queue, one key for each step
    expect(queued).to_have_count(2)
    press("n")
    expect(count).to_have_text("1 số liệu")
    press("f")
    signed("Gai do nhiễu điện")
    expect(said).to_contain_text("#1: Không đạt, 1 số liệu")
    expect(queued).to_have_count(1)
    expect(count).to_have_text("1 số liệu")  # the next one is selected already
    expect(page.locator("#bench-signer")).to_have_text("Nguyễn Thị Hoa <b>")
    press("Escape")
    expect(form).to_be_hidden()
    plot.focus()
    press("ArrowLeft")
    expect(page.locator("#bench-trace")).to_have_attribute("href", re.compile("/st-my-thanh/trace/do.time=2026-11-1"))

    # brush, preview, and somebody who is faster
    page.goto(page.url)
    expect(queued).to_have_count(1)
    over = page.locator("#bench-plot .u-over")
    expect(page.locator("#clock")).not_to_be_empty()  # the stream has spoken: nothing comes above the chart any more
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 90, steps=3)
    page.mouse.up()
    expect(count).to_have_text(re.compile(r"^(24|25|26)\d\d số liệu$"))
    press("o")
    page.keyboard.type("0,5")
    expect(page.locator("#bench-effect")).to_have_text("Trước: 6,00 (6,00 … 6,00) → sau: 6,50 (6,50 … 6,50)")
    other = ReviewedReadings(DO, T0 + 110 * HOUR, T0 + 111 * HOUR)
    verdicts.flag(console.conn, other, Quality.SUSPECT, "Lê Văn An", "nước đục", datetime.now(UTC))
    signed("Theo hiệu chuẩn")
    expect(error).to_contain_text("Lê Văn An đã duyệt một phần các số liệu này")
    expect(page.locator("#bench-there li")).to_contain_text("nước đục")
    expect(error).to_be_focused()
    press("Enter")  # in a hurry: nothing is signed over what nobody has read
    expect(reason).to_have_value("Theo hiệu chuẩn")
    reason.focus()

    # the database is away, the page is loaded again: what was typed is there
    def away(route: Route) -> None:
        route.fulfill(status=503, content_type="application/json", body='{"error": "mất cơ sở dữ liệu"}')

    page.route("**/api/channels/**", away)
    press("Enter")
    expect(error).to_contain_text("mất cơ sở dữ liệu")
    page.reload()
    expect(page.locator("#bench-away")).to_be_visible()
    expect(queued).to_have_count(1)  # what succeeds beside it says nothing of what failed
    expect(page.locator("#bench-away")).to_be_visible()
    reason.press("Enter")
    expect(error).to_be_visible()
    page.unroute("**/api/channels/**")
    expect(page.locator("#bench-away")).to_be_hidden()
    expect(error).to_be_visible()  # asking again leaves the form alone
    expect(reason).to_have_value("Theo hiệu chuẩn")
    expect(page.locator("#bench-offset")).to_have_value("0,5")
    expect(count).to_have_text(re.compile(r"^(24|25|26)\d\d số liệu$"))
    reason.focus()
    press("Enter")
    expect(said).to_contain_text("#3: giá trị thô + 0,5")
    value = "select value, raw_value from v_reading where channel = %s and time = %s"
    assert console.conn.execute(value, [DO, T0 + 120 * HOUR]).fetchone() == (6.5, 6.0)

    # undo: a new act; history stays
    press("z")
    signed("Nhầm đoạn")
    expect(said).to_contain_text("đã rút lại")
    expect(page.locator("#bench-acts .withdrawn")).to_have_count(1)
    assert console.conn.execute(value, [DO, T0 + 120 * HOUR]).fetchone() == (6.0, 6.0)

    # all by keys, and how long it takes from the key to the new line
    pressed = iter("fsfsfsfs")

    def select_and_flag() -> float:
        plot.focus()
        press("Home", "Shift+End")
        expect(count).to_have_text("10080 số liệu")
        press(next(pressed))
        reason.fill("Đầu đo bám bẩn")
        drawn = page.locator(".bench").get_attribute("data-drawn")
        began = time.monotonic()
        press("Enter")
        page.wait_for_function("drawn => document.querySelector('.bench').dataset.drawn !== drawn", arg=drawn)
        return time.monotonic() - began

    assert quickest(select_and_flag, 1) < 1

    # the browser's way back while an act is on its way: nothing is left to be signed on another channel
    choice = page.locator("#bench-channel")
    for name in (PH, DO):
        drawn = page.locator(".bench").get_attribute("data-drawn")
        choice.select_option(name)
        page.wait_for_function("drawn => document.querySelector('.bench').dataset.drawn !== drawn", arg=drawn)
    plot.focus()
    press("Home", "Shift+End")
    expect(count).to_have_text("10080 số liệu")
    press("g")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/flag", hold)
    signed("Đã vệ sinh")
    (act,) = eventually_on(page, lambda: held)
    page.go_back()
    expect(choice).to_have_value(PH)
    act.fulfill(status=422, content_type="application/json", body='{"error": "chưa được"}')
    expect(form).to_be_hidden()
    expect(said).to_contain_text("chưa được")
    press("?")
    expect(page.locator("#bench-help")).to_be_visible()
    press("Escape")
    for width, height in ((1920, 1080), (390, 844), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(SIDEWAYS) <= 0, width
    page.unroute("**/flag")
    a_device_is_judged_at_once(console, page)
    context.close()
    assert broken == []
