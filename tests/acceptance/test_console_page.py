"""The console in a real browser: what an operator sees, and above all what they see when something is dead."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect

from dashboards.console import completeness_page
from dashboards.console.texts import texts
from ingest.rollups import consumer as rollups
from quantrac.desks import second_factor
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import OPERATOR, RunningConsole
from tests.fixtures.page_timing import SIDEWAYS, eventually_on, routed
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import ended, eventually, quickest

pytestmark = pytest.mark.slow

VI = texts("vi")
LIVE, OLD, DEAD = "TRỰC TIẾP", "DỮ LIỆU CŨ", "MẤT KẾT NỐI"
DO = '[data-channel="st-my-thanh/do"]'
PASSWORD = "mười hai con tôm"
HERE = ZoneInfo("Asia/Ho_Chi_Minh")
PHONE = {"width": 390, "height": 844}
WITH_CAUSE = """
update alarm set texts = jsonb_build_object('title', jsonb_build_object('vi', rule, 'en', rule),
                                            'cause', jsonb_build_object('vi', 'Tảo tàn', 'en', 'Algae die'))
"""


class Watched:
    """A browser context whose every request, console error and broken policy is on record."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.requests: set[str] = set()
        self.errors: list[str] = []
        context.on("request", lambda request: self.requests.add(request.url))
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, url: str, **view: int) -> Page:
        page = self.context.new_page()
        if view:
            page.set_viewport_size({"width": view["width"], "height": view["height"]})
        page.goto(url)
        return page

    def sign_in(self, console: RunningConsole, name: str) -> str:
        """Let an operator be signed in on the pages that are opened from now on; returns the session."""
        secret = console.sign_in(name)
        self.context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
        return secret

    def places(self) -> set[str]:
        """Everything that was asked for an answer, as host:port; the pages' own data: images are no requests."""
        return {urlsplit(url).netloc for url in self.requests if not url.startswith("data:")}


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Watched]:
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    yield Watched(context)
    context.close()


