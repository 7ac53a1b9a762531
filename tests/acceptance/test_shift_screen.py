"""The shift book in a browser: notes survive what goes wrong, two sign, and who comes second signs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Route, expect

from quantrac.desks import shift
from tests.fixtures.console import RunningConsole
from tests.fixtures.page_timing import SIDEWAYS, routed

pytestmark = pytest.mark.slow

PASSWORD = "mười hai con tôm"
LONG = "Thủy" * 50
ELSEWHERE = """
insert into alarm (rule, level, station, severity, state, raised_at)
values ('ph-high', 'act', 'st-tran-de', 'critical', 'unacknowledged', now())
"""


def test_a_shift_is_written_handed_over_and_taken_over(console: RunningConsole, chromium: Browser) -> None:
    conn, number = console.conn, shift.open_shift(console.conn).shift_id
    conn.execute("update shift set since = %s", [datetime.now(UTC) - timedelta(hours=8)])
    alarm = console.raise_alarm()
    conn.execute(
        "insert into alarm_event (alarm_id, time, event, at, state, acknowledged)"
        " values (%s, now(), 'raised', now() - interval '1 s', 'unacknowledged', false)", [alarm],
    )  # fmt: skip
    console.account("an.le", "Lê Văn An", PASSWORD)
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    page = context.new_page()
    routed(page)
    page.goto(f"{console.url}/sign-in?next=/shift")
    page.locator("input[autocomplete=username]").fill("an.le")
    page.locator("input[type=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    items, said = page.locator("#kind-standing .shift-item"), page.locator("#note-said")
    words = page.locator("#note-text")
    page.wait_for_url(f"{console.url}/shift*")  # until it is loaded: scripts take the clicks
    expect(items).to_have_count(1)

    # a note on an item, while the database is away, then over a session that ends, then it is there
    page.locator(f"#note-alarm_{alarm}").click()
    expect(page.locator("#note-item-words")).to_contain_text("Oxy thấp")
    page.keyboard.type(LONG)
    page.locator("#note-mark").select_option("watch")

    def away(route: Route) -> None:
        route.fulfill(status=503, json={"error": "bảng điều khiển không kết nối được cơ sở dữ liệu"})

    page.route("**/shift/note", away)
    page.locator("#note-form button[type=submit]").click()
    expect(page.locator("#note-error")).to_contain_text("không kết nối được cơ sở dữ liệu")
    expect(words).to_have_value(LONG)
    page.unroute("**/shift/note")
    page.reload()
    expect(said).to_have_text("Những gì đã gõ mà chưa gửi vẫn còn đây.")
    expect(words).to_have_value(LONG)
    expect(page.locator("#note-item-words")).to_contain_text("Oxy thấp")
    conn.execute("delete from console_session")
    send = page.locator("#note-form button[type=submit]")
    # not pressed by the mouse: the stream may have found it out first, and asks; something is typed meanwhile
    send.evaluate("(send) => { send.click(); document.getElementById('note-text').value = 'gọi lại'; }")
    page.locator("#sign-in-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(said).to_have_text("Đã ghi vào sổ.")
    expect(page.locator(".item-note")).to_contain_text(LONG)
    expect(page.locator(".shift-item.watch")).to_have_count(1)
    expect(words).to_have_value("gọi lại")
    expect(page.locator("#note-item-words")).to_contain_text("Oxy thấp")
    send.click()
    expect(words).to_have_value("")

    # what is typed stays while the page lives
    page.keyboard.press("Tab")
    page.locator("#hand-over-remark").fill("giữ máy thổi khí")
    conn.execute(ELSEWHERE)
    expect(items).to_have_count(2)
    expect(page.locator("#hand-over-remark")).to_have_value("giữ máy thổi khí")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(SIDEWAYS) <= 0
    page.set_viewport_size({"width": 1366, "height": 768})

    # somebody else is faster; whoever comes second signs nothing
    shift.hand_over(conn, number, "Bình", "", datetime.now(UTC))
    page.locator("#hand-over button[type=submit]").dispatch_event("click")  # the page may hide it first
    expect(page.locator("#hand-over-error, #shift-changed").filter(visible=True).first).to_contain_text(str(number))
    expect(page.locator("#shift-changed")).to_be_visible()
    expect(page.locator("#hand-over")).to_be_hidden()
    assert shift.open_shift(conn).shift_id == number + 1

    # taken over; then handed over alone, by keys
    page.locator("#take-over").click()
    expect(page.locator(".shift-last")).to_contain_text("Người nhận ca: Lê Văn An")
    page.locator("#shift-changed a").click()
    expect(page.locator("#hand-over-remark")).to_be_visible()  # of the page that comes
    page.wait_for_load_state()
    expect(page.locator("#hand-over-remark")).to_have_value("giữ máy thổi khí")
    page.locator("h1").click()
    page.keyboard.press("h")
    expect(page.locator("#hand-over-remark")).to_be_focused()
    page.locator("#hand-over-alone").check()
    page.locator("#hand-over button[type=submit]").click()
    page.wait_for_url(f"**/shifts/{number + 1}?lang=vi")
    expect(page.locator(".signatures")).to_contain_text("một mình, không có người nhận")
    expect(page.locator("#live-part")).to_contain_text("giữ máy thổi khí")
    expect(page.locator(".shift-item.watch")).to_have_count(1)
    page.emulate_media(media="print")
    expect(page.locator("header")).to_be_hidden()
    expect(page.locator(".digest")).to_be_visible()
    context.close()
    assert broken == []
