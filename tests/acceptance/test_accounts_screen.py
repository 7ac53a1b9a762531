"""The page of accounts in a browser: a colleague is invited, comes in, gets another role, and is let in no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from quantrac.desks import accounts
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import RunningConsole
from tests.integration.console.test_admission import PASSWORD

pytestmark = pytest.mark.slow

NAME = "Trần <b>Thị</b> Bình"
ACTS = "select act, reason, way from v_audit where object = 'account binh.tran' and person = 'Lê Văn An' order by at"


def test_an_administrator_invites_a_colleague_and_keeps_the_account_without_a_shell(
    unstarted_console: Callable[..., RunningConsole], chromium: Browser
) -> None:
    console = unstarted_console()
    console.start()
    secret = console.sign_in("Lê Văn An", RoleGrant(Role.ADMINISTRATOR))
    (mine,) = (row.login for row in accounts.accounts(console.conn))
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
    page = context.new_page()
    page.goto(f"{console.url}/accounts")

    # what is wrong is said in the form, which keeps what was typed
    page.get_by_role("button", name="Mời người mới").click()
    invite = page.locator("#invite")
    invite.get_by_label("Họ và tên").fill(NAME)
    invite.get_by_label("Tên đăng nhập").fill(mine)
    invite.get_by_label("Vai trò").select_option("operator")
    invite.get_by_label("Cảng Trần Đề").check()
    page.keyboard.press("Enter")
    expect(invite.get_by_role("alert")).to_contain_text(f"đã có tài khoản {mine}")
    invite.get_by_label("Tên đăng nhập").fill("binh.tran")
    page.keyboard.press("Enter")
    address = page.locator("#link-address")
    expect(address).to_be_visible()
    first = address.input_value()
    page.locator("#link").get_by_role("button", name="Đóng").click()

    # the link of a later invitation ends the first; by it the colleague comes in
    row = page.locator("tr[data-login='binh.tran']")
    expect(row.locator("td").nth(1)).to_have_text(NAME)
    expect(row.locator("td").nth(2)).to_contain_text("trực ban Cảng Trần Đề")
    expect(row).to_contain_text("chưa chọn mật khẩu")
    row.get_by_role("button", name="Liên kết mới").click()
    expect(address).to_be_visible()
    second = address.input_value()
    page.locator("#link").get_by_role("button", name="Đóng").click()
    other = chromium.new_context().new_page()
    other.goto(first)
    expect(other.locator("h1")).to_have_text("Liên kết không còn dùng được")
    other.goto(second)
    other.locator("input[name=password]").fill(PASSWORD)
    other.keyboard.press("Enter")
    expect(other.locator("#account-name")).to_have_text(NAME)

    # another role, beside the first; the form shows where the account has it
    page.reload()
    row.get_by_role("button", name="Vai trò").click()
    role = page.locator("#role")
    expect(role.get_by_label("Cảng Trần Đề")).to_be_checked()
    role.get_by_label("Vai trò").select_option("technician")
    expect(role.get_by_label("Cảng Trần Đề")).not_to_be_checked()
    expect(role.get_by_role("button", name="Thôi vai trò")).to_be_disabled()
    role.get_by_label("Lý do").fill("thêm việc")
    role.get_by_role("button", name="Giao vai trò").click()
    expect(row).to_contain_text("kỹ thuật viên")

    # let in no more: what is open in the other browser ends
    row.get_by_role("button", name="Khóa").click()
    page.locator("#deed").get_by_label("Lý do").fill("đã nghỉ việc")
    page.locator("#deed-send").click()
    expect(row.get_by_role("button", name="Mở khóa")).to_be_visible()
    other.reload()
    expect(other.locator("#sign-in-link")).to_be_visible()
    assert console.conn.execute(ACTS).fetchall() == [
        ("add", None, "console"), ("invite", None, "console"), ("invite", None, "console"),
        ("change role", "thêm việc", "console"), ("disable", "đã nghỉ việc", "console"),
    ]  # fmt: skip
    status, _, said = console.ask("POST", f"/api/accounts/{mine}/disable", {"reason": "nhầm"}, by=secret)
    assert (status, "another administrator" in said) == (409, True), "nobody shuts themselves out"
