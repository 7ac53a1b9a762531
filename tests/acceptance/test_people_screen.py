"""The pages of people in a browser: a person is added, corrected, tried and erased, by keys and on a telephone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.console import CONFIGS, RunningConsole
from tests.fixtures.page_timing import SIDEWAYS
from tests.fixtures.timing import eventually

pytestmark = pytest.mark.slow

PASSWORD = "mười hai con tôm"
NAME = "Bà <b>Tư</b> " + "x" * 180


def test_an_operator_keeps_the_list_of_people(unstarted_console: object, chromium: Browser, tmp_path: Path) -> None:
    assert callable(unstarted_console)
    console: RunningConsole = unstarted_console(config=CONFIGS)
    console.start()
    conn, secret = console.conn, console.sign_in()
    console.account("binh", "Trần Thị Bình", PASSWORD)
    eventually(lambda: "Ca trực A" in console.ask("GET", "/people/roster", by=secret)[2])
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    page = context.new_page()
    page.goto(f"{console.url}/sign-in?next=/people/new")
    page.locator("input[name=login]").fill("binh")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")

    # a form that is wrong says where, and keeps what was typed
    error, said = page.locator("#form-error"), page.locator("#person-said")
    expect(page.locator("#form-send")).to_be_enabled()
    page.get_by_label("Họ tên").fill(NAME)
    page.get_by_label("Điện thoại", exact=True).fill("12")
    page.keyboard.press("Enter")
    expect(error).to_contain_text("Điện thoại: '12' không phải số đang dùng")
    expect(error).to_contain_text("Nhóm: cần chọn ít nhất một")
    phone = page.get_by_label("Điện thoại", exact=True)
    expect(phone).to_be_focused()
    expect(phone).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Họ tên")).to_have_value(NAME.strip())
    phone.fill("0987 654 321")
    page.get_by_label("Hộ nuôi tôm, cá").check()
    page.get_by_label("Người này").select_option("given")
    page.get_by_label("Ngày đồng ý").fill("2026-11-24")
    page.get_by_label("Ghi nhận bằng cách nào").fill("giấy tại xã")
    page.locator("#form-send").click()
    expect(said).to_have_text("Đã thêm.")
    expect(page.locator(".facts")).to_contain_text("✓ đã đồng ý 24/11/2026 · giấy tại xã")
    number = int(page.url.rpartition("/")[2].partition("?")[0])

    # a session that ends in the middle costs nothing but signing in; somebody else was faster
    expect(page.locator("#form-send")).to_be_enabled()
    page.locator("#edit > summary").click()
    page.get_by_label("Giờ yên tĩnh riêng, từ").fill("22:00")
    page.get_by_label("đến", exact=True).fill("05:00")
    conn.execute(
        "insert into audit (at, person, action, subject) values (now(), 'Lan', 'change', %s)", [f"contact {number}"]
    )
    page.locator("#form-send").click()
    expect(error).to_contain_text("Lan đã sửa người này")
    page.reload()
    expect(page.locator("#form-send")).to_be_enabled()
    page.locator("#edit > summary").click()
    page.get_by_label("Giờ yên tĩnh riêng, từ").fill("22:00")
    page.get_by_label("đến", exact=True).fill("05:00")
    conn.execute("delete from console_session")
    page.locator("#form-send").dispatch_event("click")  # the stream may have found it out first, and asks
    page.locator("#sign-in-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(said).to_have_text("Đã lưu; có hiệu lực từ tin kế tiếp.")
    expect(page.locator(".facts")).to_contain_text("22:00–05:00 (của riêng người này)")

    # a test message: its outcome comes by itself
    page.locator("#send-test").click()
    expect(page.locator("#history")).to_contain_text("đang chờ gửi")
    conn.execute(
        "update notification set status = 'delivered', sent_at = %(now)s, delivered_at = %(now)s, carrier = 'esms'",
        {"now": datetime.now(UTC)},
    )
    expect(page.locator("#history")).to_contain_text("đã đến máy")
    expect(said).to_contain_text("Tin nhắn thử đã có kết quả")

    # what is kept is taken home; what is erased is gone
    page.locator("[data-deed=export]").click()
    page.locator("#deed-reason").fill("bà Tư yêu cầu")
    with page.expect_download() as download:
        page.locator("#deed-send").click()
    download.value.save_as(tmp_path / "found.json")
    assert json.loads((tmp_path / "found.json").read_text())["phone"] == "+84987654321"
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/people", "/people/roster", "/people/told?rule=do-low/act&station=st-my-thanh", f"/people/{number}"):
        page.goto(console.url + path)
        expect(page.locator("#clock")).not_to_be_empty()
        assert page.evaluate(SIDEWAYS) <= 0, path
    page.locator("[data-deed=erase]").click()
    page.locator("#deed-reason").fill("bà Tư yêu cầu")
    page.locator("#deed-sure-box").check()
    page.locator("#deed-send").click()
    expect(said).to_have_text("Đã xóa dữ liệu cá nhân.")
    assert conn.execute("select name, phone_e164 from contact").fetchall() == [("", None)]
    context.close()
    assert broken == []
