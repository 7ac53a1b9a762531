"""The overview and the wall in a browser, without a database: what needs a person, what is new, what the sea does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards.console.overview_data import TRENDS
from dashboards.console.set_aside import SetAside
from dashboards.console.snapshot import RefusedNow
from dashboards.console.texts import texts
from tests.acceptance.test_console_screen import CALL, SIZES
from tests.fixtures.page_timing import routed, until_it_fits
from tests.fixtures.still_console import NOW_MS, StillConsole, alarm, channel, network, station, still_console

pytestmark = pytest.mark.slow

VI = texts("vi")
MINUTE = 60_000


@pytest.fixture(scope="module")
def still() -> Iterator[StillConsole]:
    with still_console() as console:
        yield console


@pytest.fixture(scope="module")
def screen(chromium: Browser, still: StillConsole) -> Iterator[Page]:  # the page goes before its server
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield context.new_page()
    context.close()
    assert errors == []


def test_what_is_shown_is_decided_by_functions_of_what_is_known(screen: Page, still: StillConsole) -> None:
    screen.goto(still.url)

    def calls(module: str, name: str, *cases: tuple[list[Any], Any]) -> None:
        found = screen.evaluate(CALL, [module, name, [given for given, _ in cases]])
        assert found == [expected for _, expected in cases], name

    def points(*pairs: tuple[int, float]) -> list[list[float]]:
        return [[NOW_MS - ago * MINUTE, value] for ago, value in pairs]

    calls(
        "trends", "changeOf",
        ([[]], None), ([points((5, 1.0), (0, 2.0))], None), ([points((60, 1.0), (0, 3.0))], 2),
        ([points((70, 1.0), (50, 3.0), (10, 4.0), (0, 6.0))], 3), ([points((170, 1.0), (0, 3.0))], None),
    )  # fmt: skip
    calls(
        "trends", "directionOf",
        ([0.02, 5.0, 2], "steady"), ([0.06, 5.0, 2], "rising"), ([-0.06, 5.0, 2], "falling"),
        ([5.0, 1000.0, 0], "steady"), ([0.0, 0.0, 2], "steady"),
    )  # fmt: skip
    calls(
        "trends", "pathOf",
        ([points((90, 1.0), (85, 3.0), (60, 2.0), (57, 2.0)), NOW_MS], "M50.0 22.0L52.8 2.0M66.7 12.0L68.3 12.0"),
        ([points((9, 7.0), (0, 7.0)), NOW_MS], "M95.0 12.0L100.0 12.0"),
        ([points((9, -1e308), (0, 1e308)), NOW_MS], "M95.0 22.0L100.0 2.0"),
    )  # fmt: skip
    turns = [{"t": 500, "height": 1.0, "high": True}, {"t": 900, "height": -1.0, "high": False}]
    course = {"start": 0, "step": 100, "heights": [0.0, 0.2, 0.4], "turns": turns}
    calls(
        "tide", "tideAt",
        ([course, 150], {"height": pytest.approx(0.3), "rises": True, "next": turns}), ([course, 5000], None),
    )  # fmt: skip
    conditions = [{"condition": name} for name in ("good", "offline", "critical", "good", "suspect")]
    order = ["critical", "offline", "suspect", "good", "good"]
    calls("stations", "worstFirst", ([conditions], [{"condition": name} for name in order]))
    calls("stations", "countsOf", ([conditions], [["critical", 1], ["offline", 1], ["suspect", 1], ["good", 2]]))

    def listed(*alarms: Any) -> Any:
        return list(msgspec.to_builtins(alarms))

    before = listed(alarm(1), alarm(2, state="acknowledged"), alarm(3, severity="medium"))
    calls(
        "notice", "newAlarms",
        ([before, before, 3], []),
        ([listed(alarm(4), alarm(0), alarm(5, state="shelved")), before, 3], listed(alarm(4))),
        ([listed(alarm(2), alarm(3)), before, 3], listed(alarm(2), alarm(3))),  # it waits again; it is worse
    )  # fmt: skip
    stations = [f"st-{n}" for n in range(7)]
    kinds = {"m": "map", "a": "alarms"}
    found = screen.evaluate(CALL, ["slides", "slidesOf", [[stations, 13], [[], 0]]])
    assert [slide["station"] or slide["kind"] for slide in found[0]] == [
        kinds.get(one, f"st-{one}") for one in "maaa012345maaa6"
    ]
    assert [slide["kind"] for slide in found[1]] == ["map"]


def test_what_needs_a_person_stands_on_top_worst_first_and_is_dealt_with_there(
    screen: Page, still: StillConsole
) -> None:
    stations = [
        station("st-a", "Trạm A", condition="medium", standing=2, waiting=2), station("st-b", "Trạm B"),
        station("st-c", "Trạm C", condition="offline", last_message_at=NOW_MS - 30 * MINUTE),
        station("st-d", "Trạm <b>D</b>", condition="critical", standing=1, waiting=1),
    ]  # fmt: skip
    alarms = [
        alarm(4, station="st-d", severity="critical"), alarm(1, station="st-a", severity="medium", value=1e300),
        alarm(2, station="st-a", severity="low"), alarm(3, station="st-a", state="acknowledged"),
    ]  # fmt: skip
    soon = NOW_MS + 20 * MINUTE
    ending = SetAside("shelved", "st-b", None, None, 9, {"vi": "Pin yếu"}, "An", "bảo trì", NOW_MS - MINUTE, soon)
    refused = RefusedNow(NOW_MS - MINUTE, False, {"vi": "rules/x.yaml:1:1: y", "en": ""})
    channels = [channel(one.station, name) for one in stations for name in ("do", "ph")]
    shown: dict[str, Any] = {"stations": stations, "channels": channels, "standing": 4, "waiting": 3}
    still.show(network(**shown, alarms=alarms, aside=[ending], refused=refused))
    screen.goto(still.url)
    rows = screen.locator("#needs > li")
    expect(rows).to_have_count(5)
    wanted = [
        ("▲ Khẩn cấp", "Trạm <b>D</b> Oxy thấp 4 · 2,10 mg/l (ngưỡng 3)"), ("✕ Cấu hình", VI["need_refused"]),
        ("⌀ Mất kết nối", "Trạm C không gửi số liệu"), ("▲ Nguy cơ", "× 10³⁰⁰ mg/l (ngưỡng 3) · + 1 cảnh báo khác"),
        ("◔ Tạm gác", "Trạm B Pin yếu · sắp hết thời gian tạm gác"),
    ]  # fmt: skip
    for row, (sign, words) in zip(rows.all(), wanted, strict=True):
        expect(row.locator(".need-sign")).to_have_text(sign)
        expect(row).to_contain_text(words)
    cards = screen.locator("#stations > section bdi")
    expect(cards).to_have_text(["Trạm <b>D</b>", "Trạm C", "Trạm A", "Trạm B"])
    expect(screen.locator("#conditions li")).to_have_text(
        ["▲ 1 Khẩn cấp", "⌀ 1 Mất kết nối", "▲ 1 Nguy cơ", "✓ 1 Hoạt động tốt"]
    )
    top = "one => document.querySelector(one).getBoundingClientRect().top"
    assert screen.evaluate(top, "#needs-card") < screen.evaluate(top, ".top")
    for link, address in zip(rows.first.locator("a").all(), ("/stations/st-d", "/alarms/4"), strict=True):
        expect(link).to_have_attribute("href", f"{address}?lang=vi")
    rows.first.locator(".acknowledge").dispatch_event("click")  # a page that still settles moves it under the pointer
    expect(screen.locator("#acknowledge-what")).to_contain_text("Oxy thấp 4")
    screen.locator("#acknowledge-cancel").click()
    focused = screen.locator('[data-station="st-b"] h3 a')
    focused.focus()
    calm = [station(one.station, one.name) for one in stations[:3]] + [station("st-d", "Trạm <b>D</b>", waiting=0)]
    calm[1] = station("st-b", "Trạm B", condition="high")
    still.show(network(calm, channels, refused=None))
    expect(cards).to_have_text(["Trạm B", "Trạm A", "Trạm C", "Trạm <b>D</b>"])
    expect(focused).to_be_focused()
    expect(rows).to_have_count(0)
    expect(screen.locator("#no-needs")).to_be_visible()
    still.show(network([station(one.station, one.name, condition="offline") for one in stations[:3]], channels))
    expect(rows).to_have_text([re.compile("⌀ Mất kết nối *3 trạm không gửi số liệu: Trạm A, Trạm B, Trạm C")])


def test_a_new_alarm_is_said_across_the_page_and_its_sound_is_visibly_muted(screen: Page, still: StillConsole) -> None:
    both: dict[str, Any] = {"stations": [station()], "channels": [channel()]}
    still.show(network(**both, alarms=[alarm(5)], standing=1, waiting=1))
    screen.goto(still.url)
    notice, sound = screen.locator("#new-alarm"), screen.locator("#sound")
    expect(screen.locator("#alarms > li")).to_have_count(1)
    expect(notice).to_be_hidden()  # it stood before
    sound.focus()
    screen.keyboard.press("Enter")
    expect(sound).to_contain_text(VI["sound_off"])
    expect(sound).to_have_attribute("aria-pressed", "false")
    screen.reload()
    expect(sound).to_contain_text(VI["sound_off"])  # it is kept
    expect(screen.locator("#alarms > li")).to_have_count(1)  # what was there before is known again
    sound.click()
    expect(sound).to_contain_text(VI["sound_on"])
    tones = """() => {
      window.tones = 0;
      const start = OscillatorNode.prototype.start;
      OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
    }"""
    screen.evaluate(tones)
    new = [alarm(7, severity="critical"), alarm(6), alarm(5), alarm(8, known_at=NOW_MS), alarm(9, state="shelved")]
    still.show(network(**both, alarms=new, standing=4, waiting=3))
    expect(notice).to_contain_text("Cảnh báo mới · Khẩn cấp: Oxy thấp 7 · Trạm X · 2,10 mg/l (ngưỡng 3) · + 1")
    assert screen.evaluate("window.tones") == 3
    still.show(network(**both, alarms=[alarm(6), alarm(5)], standing=2, waiting=2))  # somebody has dealt with the worst
    expect(notice).to_contain_text("Nghiêm trọng: Oxy thấp 6")
    screen.locator("#new-alarm-close").click()
    expect(notice).to_be_hidden()
    sound.click()
    screen.evaluate("window.tones = 0")
    still.show(network(**both, alarms=[alarm(10), alarm(6), alarm(5)], standing=3, waiting=3))
    expect(notice).to_contain_text("Oxy thấp 10")
    assert screen.evaluate("window.tones") == 0
    sound.click()


def test_values_have_a_small_line_and_a_trend_and_the_sea_its_next_turns(screen: Page, still: StillConsole) -> None:
    steps = [(NOW_MS - ago * MINUTE, ago) for ago in range(180, 0, -5)]
    still.answers[TRENDS] = [
        *(("st-my-thanh/do", "do", "mean", t, 6 - ago / 60) for t, ago in steps),
        *(("st-my-thanh/ph", "ph", "vector", t, 359.0 if ago > 30 else 1.0) for t, ago in steps),
    ]
    names = {"st-my-thanh": "Mỹ Thanh", "st-dai-ngai": "Đại Ngãi"}
    stations = [station(one, name) for one, name in names.items()]
    still.show(network(stations, [channel("st-my-thanh", value=6.0), channel("st-my-thanh", "ph", t=None, value=None)]))
    screen.goto(still.url)
    place = screen.locator('[data-channel="st-my-thanh/do"]')
    place.scroll_into_view_if_needed()
    expect(place.locator(".trend")).to_have_attribute("aria-label", re.compile("^tăng 0,9\\d trong 1 giờ qua$"))
    expect(place.locator(".spark path")).to_have_attribute("d", re.compile(r"^M2.8 22.0L.*L(99.\d|100.0) 2.0$"))
    around = screen.locator('[data-channel="st-my-thanh/ph"]')
    expect(around.locator(".spark path")).to_have_attribute("d", re.compile("^M2.8"))
    expect(around.locator(".trend")).to_be_hidden()  # from 359 to 1 is no fall
    tides = screen.locator("#tides > li")
    expect(tides).to_have_count(2)
    expect(tides.first.locator("strong")).to_have_text("Mỹ Thanh")  # the other station of the place is not there
    expect(tides.first).to_contain_text("đang lên −1,30 m")
    expect(tides.first.locator(".tide-next")).to_have_text("nước lớn 14:54 (+1,56 m) nước ròng 20:17 (−0,08 m)")
    expect(screen.locator(".leaflet-control-scale-line")).to_have_text(re.compile("km"))
    expect(screen.locator(".place-name:visible").first).to_be_visible()
    del still.answers[TRENDS]


@contextmanager
def wall_of(screen: Page, still: StillConsole, **view: int) -> Iterator[Page]:
    """A page of its own, on which requests may fail."""
    assert screen.context.browser is not None
    context = screen.context.browser.new_context(viewport={"width": view["width"], "height": view["height"]})
    page = context.new_page()
    routed(page)
    page.clock.install()
    page.goto(f"{still.url}/wall")
    try:
        yield page
    finally:
        context.close()


def test_the_wall_turns_by_itself_shows_what_is_new_and_says_when_its_session_is_over(
    screen: Page, still: StillConsole
) -> None:
    stations = [station("st-a", "Trạm A"), station("st-b", "Trạm" * 50, condition="high", standing=1, waiting=1)]
    channels = [channel("st-a"), channel("st-b"), channel("st-b", "ph", 1e300, alarm="high", limit=9.0)]
    shown: dict[str, Any] = {"stations": stations, "channels": channels, "standing": 1, "waiting": 1}
    still.show(network(**shown, alarms=[alarm(1, station="st-b")]))
    with wall_of(screen, still, width=1366, height=768) as page:

        def next_shows(kind: str, words: str) -> None:
            slide = page.locator(f"#slide-{kind}").filter(has_text=words, visible=True)
            for _ in range(100):  # second by second: on a busy machine a long step would pass over a slide
                if slide.count():
                    break
                page.clock.fast_forward(1_000)
                still.show()  # it hears something
            expect(slide).to_be_visible()
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                until_it_fits(page, width)

        expect(page.locator("#slide-map .station-sign")).to_have_count(2)
        expect(page.locator("#wall-waiting")).to_have_text("▲ 1 cảnh báo chờ người xử lý")
        expect(page.locator("main button, main a, header button, header a")).to_have_count(0)
        next_shows("alarms", "Oxy thấp 1")
        expect(page.locator("#wall-alarms > li")).to_contain_text(["Oxy thấp 1"])
        next_shows("station", "Trạm" * 50)
        expect(page.locator("#wall-station")).to_have_text("Trạm" * 50)
        expect(page.locator("#wall-values > div").first).to_contain_text("▲ Nghiêm trọng, ngưỡng 9")
        next_shows("station", "Trạm A")
        expect(page.locator("#wall-station")).to_have_text("Trạm A")
        still.show(network(**shown, alarms=[alarm(2, station="st-a", severity="critical"), alarm(1, station="st-b")]))
        expect(page.locator("#slide-alarms")).to_be_visible()
        expect(page.locator("#new-alarm")).to_contain_text("Khẩn cấp: Oxy thấp 2")
        page.route("**/api/session", lambda route: route.fulfill(status=401, json={}))
        page.route("**/api/stream", lambda route: route.fulfill(status=401, json={}))
        still.hub.close_threadsafe()
        page.clock.fast_forward(6_000)  # it tries again
        expect(page.locator("#over")).to_contain_text("PHIÊN LÀM VIỆC ĐÃ HẾT")
        size = page.locator("#over strong").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
        assert size >= 40
        page.unroute("**/api/session")
        page.unroute("**/api/stream")
        page.clock.fast_forward(31_000)  # somebody has signed in
        expect(page.locator("#over")).to_be_hidden()
        expect(page.locator("#pill")).to_have_text("TRỰC TIẾP")
        still.show(network([*stations, station("st-new", "Trạm mới")], channels))  # it learns of its channels
        expect(page.locator("#slide-map .station-sign")).to_have_count(3)