@contextmanager
def beating(console: RunningConsole) -> Iterator[None]:
    """Ingest lives: its beat comes every second until the end of the block."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1):
            console.ingest_beats()

    console.ingest_beats()
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        ended(thread)


def age_shown(page: Page, selector: str) -> float:
    """Seconds that the page gives as the age of a channel; from a minute on it is given in minutes."""
    age = page.locator(f"{selector} .age").first
    expect(age).to_have_text(re.compile(r"^\d+ (s|phút)$"))  # a card has ages a moment after it is known to be in view
    found = re.fullmatch(r"(\d+) (s|phút)", age.inner_text())
    assert found is not None
    return float(found[1]) * (60 if found[2] == "phút" else 1)


@pytest.mark.timed
def test_a_new_reading_is_on_screen_within_two_seconds_and_old_data_is_said_within_15_after_ingest_stopped(
    console: RunningConsole, browser: Watched
) -> None:
    console.ingest_beats()
    console.arrive("st-my-thanh/do", 6.5)
    page = browser.open(console.url)
    values = itertools.count(41)

    def arrival() -> float:
        value = next(values)
        arrived = time.monotonic()
        console.arrive("st-my-thanh/do", value / 10)
        expect(page.locator(f"{DO} .value")).to_have_text(re.compile(f"^4,{value - 40}0?$"))
        took_s = time.monotonic() - arrived
        assert age_shown(page, DO) <= time.monotonic() - arrived + 1
        return took_s

    def silence() -> float:
        with beating(console):
            expect(page.locator("#pill")).to_have_text(LIVE)
        stopped = time.monotonic()
        expect(page.locator("#banner")).to_be_visible()
        return time.monotonic() - stopped

    with beating(console):
        expect(page.locator("#pill")).to_have_text(LIVE)
        expect(page.locator(f"{DO} .value")).to_have_text(re.compile(r"^6,50?$"))
        age = page.locator(f"{DO} .age")
        age.scroll_into_view_if_needed()
        expect(age).not_to_have_text(age.inner_text())  # it runs, as in every card in view
        assert quickest(arrival, 2) < 2
    assert quickest(silence, 15) < 15
    expect(page.locator("#banner-title")).to_have_text(OLD)
    expect(page.locator("#banner-age")).to_have_text(re.compile(r"số liệu mới nhất cách đây \d+ (s|phút)"))
    expect(page.locator("#banner-reason")).to_have_text("Dịch vụ nhận dữ liệu không hoạt động")
    box = page.locator("#banner-title").bounding_box()
    assert box is not None
    assert box["height"] >= 30
    console.ingest_beats()
    expect(page.locator("#banner")).to_be_hidden()


def test_the_worst_alarm_is_on_top_of_many_and_each_is_reached(console: RunningConsole, browser: Watched) -> None:
    console.raise_alarms()
    console.ingest_beats()
    console.arrive("st-my-thanh/do", 6.5)
    page = browser.open(console.url)
    rows = page.locator("#alarms > li")
    expect(page.locator("#alarm-count")).to_have_text("151")
    expect(page.locator("#alarm-others")).to_contain_text("150")
    expect(rows).to_have_count(100)
    expect(rows.first.locator("strong")).to_have_text("old-1")
    for shown in (200, 300, 301):
        page.locator("#more-alarms").click()
        expect(rows).to_have_count(shown)
    expect(page.locator("#more-alarms")).to_be_hidden()
    station = browser.open(f"{console.url}/stations/st-tran-de")
    expect(station.locator("#alarm-count")).to_have_text("1")
    expect(station.locator("#alarms > li strong")).to_have_text(["old-1"])
    assert browser.errors == []


@pytest.mark.timed
def test_a_page_whose_line_goes_silent_or_whose_server_dies_greys_within_5_seconds_and_comes_back_by_itself(
    console: RunningConsole, browser: Watched, tcp_proxy: Callable[[int], TcpProxy]
) -> None:
    """A silent line is as a dead radio link: nothing is refused, nothing is closed, nothing comes."""
    line = tcp_proxy(int(console.address.rpartition(":")[2]))
    console.ingest_beats()
    console.arrive("st-my-thanh/do", 6.5)
    distant, page = browser.open(f"http://127.0.0.1:{line.port}"), browser.open(console.url)

    def silence() -> float:
        expect(distant.locator("#pill")).to_have_text(LIVE)
        made = line.connections_made
        line.deaf()
        deafened = time.monotonic()
        expect(distant.locator("body")).to_have_class(re.compile("dead"))
        took_s = time.monotonic() - deafened
        eventually_on(distant, lambda: line.connections_made > made)  # it is tried anew
        line.restore()
        expect(distant.locator("#pill")).to_have_text(LIVE)
        return took_s

    def death() -> float:
        if not console.is_running:
            console.start()
        expect(page.locator("#pill")).to_have_text(LIVE)
        console.stop()
        ended = time.monotonic()
        expect(page.locator("body")).to_have_class(re.compile("dead"))
        return time.monotonic() - ended

    with beating(console):
        assert quickest(silence, 5) < 5
        assert quickest(death, 5) < 5
        expect(page.locator("#banner-title")).to_have_text(OLD)
        expect(page.locator("#banner-reason")).to_have_text("Trang này không nhận được tin từ máy chủ")
        expect(page.locator("#pill")).to_have_text(DEAD)
        console.start()
        console.arrive("st-my-thanh/do", 4.2)
        for one in (page, distant):
            expect(one.locator("#pill")).to_have_text(LIVE)
            expect(one.locator(f"{DO} .value")).to_have_text(re.compile(r"^4,20?$"))


def test_a_page_that_is_not_whole_yet_says_so_and_is_once_it_can_be(
    distant_console: tuple[RunningConsole, TcpProxy], browser: Watched
) -> None:
    console, line = distant_console
    line.cut()
    console.start(first_answer=503)
    page = browser.open(console.url)
    expect(page.locator("#banner")).to_have_text("Chưa đọc được cơ sở dữ liệu")
    line.restore()
    expect(page.locator("#map")).to_be_visible()

    # a script that every other one needs does not come
    page.clock.install(time=0)
    page.clock.pause_at(3_600_000)  # however long this machine takes, it is not loaded again before its time
    page.route("**/pulse.js", unheard)
    page.reload()
    expect(page.locator("#unloaded")).to_be_visible()
    expect(page.locator("#unloaded")).to_contain_text("Trang này chưa tải được hết")
    expect(page.locator("#pill")).to_have_text(DEAD)
    expect(page.locator("body.old")).to_have_count(1)
    page.unroute("**/pulse.js")
    page.clock.fast_forward(15_000)
    expect(page.locator("body[data-begun]")).to_have_count(1)
    page.clock.resume()
    expect(page.locator("#unloaded")).to_be_hidden()

    # one that only the map needs
    page.route("**/map.js", unheard)
    page.reload()
    expect(page.locator("body[data-begun]")).to_have_count(1)
    expect(page.locator("#unloaded")).to_be_visible()
    expect(page.locator("#pill")).not_to_have_text(DEAD)
    page.unroute("**/map.js")
    page.get_by_role("link", name="Tải lại trang").click()
    expect(page.locator(".station-label")).to_have_count(6)
    expect(page.locator("#unloaded")).to_be_hidden()


ASK_AGAIN = """async () => {
  const script = document.querySelector("link[rel=modulepreload][href*='/account.js']").href;
  (await import(script)).askAgain();
}"""
"""What the page does when its stream has come back."""


def unheard(route: Route) -> None:
    route.abort()


def broken(route: Route) -> None:
    route.fulfill(status=500, body="Internal Server Error")


def test_an_operator_signs_in_in_the_middle_of_an_act_and_everybody_sees_who_did_it(
    console: RunningConsole, browser: Watched
) -> None:
    """Whoever reads without an account, and whoever's session has ended, finds the act as it was after signing in."""
    number = console.raise_alarm()
    console.account("binh.tran", OPERATOR, PASSWORD)
    console.account("chi.le", "Lê Thị Chi", PASSWORD)

    def sign_in(page: Page, password: str, login: str = "binh.tran") -> None:
        page.locator("#sign-in-login").fill(login)
        page.locator("#sign-in-password").fill(password)
        page.locator("#sign-in-send").click()

    routed(browser.context)
    with beating(console):
        other = browser.open(f"{console.url}/?lang=en")
        other.locator(f'[data-alarm="{number}"]').get_by_role("button", name="Acknowledge").click()
        other.locator("#acknowledge-reason").fill("by whom?")
        other.locator("#acknowledge-send").click()
        expect(other.locator("#sign-in-why")).to_have_text("Sign in to do this.")
        browser.sign_in(console, "Trần Văn Em")  # in another tab: what a stranger typed here is not his act
        other.evaluate(ASK_AGAIN)
        expect(other.locator("#sign-in-again")).to_be_hidden()
        expect(other.locator("#account-name")).to_have_text("Trần Văn Em")
        console.conn.execute("delete from console_session")
        other.locator("#acknowledge-send").dispatch_event("click")  # the stream may have found it out first, and asks
        expect(other.locator("#sign-in-why")).to_contain_text("The session is over")
        sign_in(other, PASSWORD, "chi.le")  # somebody else: what was typed waits for a click of theirs
        expect(other.locator("#account-name")).to_have_text("Lê Thị Chi")
        expect(other.locator("#sign-in-again")).to_be_hidden()
        expect(other.locator("#acknowledge-reason")).to_have_value("by whom?")
        other.locator("#acknowledge-cancel").click()
        browser.context.clear_cookies()
        page = browser.open(console.url)  # in front: one behind draws once a second, and every click waits for that
        row = page.locator(f'[data-alarm="{number}"]')
        row.get_by_role("button", name="Xác nhận").click()
        page.get_by_label("Ghi chú").fill("đã gọi hộ nuôi")
        page.locator("#acknowledge-send").click()
        expect(page.locator("#sign-in-why")).to_have_text("Hãy đăng nhập để làm việc này.")
        expect(page.locator("#sign-in-login")).to_be_focused()
        sign_in(page, "sai")
        expect(page.locator("#sign-in-error")).to_contain_text("tên đăng nhập hoặc mật khẩu không đúng")
        expect(page.locator("#sign-in-password")).to_be_focused()
        sign_in(page, PASSWORD)
        expect(page.locator("#acknowledge")).to_be_hidden()
        expect(row).to_contain_text(f"Đã xác nhận: {OPERATOR}")
        expect(other.locator(f'[data-alarm="{number}"]')).to_contain_text(f"Acknowledged: {OPERATOR}")
        expect(row.locator(".acknowledge")).to_have_count(0)
        expect(page.locator("#account-name")).to_have_text(OPERATOR)
        send = page.locator("#actions-send")

        def typed(action: str, words: str) -> None:
            row.locator(".more").click()
            page.locator("#actions-action").select_option(action)
            page.locator("#actions-reason").fill(words)

        typed("shelve", "đang vệ sinh đầu đo")
        console.conn.execute("delete from console_session")
        send.dispatch_event("click")
        expect(page.locator("#sign-in-why")).to_contain_text("việc đang làm vẫn còn")
        page.locator("#sign-in-cancel").click()
        expect(page.locator("#actions-reason")).to_have_value("đang vệ sinh đầu đo")
        send.dispatch_event("click")
        sign_in(page, PASSWORD)
        expect(page.locator("#actions")).to_be_hidden()
        expect(row).to_contain_text("Đang tạm gác")

        def in_another_tab() -> None:
            who = {"login": "binh.tran", "password": PASSWORD}
            assert browser.context.request.post(f"{console.url}/api/sign-in", data=who).ok

        in_another_tab()  # the same account: its new session is taken
        typed("comment", "một")
        send.click()
        expect(page.locator("#actions")).to_be_hidden()
        browser.sign_in(console, "Lê Văn An")  # another one: nothing is done in its name
        typed("comment", "hai")
        send.click()
        expect(page.locator("#sign-in-why")).to_contain_text("đã đăng nhập với tên Lê Văn An; chưa gửi gì")
        expect(page.locator("#actions-reason")).to_have_value("hai")
        sign_in(page, PASSWORD)
        expect(page.locator("#actions")).to_be_hidden()
        typed("comment", "ba")
        console.conn.execute("delete from console_session")
        send.dispatch_event("click")
        expect(page.locator("#sign-in-again")).to_be_visible()
        in_another_tab()
        page.evaluate(ASK_AGAIN)
        expect(page.locator("#sign-in-again")).to_be_hidden()
        expect(page.locator("#actions")).to_be_hidden()
        in_another_tab()
        page.route("**/api/sign-out", unheard)
        page.locator("#sign-out").click()
        expect(page.locator("#account-error")).to_have_text(re.compile("^Không thực hiện được: Trang này không nhận"))
        page.unroute("**/api/sign-out")
        page.locator("#sign-out").click()
        page.wait_for_url(re.compile("/sign-in"))
        page.locator("[name=login]").fill("binh.tran")
        page.locator("[name=password]").fill(PASSWORD)
        for answer, words in ((unheard, VI["because_connection"]), (broken, f"{VI['answered']} 500")):
            page.route("**/api/sign-in*", answer)
            page.get_by_role("button", name="Đăng nhập").click()
            expect(page.locator("#sign-in-error")).to_have_text(f"{VI['failed']}: {words}")
            page.unroute("**/api/sign-in*")
        assert page.evaluate(SIDEWAYS) <= 0

        second_factor.demand(console.conn, Role.OPERATOR, "test", None, datetime.now(UTC))
        page.get_by_role("button", name="Đăng nhập").click()
        page.get_by_role("button", name="Bật xác thực hai bước").click()
        expect(page.locator("#factor-secret")).not_to_be_empty()
        page.wait_for_function("document.getElementById('factor-picture').naturalWidth > 100")
        telephone = pyotp.TOTP(page.locator("#factor-secret").inner_text().replace(" ", ""))
        page.get_by_label("Mã 6 chữ số").fill("12345a")
        page.get_by_role("button", name="Xác nhận").click()
        expect(page.locator("[data-act=confirm] .error")).to_have_text("Không thực hiện được: mã không đúng")
        page.get_by_label("Mã 6 chữ số").fill(telephone.now())
        page.get_by_role("button", name="Xác nhận").click()
        expect(page.locator("#factor-codes li")).to_have_count(10)
        recovery = page.locator("#factor-codes li").all_inner_texts()
        page.get_by_role("link", name="Tôi đã cất mã").click()
        expect(page.locator("#account-name")).to_have_text(OPERATOR)
        page.goto(f"{console.url}/account")
        page.get_by_label("Mã xác thực").fill(recovery[1])
        page.get_by_label("Mã xác thực").press("Enter")  # gives new codes, and does not turn the factor off
        expect(page.locator("#factor-codes li")).to_have_count(10)
        recovery = page.locator("#factor-codes li").all_inner_texts()
        page.get_by_role("link", name="Tôi đã cất mã").click()
        expect(page.locator("#account-name")).to_have_text(OPERATOR)
        typed("comment", "bốn")
        console.conn.execute("delete from console_session")
        send.dispatch_event("click")
        sign_in(page, PASSWORD)
        page.locator("#sign-in-code").fill(recovery[0])
        page.locator("#sign-in-send").click()
        expect(page.locator("#actions")).to_be_hidden()
    remarks = console.conn.execute("select person, reason from v_audit where act = 'comment' order by audit_id")
    assert remarks.fetchall() == [(OPERATOR, words) for words in ("một", "hai", "ba", "bốn")]
    said = (
        "select person, role, way, act, reason from v_audit where act in ('acknowledged', 'shelved') order by audit_id"
    )
    found = console.conn.execute(said).fetchall()
    assert [row[:4] for row in found] == [(OPERATOR, "operator", "console", act) for act in ("acknowledged", "shelved")]
    assert [row[4].rpartition(": ")[2] for row in found] == ["đã gọi hộ nuôi", "đang vệ sinh đầu đo"]


