"""The console in a real browser: what an operator sees, and above all what they see when something is dead."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.fixtures.console import RunningConsole
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import quickest

pytestmark = pytest.mark.slow

LIVE, OLD, DEAD = "TRỰC TIẾP", "DỮ LIỆU CŨ", "MẤT KẾT NỐI"
DO = '[data-channel="st-my-thanh/do"]'
PHONE = {"width": 390, "height": 844}
SECOND = 1000
PATIENCE_S = 180
"""How long a page is waited for where its speed is not the question."""
expect.set_options(timeout=PATIENCE_S * SECOND)


def with_a_clock_of_its_own() -> dict[str, str | float | bool]:
    """The environment, less libfaketime, under which Chromium spins; a page shows the time of the server."""
    return {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "FAKETIME")}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is not installed: ./dev setup"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=PATIENCE_S * SECOND, env=with_a_clock_of_its_own()
        )
        yield browser
        browser.close()


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

    def places(self) -> set[str]:
        """Everything that was asked for an answer, as host:port; the pages' own data: images are no requests."""
        return {urlsplit(url).netloc for url in self.requests if not url.startswith("data:")}


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Watched]:
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(PATIENCE_S * SECOND)
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
        thread.join()


def age_shown(page: Page, selector: str) -> float:
    """Seconds that the page gives as the age of a channel; from a minute on it is given in minutes."""
    found = re.fullmatch(r"(\d+) (s|phút)", page.locator(f"{selector} .age").first.inner_text())
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
    expect(page.locator("#alarm-count")).to_have_text("301")
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
        eventually(distant, lambda: line.connections_made > made)  # it is tried anew
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


def test_a_console_that_came_up_before_its_database_says_so_and_shows_the_network_once_it_can(
    distant_console: tuple[RunningConsole, TcpProxy], browser: Watched
) -> None:
    console, line = distant_console
    line.cut()
    console.start(first_answer=503)
    page = browser.open(console.url)
    expect(page.locator("#banner")).to_have_text("Chưa đọc được cơ sở dữ liệu")
    line.restore()
    expect(page.locator("#map")).to_be_visible()


def test_an_operator_acknowledges_by_button_and_everybody_sees_who_did(
    console: RunningConsole, browser: Watched
) -> None:
    number = console.raise_alarm()
    with beating(console):
        page, other = browser.open(console.url), browser.open(f"{console.url}/?lang=en")
        page.locator(f'[data-alarm="{number}"]').get_by_role("button", name="Xác nhận").click()
        page.locator("#acknowledge-send").click()
        expect(page.locator("#acknowledge")).to_be_visible()  # without a name nothing is sent
        page.get_by_label("Người trực").fill("Trần Thị Bình")
        page.get_by_label("Ghi chú").fill("đã gọi hộ nuôi")
        page.locator("#acknowledge-send").click()
        expect(page.locator("#acknowledge")).to_be_hidden()
        expect(page.locator(f'[data-alarm="{number}"]')).to_contain_text("Đã xác nhận: Trần Thị Bình")
        expect(other.locator(f'[data-alarm="{number}"]')).to_contain_text("Acknowledged: Trần Thị Bình")
        expect(page.locator(f'[data-alarm="{number}"] .acknowledge')).to_have_count(0)
    assert console.acknowledged_by(number) == "Trần Thị Bình"


def test_an_operator_shelves_an_alarm_and_marks_it_as_false_with_a_reason(
    console: RunningConsole, browser: Watched
) -> None:
    number = console.raise_alarm()
    with beating(console):
        page = browser.open(console.url)
        row = page.locator(f'[data-alarm="{number}"]')
        for action in ("shelve", "false"):
            row.locator(".more").click()
            page.locator("#actions-action").select_option(action)
            page.locator("#actions-person").fill("Trần Thị Bình")
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_visible()  # without a reason nothing is sent
            page.locator("#actions-reason").fill("đang vệ sinh đầu đo")
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_hidden()
        expect(row).to_contain_text("Đang tạm gác")
    found = console.conn.execute("select state, false_by from v_alarm where alarm_id = %s", [number]).fetchone()
    assert found == ("shelved", "Trần Thị Bình")


