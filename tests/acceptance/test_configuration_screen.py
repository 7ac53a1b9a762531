"""The editor of configuration files in a browser: by keys alone, with a faster colleague, and over an ended session."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from quantrac.config.config_folder import digest_of
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import CONFIGS, RunningConsole, new_session
from tests.fixtures.page_timing import SIDEWAYS, eventually_on, routed

pytestmark = pytest.mark.slow

FILE = "stations/st-my-thanh.yaml"
TECHNICIAN = RoleGrant(Role.TECHNICIAN)


def test_a_technician_mends_a_file_by_keys_and_loses_nothing(
    unstarted_console: Callable[..., RunningConsole], chromium: Browser, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(CONFIGS, tmp_path / "configs"))
    path = root / FILE
    old = path.read_text("utf-8")
    console = unstarted_console(config=root, config_editable=True)
    console.start()
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    secret = console.sign_in("Lê Văn An <i>", TECHNICIAN)
    context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
    page = context.new_page()
    routed(page)
    text, checked, said, error = (page.locator(f"#file-{name}") for name in ("text", "checked", "said", "error"))
    problems, offer, reason = (
        page.locator("#file-problems li"),
        page.locator("#file-offer"),
        page.locator("#file-reason"),
    )

    # the list, filtered without marks; the file
    page.goto(f"{console.url}/configuration")
    page.locator("#files-find").fill("my thanh")
    expect(page.locator("tr[data-find]:visible")).to_have_count(1)
    page.get_by_role("link", name="st-my-thanh.yaml").first.click()
    expect(checked).to_have_text("Không có lỗi: cấu hình của cả mạng hợp lệ.")
    expect(page.locator(".gutter .wrong")).to_have_count(0)

    # a mistake beside its line; Tab leaves the editor, F8 finds the mistake, Enter keeps the indent
    text.fill(old.replace("profile:", "profil:", 1))
    expect(checked).to_have_class("error")
    expect(page.locator(".gutter .wrong").first).to_be_visible()
    expect(page.locator(".code-note").first).to_be_visible()
    expect(problems.first).to_contain_text("profil")
    text.focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("F8")
    line = int(page.evaluate("t => t.value.slice(0, t.selectionStart).split('\\n').length", text.element_handle()))
    expect(problems.first).to_contain_text(f"Dòng {line} ")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    indent = page.evaluate("t => t.value.slice(t.value.lastIndexOf('\\n', t.selectionStart - 1) + 1, t.selectionStart)",
                           text.element_handle())  # fmt: skip
    assert re.fullmatch(" +", indent)
    page.keyboard.press("Tab")
    expect(text).not_to_be_focused()

    # saved as typed, with a reason; meanwhile somebody was faster at a shell
    mine = old + "# của tôi\n"
    text.fill(mine)
    expect(page.locator("#file-dirty")).to_be_visible()
    expect(checked).to_have_class("done")
    path.write_text(old + "# của người khác\n", "utf-8")
    reason.fill("thay đầu đo")
    text.focus()
    saved: list[Route] = []

    def held(route: Route) -> None:  # the answer waits for both keys
        saved.append(route)

    page.route("**/save", held)
    page.keyboard.press("Control+s")
    page.keyboard.press("Control+s")
    eventually_on(page, lambda: saved)
    page.unroute("**/save")
    saved[0].continue_()
    expect(error).to_contain_text("đã được sửa trên máy chủ sau khi bạn mở")
    expect(offer).to_be_visible()
    expect(page.locator("#file-lines .removed code")).to_have_text("# của người khác")
    expect(page.locator("#file-lines .added code")).to_have_text("# của tôi")
    expect(text).to_have_value(mine)
    assert len(saved) == 1, "the second key waits for the first"

    # what was typed stays over reloads, and so does that the file is another one
    for _ in range(2):
        page.reload()
        expect(offer).to_contain_text("chưa lưu")
        offer.get_by_role("button").first.click()
        expect(offer).to_contain_text("Tệp đã thay đổi sau khi bạn mở")
        expect(page.locator("#file-lines .removed code")).to_have_text("# của người khác")
        expect(text).to_have_value(mine)

    # the session is over: it goes on after signing in
    expect(reason).to_have_value("thay đầu đo")
    ((account_id,),) = console.conn.execute("delete from console_session returning account_id").fetchall()
    page.locator("#file-save button").dispatch_event("click")  # the stream may have found it out first, and asks
    expect(page.locator("#sign-in-again")).to_be_visible()
    secret = new_session(console.conn, account_id, datetime.now(UTC))
    context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
    page.evaluate("() => { window.dispatchEvent(new Event('focus')); }")
    expect(said).to_have_text("Đã lưu, thay đổi số 1.")
    assert path.read_text("utf-8") == mine

    # history: what was changed, and taking it back; the server away meanwhile
    expect(page.locator(".history > li")).to_have_count(1)
    expect(page.locator("#change-1")).to_contain_text("Lê Văn An <i>")
    page.locator("#change-1 summary").click()
    expect(page.locator("#change-1 .added code")).to_have_text("# của tôi")
    back = page.locator("#change-1 form")
    back.locator("input").fill("nhầm trạm")

    def away(route: Route) -> None:
        route.abort()

    page.route("**/take-back", away)
    back.locator("button").click()
    expect(back.locator(".error")).to_be_visible()
    page.unroute("**/take-back")
    back.locator("button").click()
    expect(said).to_have_text("Đã hoàn tác, ghi thành thay đổi số 2.")
    expect(text).to_have_value(old + "# của người khác\n")
    expect(page.locator(".history > li")).to_have_count(2)
    assert path.read_text("utf-8") == old + "# của người khác\n"

    # a text that another page proposes, of an older file: a colleague's change is shown
    oxygen = root / "rules/oxygen.yaml"
    proposed = "([opened]) => import('/static/proposal.js').then((m) => m.propose(" \
               "'rules/oxygen.yaml', 'rules: {}\\n', 'thử hạn mới', opened))"  # fmt: skip
    page.evaluate(proposed, ["0" * 64])
    expect(offer).to_contain_text("Tệp đã thay đổi sau khi bạn mở")
    expect(page.locator("#file-lines .added code")).to_have_text("rules: {}")
    offer.get_by_role("button").click()

    # a proposal leaves the person's own text; of the file as it is; what applying would change
    text.fill(oxygen.read_text("utf-8") + "# của tôi\n")
    expect(page.locator("#file-dirty")).to_be_visible()
    for _ in range(2):
        page.evaluate(proposed, [digest_of(oxygen.read_bytes())])
        expect(offer).to_contain_text("bạn còn nội dung chưa lưu")
        offer.get_by_role("button", name="Dùng nội dung của tôi").click()
        expect(text).to_have_value(oxygen.read_text("utf-8") + "# của tôi\n")
    page.evaluate(proposed, [digest_of(oxygen.read_bytes())])
    offer.get_by_role("button", name="Dùng đề xuất").click()
    expect(offer).to_contain_text("đây là nội dung được đề xuất", ignore_case=True)
    expect(text).to_have_value("rules: {}\n")
    expect(reason).to_have_value("thử hạn mới")
    expect(checked).to_have_class("error")
    offer.get_by_role("button").click()
    expect(checked).to_have_class("done")
    page.locator("#in-force-look").click()
    expect(page.locator("#in-force-said")).to_have_text("Trung tâm đang dùng đúng các tệp này.")

    # a new station begins as a copy of another one, in the editor
    page.goto(f"{console.url}/configuration")
    form = page.locator("#station-new")
    form.locator("xpath=..").evaluate("details => { details.open = true; }")
    for name, words in {"station": "st-moi", "vi": "Mới", "en": "New", "commune": "xã C", "latitude": "9.5",
                        "longitude": "106"}.items():  # fmt: skip
        form.locator(f"[name={name}]").fill(words)
    form.locator("button").click()
    expect(offer).to_contain_text("đây là nội dung được đề xuất", ignore_case=True)
    expect(text).to_have_value(re.compile("\nstation: st-moi\n"))
    for width, height in ((1920, 1080), (1366, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(SIDEWAYS) <= 0, width
    assert broken == []
    context.close()