def test_an_operator_shelves_an_alarm_and_marks_it_as_false_with_a_reason(
    console: RunningConsole, browser: Watched
) -> None:
    number = console.raise_alarm()
    with beating(console):
        browser.sign_in(console, OPERATOR)
        page = browser.open(console.url)
        row = page.locator(f'[data-alarm="{number}"]')
        for action in ("shelve", "false"):
            row.locator(".more").click()
            page.locator("#actions-action").select_option(action)
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_visible()  # without a reason nothing is sent
            page.locator("#actions-reason").fill("đang vệ sinh đầu đo")
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_hidden()
        expect(row).to_contain_text("Đang tạm gác")
    found = console.conn.execute("select state, false_by from v_alarm where alarm_id = %s", [number]).fetchone()
    assert found == ("shelved", OPERATOR)


def expect_the_menu_opens_by_keyboard(page: Page) -> None:
    folded = page.locator("#menu-data")
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(folded.get_by_role("link", name="Tỷ lệ đầy đủ")).to_be_visible()
    page.keyboard.press("Tab")
    expect(folded.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(folded.get_by_role("link").first).to_be_hidden()
    expect(folded.locator("summary")).to_be_focused()


def test_a_page_offers_what_its_account_may_do_at_that_station(console: RunningConsole, browser: Watched) -> None:
    number = console.raise_alarm()
    at_tran_de = RoleGrant(Role.OPERATOR, frozenset({"st-tran-de"}))
    secret = console.sign_in("Lê Thị Chi", RoleGrant(Role.VIEWER), RoleGrant(Role.DATA_OFFICER), at_tran_de)
    browser.context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
    with beating(console):
        page = browser.open(console.url)
        row = page.locator(f'[data-alarm="{number}"]')
        row.locator(".more").click()
        expect(page.locator("#actions")).to_be_visible()
        assert page.locator("#actions-action option").evaluate_all("all => all.map((o) => o.value)") == [
            "comment", "false",
        ]  # fmt: skip
        expect(row.locator(".acknowledge")).to_have_count(0)
        expect(page.locator("#menu-settings")).to_be_hidden()
        for station, is_offered in (("st-tran-de", True), ("st-my-thanh", False)):
            page = browser.open(f"{console.url}/stations/{station}")
            expect(page.locator("#pill")).not_to_have_text("Đang kết nối…")
            expect(page.locator("#take-out")).to_be_visible(visible=is_offered)
        expect_the_menu_opens_by_keyboard(page)


def test_of_two_operators_the_second_is_told_who_was_first(console: RunningConsole, browser: Watched) -> None:
    number = console.raise_alarm()
    with beating(console):
        browser.sign_in(console, OPERATOR)
        page = browser.open(console.url)
        page.locator(f'[data-alarm="{number}"]').get_by_role("button", name="Xác nhận").click()
        console.ask("POST", f"/api/alarms/{number}/acknowledge", {}, by=console.sign_in("Lê Văn An"))
        page.locator("#acknowledge-send").click()
        expect(page.locator("#acknowledge-error")).to_contain_text("Lê Văn An")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_nothing_is_asked_of_other_machines_and_nothing_breaks_the_policy(
    console: RunningConsole, browser: Watched, language: str
) -> None:
    console.raise_alarm()
    with beating(console):
        console.arrive("st-my-thanh/do", 6.5)
        page = browser.open(f"{console.url}/?lang={language}")
        expect(page.locator(f"{DO} .value")).not_to_have_text("–")
        expect(page.locator("#map .station-sign")).to_have_count(6)
        page.locator('[data-station="st-my-thanh"] h3 a').click()
        expect(page.locator(f"{DO} canvas")).to_be_visible()
        page.get_by_role("link", name=re.compile("←")).click()
        expect(page.locator("#map .station-sign")).to_have_count(6)
    assert browser.places() == {console.address}
    assert any("/vendor/leaflet/" in url for url in browser.requests)
    assert browser.errors == []


def test_every_word_of_the_page_changes_with_the_language(console: RunningConsole, browser: Watched) -> None:
    console.raise_alarm()
    with beating(console):
        console.arrive("st-my-thanh/do", 6.5)
        page = browser.open(console.url)
        expect(page.locator("#alarms")).to_contain_text("Oxy thấp")
        expect(page.locator("#alarms")).to_contain_text("Cù Lao Dung")
        expect(page.locator(f"{DO} .title")).to_have_text(re.compile("[Oo]xy"))
        expect(page.locator("html")).to_have_attribute("lang", "vi")
        page.get_by_role("link", name="English").click()
        expect(page.locator("#pill")).to_have_text("LIVE")
        expect(page.locator("#alarms")).to_contain_text("Low oxygen")
        expect(page.locator(f"{DO} .title")).to_have_text(re.compile("[Oo]xygen"))
        expect(page.locator("html")).to_have_attribute("lang", "en")
        shown = page.locator("main").inner_text()
        for word in ("Cảnh báo", "Xác nhận", "Bản đồ", "Nhiệt độ"):
            assert word not in shown
        page.get_by_role("link", name="Tiếng Việt").click()
        expect(page.locator("#pill")).to_have_text(LIVE)


@pytest.mark.parametrize("path", ["/", "/stations/st-tp-soc-trang", "/stations/st-cu-lao-dung"])
def test_on_a_phone_nothing_scrolls_sideways_and_alarms_are_in_sight(
    console: RunningConsole, browser: Watched, path: str
) -> None:
    number = console.raise_alarm()
    with beating(console):
        page = browser.open(f"{console.url}{path}", **PHONE)
        expect(page.locator("#pill")).not_to_have_text("Đang kết nối…")
        if path != "/stations/st-tp-soc-trang":
            alarm = page.locator(f'[data-alarm="{number}"]')
            expect(alarm).to_be_visible()
            eventually_on(page, lambda: (box := alarm.bounding_box()) is not None and box["y"] < 1.2 * PHONE["height"])
            for button, form in ((".acknowledge", "#acknowledge"), (".more", "#actions")):
                alarm.locator(button).click()
                expect(page.locator(f"{form}-send")).to_be_in_viewport()
                page.locator(f"{form}-cancel").click()
        assert page.evaluate(SIDEWAYS) <= 0


def test_a_channel_whose_device_has_stopped_goes_red_while_its_neighbours_live(
    console: RunningConsole, browser: Watched
) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    with beating(console):
        console.arrive("st-my-thanh/ph", 7.6, old)
        console.arrive("st-my-thanh/do", 6.5)
        page = browser.open(console.url)
        stopped = page.locator('[data-channel="st-my-thanh/ph"]')
        expect(stopped).to_have_class(re.compile(r"\bstale\b"))
        expect(stopped.locator(".age")).to_have_text("2 giờ")
        assert red(stopped.locator(".age").evaluate("e => getComputedStyle(e).color"))
        expect(page.locator(DO)).not_to_have_class(re.compile(r"\bstale\b"))
        expect(page.locator("#pill")).to_have_text(LIVE)
        never = page.locator('[data-channel="st-my-thanh/turbidity"]')
        expect(never).to_have_class(re.compile(r"\bstale\b"))
        expect(never.locator(".age")).to_have_text("chưa có")


def red(colour: str) -> bool:
    """Whether a computed colour such as `rgb(217, 45, 32)` is."""
    r, g, b = map(int, re.findall(r"\d+", colour)[:3])
    return r > 150 and g < 90 and b < 90


SLACK_S = 300
"""Where the question is an hour: what a page of a busy machine may be late, and a minute's rounding."""


@pytest.mark.parametrize("wrong_by", [timedelta(hours=1), timedelta(hours=-1)])
def test_ages_are_right_on_a_machine_whose_clock_is_an_hour_wrong(
    console: RunningConsole, browser: Watched, wrong_by: timedelta
) -> None:
    with beating(console):
        began = datetime.now(UTC)
        console.arrive("st-my-thanh/do", 6.5)
        page = browser.context.new_page()
        page.clock.install(time=began + wrong_by)
        page.goto(console.url)
        expect(page.locator("#pill")).to_have_text(LIVE)
        assert abs(page.evaluate("Date.now()") / 1000 - time.time() - wrong_by.total_seconds()) <= SLACK_S
        assert abs(age_shown(page, DO) - (datetime.now(UTC) - began).total_seconds()) <= SLACK_S
        clock = page.locator("#clock")
        expect(clock).not_to_have_text(clock.inner_text())  # it runs
        assert abs(age_shown(page, DO) - (datetime.now(UTC) - began).total_seconds()) <= SLACK_S
        shown = re.search(r" (\d\d):(\d\d):(\d\d) GMT\+7$", clock.inner_text())
        assert shown is not None
        h, m, s = map(int, shown.groups())
        in_vietnam = datetime.now(UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
        off = abs((3600 * h + 60 * m + s) - (3600 * in_vietnam.hour + 60 * in_vietnam.minute + in_vietnam.second))
        assert min(off, 86400 - off) <= SLACK_S


INK = """
canvas => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((byte, i) => i % 4 === 3 && byte > 0).length;
}
"""
CHARTS = "const { charts } = await import(document.querySelector('script[src*=charts]').src);"
"""The module that the page has, not a second one."""
AXIS_HOURS = (
    f"async channel => {{ {CHARTS} const x = charts.get(channel).plot.scales.x; return (x.max - x.min) / 3600; }}"
)
NEWEST_LOW = f"async channel => {{ {CHARTS} return charts.get(channel).series.low.at(-1); }}"


def test_a_station_has_a_24_hour_chart_of_every_channel(console: RunningConsole, browser: Watched) -> None:
    now = datetime.now(UTC)
    for ago in range(0, 24 * 60, 10):
        console.arrive("st-my-thanh/do", 5 + ago / 1000, now - timedelta(minutes=ago))
    with beating(console):
        page = browser.open(f"{console.url}/stations/st-my-thanh")
        plots = page.locator(".chart")
        expect(plots.nth(11)).to_be_attached()
        for plot in plots.all():
            plot.scroll_into_view_if_needed()
            expect(plot.locator("canvas")).to_be_visible()

        def ink(name: str) -> int:
            found: int = page.locator(f'[data-channel="st-my-thanh/{name}"] canvas').evaluate(INK)
            return found

        eventually_on(page, lambda: ink("do") > max(500, ink("ph")))
        assert page.evaluate(AXIS_HOURS, "st-my-thanh/do") == pytest.approx(24)
        page.get_by_role("button", name="3 giờ").click()
        eventually_on(page, lambda: page.evaluate(AXIS_HOURS, "st-my-thanh/do") < 3.01)
        console.arrive("st-my-thanh/do", 1.5)
        eventually_on(page, lambda: page.evaluate(NEWEST_LOW, "st-my-thanh/do") == 1.5)
    assert browser.errors == []


ON_THE_MAP = """() => {
  const map = document.getElementById("map").getBoundingClientRect();
  const labels = [...document.querySelectorAll(".station-label")].map((label) => label.getBoundingClientRect());
  return labels.filter((label) => label.left >= map.left && label.right <= map.right).length;
}"""


def test_on_a_phone_every_label_of_the_map_is_whole_however_late_its_script_comes(
    console: RunningConsole, browser: Watched
) -> None:
    def late(route: Route) -> None:
        eventually(lambda: json.loads(console.ask("GET", "/healthz")[2])["listeners"])
        route.continue_()

    console.conn.execute("update station set name_vi = '<b>Mỹ Thanh</b>' where station = 'st-my-thanh'")
    eventually(lambda: "<b>" in console.ask("GET", "/api/network")[2])  # the name that the first page will get
    browser.context.route("**/leaflet.js", late)
    with beating(console):
        page = browser.open(console.url, **PHONE)
        expect(page.locator(".station-label")).to_have_count(6)
        expect(page.locator(".station-label", has_text="<b>Mỹ Thanh</b>")).to_have_count(1)
        eventually_on(page, lambda: page.evaluate(ON_THE_MAP) == 6)
    assert browser.errors == []


def test_what_is_set_aside_refused_and_untold_is_listed_and_ended_by_button(
    console: RunningConsole, browser: Watched
) -> None:
    number = console.raise_alarm()
    who, by = {"reason": "thay đầu đo", "hours": 2}, browser.sign_in(console, "Lê Văn An")
    assert console.ask("POST", f"/api/alarms/{number}/shelve", who, by=by)[0] == 200
    assert console.ask("POST", "/api/stations/st-my-thanh/out-of-service", {**who, "device": "sonde"}, by=by)[0] == 200
    console.conn.execute(
        "insert into station_event (time, station, device, kind, detail, epoch, seq, index, received_at)"
        " values (now(), 'st-tran-de', null, 'maintenance', 'on, maint for 30 min: wiper', 'e', 1, 0, now())"
    )
    with beating(console):
        page = browser.open(console.url)
        rows = page.locator("#aside li")
        expect(rows).to_have_count(3)
        for row, words in zip(
            rows.all(),
            (
                ("Oxy thấp", "Cù Lao Dung", "Tạm gác", "Lê Văn An", "thay đầu đo"),
                ("Mỹ Thanh", "sonde", "Ngừng vận hành", "Lê Văn An", "thay đầu đo"),
                ("Trần Đề", "cả trạm", "Bảo trì", "người ở trạm", "wiper"),
            ),
            strict=True,
        ):
            for word in words:
                expect(row).to_contain_text(word)
        expect(page.locator('[data-station="st-tran-de"] .condition')).to_contain_text("Bảo trì")
        expect(page.locator("#refused-card")).to_be_hidden()
        console.refuse_files()
        console.find_late_alarm()
        expect(page.locator("#refused li")).to_have_text(
            ["rules/oxygen.yaml:7:5: limit", "stations/st-a.yaml:3:1: bus"]
        )
        expect(page.locator("#refused-do")).to_contain_text("quantrac rules check")
        expect(page.locator("#alarms .untold")).to_have_text(["Chưa báo cho ai: lúc đó đang ngừng vận hành"])
        expect(rows.nth(2).get_by_role("button")).to_have_count(0)  # the console has no keys: only at the station
        for left in (2, 1):
            rows.first.get_by_role("button", name="Kết thúc").click()
            page.locator("#actions-reason").fill("xong")
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_hidden()
            expect(rows).to_have_count(left)
    assert console.conn.execute("select count(*) from v_shelf").fetchone() == (0,)
    assert console.conn.execute("select ended_by from v_out_of_service").fetchall() == [("Lê Văn An",)]


def test_an_operator_finds_the_cause_in_two_clicks_and_acts_on_many_alarms_with_a_result_for_each(
    console: RunningConsole, browser: Watched
) -> None:
    """The session ends in the middle, the page is loaded anew in the middle, and somebody else is faster with one."""
    mine = console.raise_alarm()
    console.raise_alarms()
    console.conn.execute(WITH_CAUSE)
    console.account("binh.tran", OPERATOR, PASSWORD)
    faster = console.sign_in("Lê Văn An")
    with beating(console):
        console.arrive("st-cu-lao-dung/do", 2.1)
        page = browser.open(console.url)
        page.locator(f'[data-alarm="{mine}"] a.life').click()
        expect(page.locator(".alarm-texts")).to_contain_text("Tảo tàn")
        page.wait_for_load_state()  # its scripts hear keys
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        expect(page.locator("#keys")).to_contain_text("đóng khung đang mở")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.locator("#search-text").fill("cu lao oxy")
        expect(page.locator("#search-found li").first).to_contain_text("Oxy hòa tan · Cù Lao Dung")
        page.get_by_role("dialog").get_by_role("button", name=VI["close"]).press("Enter")  # it opens nothing
        expect(page.locator("#search")).to_be_hidden()
        page.keyboard.press("/")
        page.locator("#search-text").fill("tran de")
        page.keyboard.press("Enter")  # sooner than the list follows
        page.wait_for_url("**/stations/st-tran-de?*")
        page.goto(f"{console.url}/alarms?state=standing&text=new-14")
        rows = page.locator(".alarm-row")
        expect(page.locator("#bulk-bar")).to_be_hidden()
        first, second = (str(rows.nth(n).get_attribute("data-alarm")) for n in (0, 1))
        for number in (first, second):
            page.locator(f"#select-{number}").check()
        page.locator("#bulk-more").click()
        page.locator("#bulk-action").select_option("shelve")
        page.locator("#bulk-reason").fill("vệ sinh đầu đo")
        page.reload()
        expect(page.locator("#bulk-status")).to_have_text(VI["act_kept"])
        expect(page.locator("#bulk-reason")).to_have_value("vệ sinh đầu đo")
        wish = {"reason": "đang sửa", "hours": 1, "seen": 0}
        assert console.ask("POST", f"/api/alarms/{first}/shelve", wish, by=faster)[0] == 200
        expect(page.locator(f'[data-alarm="{first}"]')).to_contain_text("Đang tạm gác")  # behind the open form
        page.locator("#bulk-send").click()
        page.locator("#sign-in-login").fill("binh.tran")
        page.locator("#sign-in-password").fill(PASSWORD)
        page.locator("#sign-in-send").click()
        results = page.locator("#bulk-results li")
        expect(results).to_have_text([re.compile("✕.*Lê Văn An đã xử lý: tạm gác lúc"), re.compile("✓.*đã xong")])
        expect(page.locator("#bulk-status")).to_have_text("1 xong, 1 không được")
        expect(page.locator("#bulk-what")).to_have_text("(1 cảnh báo được chọn)")
        expect(page.locator(f'[data-alarm="{second}"]')).to_contain_text("Đang tạm gác")
        page.locator("#bulk-send").click()  # having read who was first
        expect(results).to_have_text([re.compile("✓.*đã xong")])
        page.locator("#bulk-cancel").click()
        expect(page.locator("#bulk-bar")).to_be_hidden()
        for path in ("/alarms?text=new-14", f"/alarms/{first}"):
            phone = browser.open(f"{console.url}{path}", **PHONE)
            assert phone.evaluate(SIDEWAYS) <= 0, path
    shelved = console.conn.execute(
        "select person, reason from v_audit where act = 'shelved' order by audit_id"
    ).fetchall()
    assert [(person, why.rpartition(": ")[2]) for person, why in shelved] == [
        ("Lê Văn An", "đang sửa"), (OPERATOR, "vệ sinh đầu đo"), (OPERATOR, "vệ sinh đầu đo"),
    ]  # fmt: skip
    assert [error for error in browser.errors if "401" not in error and "409" not in error] == []


def test_a_data_officer_signs_a_day_by_keyboard_and_every_page_of_past_days_fits_a_telephone(
    console: RunningConsole, browser: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completeness_page, "AT_ONCE", 1)  # the other rows come once the page was painted
    noon = (datetime.now(HERE) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    for minute in range(3):
        console.arrive("st-my-thanh/do", 5.0 + minute, at=noon + timedelta(minutes=minute))
    console.conn.execute("insert into consumer (consumer, position) select 'quality', max(id) from change")
    rollups.make_everything(console.conn)
    secret = console.sign_in("Trần Thị Hoa", RoleGrant(Role.DATA_OFFICER))
    browser.context.add_cookies([{"name": "quantrac", "value": secret, "url": console.url}])
    month = f"month={noon:%Y-%m}"
    with beating(console):
        page = browser.open(f"{console.url}/stages?station=st-my-thanh&{month}")
        square = page.locator(f'[data-row="st-my-thanh/do"] [data-day="{noon:%Y-%m-%d}"]')
        square.press("Enter")
        expect(page.locator("#chosen")).to_contain_text("Chưa kiểm duyệt")
        written = page.locator("label", has=page.locator("#sign-first"))  # the browser: 11/30/2026
        weekday = ("thứ hai", "thứ ba", "thứ tư", "thứ năm", "thứ sáu", "thứ bảy", "chủ nhật")[noon.weekday()]
        expect(written).to_have_attribute("data-date", f"{weekday} {noon:%d/%m/%Y}")
        expect(page.locator("#sign-channel")).to_have_value("st-my-thanh/do")
        page.get_by_role("button", name="Mở lại", exact=True).click()
        expect(page.locator("#sign-days-error")).to_contain_text("Lý do")
        page.locator("#sign-note").fill("đã so với mẫu")
        page.locator("#sign-note").press("Enter")
        expect(page.locator("#sign-outcome")).to_have_text("1: đã kiểm duyệt")
        expect(square).to_have_accessible_name(re.compile("đã so với mẫu"))
        expect(square).to_have_attribute("aria-pressed", "true")
        page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        trace = f"{console.url}/stations/st-my-thanh/trace/do?time={noon.astimezone(UTC):%Y-%m-%dT%H:%M}Z"
        for address, words in (
            (None, "Trần Thị Hoa"), (f"{console.url}/completeness?{month}", "Mỹ Thanh"),
            (f"{console.url}/stations/st-my-thanh/gaps?day={noon:%Y-%m-%d}", "không có số liệu"), (trace, "Aqua TROLL"),
        ):  # fmt: skip
            if address is not None:
                page.goto(address)
            expect(page.locator("main")).to_contain_text(words)
            expect(page.locator("#pill")).to_have_text(re.compile(f"{LIVE}|{OLD}"))
            assert page.evaluate(SIDEWAYS) <= 0, address
        console.conn.execute("update sign_off set approved_by = null, approved_at = null")  # a second person is to sign
        page.goto(f"{console.url}/stages?station=st-my-thanh&{month}")
        expect(page.locator("#to-do")).to_contain_text("Mỹ Thanh")
        square.press("Enter")
        page.locator("#sign-note").fill("đo lại")
        page.get_by_role("button", name="Mở lại", exact=True).click()
        expect(page.locator("#to-do")).not_to_contain_text("Mỹ Thanh")
    assert [error for error in browser.errors if "422" not in error] == []