def test_of_two_operators_the_second_is_told_who_was_first(console: RunningConsole, browser: Watched) -> None:
    number = console.raise_alarm()
    with beating(console):
        page = browser.open(console.url)
        page.locator(f'[data-alarm="{number}"]').get_by_role("button", name="Xác nhận").click()
        console.ask("POST", f"/api/alarms/{number}/acknowledge", {"person": "Lê Văn An"})
        page.get_by_label("Người trực").fill("Trần Thị Bình")
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
        expect(page.locator("#map path.leaflet-interactive")).to_have_count(6)
        page.locator('[data-station="st-my-thanh"] h3 a').click()
        expect(page.locator(f"{DO} canvas")).to_be_visible()
        page.get_by_role("link", name=re.compile("←")).click()
        expect(page.locator("#map path.leaflet-interactive")).to_have_count(6)
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
            box = alarm.bounding_box()
            assert box is not None
            assert box["y"] < 1.2 * PHONE["height"]
            for button, form in ((".acknowledge", "#acknowledge"), (".more", "#actions")):
                alarm.locator(button).click()
                expect(page.locator(f"{form}-send")).to_be_in_viewport()
                page.locator(f"{form}-cancel").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


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


SLACK_S = 40
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
        assert abs(page.evaluate("Date.now()") / 1000 - time.time() - wrong_by.total_seconds()) < 60
        assert abs(age_shown(page, DO) - (datetime.now(UTC) - began).total_seconds()) <= SLACK_S
        page.wait_for_timeout(3 * SECOND)
        assert abs(age_shown(page, DO) - (datetime.now(UTC) - began).total_seconds()) <= SLACK_S
        h, m, s = map(int, page.locator("#clock").inner_text().split(":"))
        in_vietnam = datetime.now(UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
        off = abs((3600 * h + 60 * m + s) - (3600 * in_vietnam.hour + 60 * in_vietnam.minute + in_vietnam.second))
        assert min(off, 86400 - off) <= SLACK_S


INK = """
canvas => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((byte, i) => i % 4 === 3 && byte > 0).length;
}
"""
AXIS_HOURS = "channel => { const x = charts.get(channel).plot.scales.x; return (x.max - x.min) / 3600; }"


def eventually(page: Page, true: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Ask until it is so; Playwright waits by eval, which the policy of the page forbids."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_a_station_has_a_24_hour_chart_of_every_channel(console: RunningConsole, browser: Watched) -> None:
    now = datetime.now(UTC)
    for ago in range(0, 24 * 60, 10):
        console.arrive("st-my-thanh/do", 5 + ago / 1000, now - timedelta(minutes=ago))
    with beating(console):
        page = browser.open(f"{console.url}/stations/st-my-thanh")
        plots = page.locator(".chart")
        assert plots.count() >= 12
        for plot in plots.all():
            plot.scroll_into_view_if_needed()
            expect(plot.locator("canvas")).to_be_visible()

        def ink(name: str) -> int:
            found: int = page.locator(f'[data-channel="st-my-thanh/{name}"] canvas').evaluate(INK)
            return found

        eventually(page, lambda: ink("do") > max(500, ink("ph")))
        assert page.evaluate(AXIS_HOURS, "st-my-thanh/do") == pytest.approx(24)
        page.get_by_role("button", name="3 giờ").click()
        eventually(page, lambda: page.evaluate(AXIS_HOURS, "st-my-thanh/do") < 3.01)
        console.arrive("st-my-thanh/do", 1.5)
        eventually(page, lambda: page.evaluate("charts.get('st-my-thanh/do').data[2].at(-1)") == 1.5)
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
        while not json.loads(console.ask("GET", "/healthz")[2])["listeners"]:
            time.sleep(0.01)
        route.continue_()

    browser.context.route("**/leaflet.js", late)
    with beating(console):
        page = browser.open(console.url, **PHONE)
        expect(page.locator(".station-label")).to_have_count(6)
        eventually(page, lambda: page.evaluate(ON_THE_MAP) == 6)
    assert browser.errors == []


def test_what_is_set_aside_is_listed_and_ended_by_button(console: RunningConsole, browser: Watched) -> None:
    number = console.raise_alarm()
    who = {"person": "Lê Văn An", "reason": "thay đầu đo", "hours": 2}
    assert console.ask("POST", f"/api/alarms/{number}/shelve", who)[0] == 200
    assert console.ask("POST", "/api/stations/st-my-thanh/out-of-service", {**who, "device": "sonde"})[0] == 200
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
        expect(rows.nth(2).get_by_role("button")).to_have_count(0)  # the console has no keys: only at the station
        for left in (2, 1):
            rows.first.get_by_role("button", name="Kết thúc").click()
            page.locator("#actions-person").fill("Trần Thị Bình")
            page.locator("#actions-reason").fill("xong")
            page.locator("#actions-send").click()
            expect(page.locator("#actions")).to_be_hidden()
            expect(rows).to_have_count(left)
    assert console.conn.execute("select count(*) from v_shelf").fetchone() == (0,)
    assert console.conn.execute("select ended_by from v_out_of_service").fetchall() == [("Trần Thị Bình",)]
