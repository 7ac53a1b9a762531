"""What the console's pages show, in one browser and without a database: a test gives the state of the network."""

import itertools
import math
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboards.console import equipment, series, station_page
from dashboards.console.limit_lines import LimitLine
from dashboards.console.present_alarms import Remark
from dashboards.console.snapshot import FreshnessNow
from dashboards.console.texts import texts
from quantrac.desks import field_book
from quantrac.desks.field_book import ServiceRow
from quantrac.telemetry.words import Words
from tests.fixtures.page_timing import SIDEWAYS, eventually_on
from tests.fixtures.still_console import NOW, NOW_MS, StillConsole, alarm, channel, network, station, still_console
from tests.fixtures.written_numbers import GIVEN, NUMBERS

pytestmark = pytest.mark.slow

SECOND = 1000
VI = texts("vi")
CALL = """
async ([module, name, cases]) => {
  const called = (await import(`/static/${module}.js`))[name];
  return cases.map((given) => called(...given));
}
"""


@pytest.fixture(scope="module")
def still() -> Iterator[StillConsole]:
    with still_console() as console:
        yield console


@pytest.fixture(scope="module")
def screen(chromium: Browser, still: StillConsole) -> Iterator[Page]:
    """One page for all tests; each opens what it looks at."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page = context.new_page()
    yield page
    context.close()
    assert errors == []


def opened(screen: Page, still: StillConsole, path: str = "/", **shown: Any) -> Page:
    """Open a page that shows this network."""
    still.show(network(**shown))
    screen.goto(still.url + path)
    expect(screen.locator("#clock")).not_to_be_empty()
    return screen


def test_numbers_times_and_ranges_are_written_as_they_are(screen: Page, still: StillConsole) -> None:
    """Pure functions, many cases in one page."""
    screen.goto(still.url)

    def calls(module: str, name: str, *cases: tuple[list[Any], Any]) -> None:
        found = screen.evaluate(CALL, [module, name, [given for given, _ in cases]])
        assert found == [expected for _, expected in cases], name

    calls("numbers", "number", *((asked, text) for *asked, text in NUMBERS))
    calls("numbers", "given", *((asked, text) for *asked, text in GIVEN))
    calls(
        "scale", "tickLabels",
        ([[88.5, 88.75, 89.0], "vi"], ["88,50", "88,75", "89,00"]), ([[-5, -2.5, 0], "en"], ["-5.0", "-2.5", "0.0"]),
        ([[0.1, 0.2, 0.30000000000000004], "en"], ["0.1", "0.2", "0.3"]), ([[0, 20, 40], "en"], ["0", "20", "40"]),
        ([[0, 1e300], "vi"], ["0", "1,00 × 10³⁰⁰"]), ([[], "vi"], []),
    )  # fmt: skip
    calls(
        "scale", "axisLabels",
        ([[0, 1], ["mở", "đóng"], "vi"], ["mở", "đóng"]), ([[0, 0.5], None, "vi"], ["0,0", "0,5"]),
    )  # fmt: skip
    calls(
        "scale", "stepsOf",
        ([4.5, 9.5], [0.001, 0.002, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5]),
        ([0, 3e34], [float(f"{digits}e{n}") for n in (31, 32, 33, 34) for digits in ("1", "2", "2.5", "5")]),
        ([-1e300, 1.7e308], [*(float(f"{f}e{n}") for n in (305, 306, 307) for f in ("1", "2", "2.5", "5")), 1e308]),
    )  # fmt: skip
    good = [5, 6, None, 5.5]
    calls(
        "scale", "heightOf",
        ([good, [52.9, 1e300, None], 2], [4.9, 6.1]), ([good, [6.4], 2], [4.86, 6.54]), ([[], [], 2], [0, 1]),
        ([[], [7], 1], [6.6, 7.4]), ([[], [*[1, 2] * 9, 1e300], 1], [0.6, 2.4]), ([[3], [], 1], [2.6, 3.4]),
        ([good, [], 2, [4.5, 40]], [4.35, 6.15]), ([[], [], 1, [7]], [6.6, 7.4]), ([[0, 0], [], 2], [-0.04, 0.04]),
    )  # fmt: skip
    calls("scale", "beyond", ([[52.9, 6.1, None], [4.9, 6.1]], [52.9]))
    calls(
        "range", "readRange",
        (["?hours=3"], {"hours": 3}), (["?hours=0"], None), (["?hours=99999"], None), (["?hours=x"], None),
        ([""], None),
        (["?from=2026-11-24T01:00:00Z&to=2026-11-24T02:00:00Z"], {"from": NOW_MS - 7200_000, "to": NOW_MS - 3600_000}),
        (["?from=2026-11-24T02:00:00Z&to=2026-11-24T01:00:00Z"], None), (["?from=x&to=y"], None),
    )  # fmt: skip
    calls(
        "range", "writeRange",
        (["?lang=en", {"hours": 3}], "lang=en&hours=3"), (["?hours=3", None], ""),
        (["?hours=3", {"from": NOW_MS, "to": NOW_MS + 60_000}], "from=2026-11-24T03:00:00Z&to=2026-11-24T03:01:00Z"),
    )  # fmt: skip
    calls("range", "dragged", ([1_000_500, 1_001_500], {"from": 971_000, "to": 1_031_000}))
    hour, last = 3_600_000, {"from": NOW_MS - 3_600_000, "to": NOW_MS}
    calls(
        "range", "shifted",
        ([{"hours": 1}, -0.5, NOW_MS], {"from": NOW_MS - 3 * hour // 2, "to": NOW_MS - hour // 2}),
        ([last, 1, 0], {"from": NOW_MS, "to": NOW_MS + hour}),
    )  # fmt: skip
    years = 5 * 366 * 86_400_000
    calls(
        "range", "widened",
        ([{"hours": 1}, NOW_MS], {"from": NOW_MS - 3 * hour // 2, "to": NOW_MS + hour // 2}),
        ([{"from": NOW_MS - years, "to": NOW_MS}, 0], {"from": NOW_MS - years, "to": NOW_MS}),
    )  # fmt: skip
    calls("range", "between", ([0, years], {"from": 0, "to": years}), ([0, years + 1], None), ([1, 1], None))
    judged = {
        "t": [0, 60, 120, 180], "mean": [4, None, None, 5], "low": [4, None, None, 4.5], "high": [4, None, None, 6],
        "suspect": [None, 9, None, None], "fail": [None] * 4, "aside": [None, None, 7, None],
        "spells": [[60, 120, "cal"]], "remarks": [[0, 60, ["spike"], 1.5, "9 between 4 and 5", None, None, None]],
        "resolution": "readings", "width_s": 60,
    }  # fmt: skip
    calls("plot", "pointAt", *(([judged, t], i) for t, i in ((-200, -1), (1, 0), (85, 1), (200, 3), (400, -1))))
    hours = {**judged, "resolution": "hourly"}
    calls("plot", "isOfReadings", ([judged, 60], True), ([judged, 10], False), ([hours, 3600], False))
    calls("plot", "pointAt", ([{**judged, "t": []}, 5], -1), ([{**judged, "t": [60], "resolution": "daily"}, 89], 0))
    words, line = dict(texts("en")), {"series": judged, "decimals": 1}
    calls(
        "plot", "saidAt",
        ([line, 0, words, "vi"], "4,0"), ([line, 180, words, "en"], "5.0 (4.5 … 6.0)"),
        ([line, 60, words, "en"], f"◇ suspect 9.0 · {words['test_spike']} (score 1.5): 9 between 4 and 5"),
        ([line, 119, words, "en"], "□ set aside 7.0 · calibration"),
        ([line, 4000, words, "en"], ""),
    )  # fmt: skip
    zone = "Asia/Ho_Chi_Minh"
    means = {**judged, "t": [NOW_MS / 1000 - 1800], "resolution": "hourly", "width_s": 3600}
    calls("plot", "timeAt", ([means, NOW_MS / 1000 - 99, zone, NOW_MS], "09:00 – 10:00"))
    calls(
        "times", "fromLocal",
        (["2026-11-24T10:00", zone], NOW_MS), (["2026-11-24T10:00:30", "Asia/Kathmandu"], NOW_MS + 75 * 60_000),
    )  # fmt: skip
    calls("times", "localText", ([NOW_MS, zone], "2026-11-24T10:00"), ([NOW_MS, "UTC"], "2026-11-24T03:00"))
    calls(
        "times", "clockText",
        ([NOW_MS, zone, "vi"], "Thứ Ba 24/11/2026 10:00:00 GMT+7"),
        ([NOW_MS, "Asia/Kathmandu", "en"], "Tue 24/11/2026 08:45:00 GMT+5:45"),
    )  # fmt: skip
    day = 86_400_000
    calls(
        "times", "timeText",
        ([NOW_MS, zone, NOW_MS, False], "10:00"), ([NOW_MS - day, zone, NOW_MS, False], "10:00 23/11"),
        ([NOW_MS - 365 * day, zone, NOW_MS, False], "10:00 24/11/2025"),
    )  # fmt: skip
    calls(
        "times",
        "axisTimes",
        ([[t / 1000 for t in (NOW_MS, NOW_MS + day)], 3600, zone], ["10:00\n24/11", "10:00\n25/11"]),
        ([[t / 1000 for t in (NOW_MS, NOW_MS + 90 * day)], 86400 * 30, zone], ["24/11\n2026", "22/02\n2027"]),
    )


def test_a_tile_shows_the_alarm_that_stands_whatever_its_quality(screen: Page, still: StillConsole) -> None:
    page = opened(
        screen, still, stations=[station()],
        channels=[channel(name="nh4_n", value=52.9, alarm="high", limit=1.0), channel(), channel(name="ph", quality=4)],
    )  # fmt: skip
    over, fine, failed = (page.locator(f'[data-channel="st-x/{name}"]') for name in ("nh4_n", "do", "ph"))
    expect(over).to_have_class(re.compile(r"\balarm-high\b"))
    expect(over.locator(".verdict")).to_have_text("▲ Nghiêm trọng, ngưỡng 1")
    expect(failed.locator(".verdict")).to_have_text("✕ Không đạt")
    expect(fine).to_have_class(re.compile(r"\bgood\b"))
    expect(over).not_to_have_class(re.compile(r"\bgood\b"))


def test_focus_and_rows_stay_while_alarms_come_and_go(screen: Page, still: StillConsole) -> None:
    both: dict[str, Any] = {"stations": [station()], "channels": [channel()]}
    page = opened(screen, still, **both, alarms=[alarm(1), alarm(2)], standing=2, waiting=2)
    first = page.locator('[data-alarm="2"] .acknowledge')
    first.focus()
    focused = "document.activeElement.closest('[data-alarm]')?.dataset.alarm + ' ' + document.activeElement.className"

    def after(*alarms: Any) -> Any:
        still.show(network(**both, alarms=alarms, standing=len(alarms), waiting=len(alarms)))
        expect(page.locator("#alarms > li")).to_have_count(len(alarms))
        expect(page.locator("#alarms > li strong")).to_have_text([one.texts["title"]["vi"] for one in alarms])
        return page.evaluate(focused)

    assert after(alarm(3), alarm(1), alarm(2)) == "2 acknowledge"
    assert after(alarm(2, value=1.9), alarm(1)) == "2 acknowledge"
    assert after(alarm(4), alarm(1)) == "4 acknowledge"  # its row is gone: the one in its place
    assert after(alarm(1)) == "1 acknowledge"


def test_of_standing_alarms_the_red_count_has_those_that_wait_for_a_person(screen: Page, still: StillConsole) -> None:
    said = Remark(NOW_MS - 60_000, "comment", "Lê Văn An", "đã gọi hộ nuôi")
    page = opened(
        screen, still, stations=[station()], channels=[channel()], standing=3, waiting=1,
        alarms=[alarm(1), alarm(2, state="acknowledged", remarks=[said]), alarm(3, state="shelved")],
    )  # fmt: skip
    expect(page.locator("#alarm-count")).to_have_text("1")
    expect(page.locator("#alarm-others")).to_have_text("+ 2 đã xác nhận hoặc gác lại")
    expect(page.locator('[data-alarm="2"] .remarks li')).to_have_text("Lê Văn An, 09:59, ghi chú: đã gọi hộ nuôi")


def test_a_form_does_not_begin_with_what_was_said_of_another_alarm(screen: Page, still: StillConsole) -> None:
    page = opened(screen, still, stations=[station()], channels=[channel()], alarms=[alarm(1), alarm(2)])
    for number in (1, 2):
        page.locator(f'[data-alarm="{number}"] .acknowledge').click()
        expect(page.locator("#acknowledge-reason")).to_have_value("")
        page.locator("#acknowledge-reason").fill("đang thay đầu đo")
        page.locator("#acknowledge-cancel").click()


MAY = """
async ([acts, cases]) => {
  if (acts !== null) document.body.dataset.acts = JSON.stringify(acts);
  const { may } = await import(`/static/account.js?${performance.now()}`);
  return cases.map((given) => may(...given));
}
"""


def test_a_page_knows_at_which_stations_its_account_may_act(screen: Page, still: StillConsole) -> None:
    screen.goto(still.url)
    cases = [["shelve", "st-a"], ["unshelve", "st-a"], ["unshelve", "st-b"], ["shelve", None], ["false", "st-b"],
             ["false", None], ["audit", None], ["reset", "st-a"]]  # fmt: skip
    assert screen.evaluate(MAY, [None, cases]) == [True] * 8  # nobody is signed in: a form will ask
    acts = {"shelve": ["st-a"], "mark_false": None, "reset": []}
    assert screen.evaluate(MAY, [acts, cases]) == [True, True, False, False, True, True, False, False]


LONG = "Trạm" * 50
MIRRORED = "\u202eTrạm\u2067 ngược"
CLIPPED = "all => all.filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1).length"
SIZES = ((1920, 1080), (1366, 768), (390, 844))


@pytest.mark.parametrize(
    "path", ["/", "/stations/st-x", "/compare?left=st-x/do&right=st-x/ph", "/stations/st-x/equipment"]
)
def test_long_and_mirrored_names_and_huge_values_stay_in_their_place(
    screen: Page, still: StillConsole, path: str
) -> None:
    still.answers[series.SERIES] = wave()
    devices = {"sonde": {"profile": {"title": LONG}, "bus": {"name": "b", "kind": LONG}}}
    still.answers[equipment.STATION] = [({"devices": devices, "cameras": {LONG: {}}}, "f" * 64, "e" * 64, NOW)]
    still.answers[equipment.SERVICE] = [(NOW, "calibration", MIRRORED, LONG)]
    still.answers[field_book.SERVICE] = [
        ServiceRow(
            "st-x", "sonde", "calibration", NOW, 1e300, -1e300, LONG, MIRRORED, LONG, 1, "do", "do", "mg/l", 1e300, NOW
        )
    ]  # fmt: skip
    page = opened(
        screen, still, path, stations=[station(vi=LONG), station("st-y", MIRRORED, longitude=106.2)],
        channels=[channel(value=1e300), channel(name="ph", value=-1e300, alarm="high", limit=1e300), channel("st-y")],
        alarms=[alarm(1, texts={"title": {"vi": LONG}}, value=1e300, limit=-1e300), alarm(2, station="st-y")],
    )  # fmt: skip
    try:
        if path in ("/", "/stations/st-x"):
            expect(page.locator('[data-channel="st-x/do"] .value').first).to_have_text("1,00 × 10³⁰⁰")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(SIDEWAYS) <= 0, width
            assert page.locator(".reading").evaluate_all(CLIPPED) == 0, width
        if path == "/":
            where = page.locator('[data-alarm="2"] .alarm-where')
            assert where.evaluate("e => [...e.childNodes].map((n) => n.nodeName)") == ["BDI", "#text"]
            starts = where.evaluate(
                """e => [...e.childNodes].map((n) => {
                  const range = document.createRange(); range.selectNodeContents(n);
                  return range.getBoundingClientRect().left; })"""
            )
            assert starts == sorted(starts), "the value stands after the name"
    finally:
        page.set_viewport_size({"width": 1366, "height": 768})


def test_on_a_telephone_the_alarms_come_before_the_map(screen: Page, still: StillConsole) -> None:
    page = opened(screen, still, stations=[station()], channels=[channel()], alarms=[alarm()])
    tops = "['.alarms-card', '.map-card'].map((one) => document.querySelector(one).getBoundingClientRect())"
    try:
        page.set_viewport_size({"width": 390, "height": 844})
        alarms, on_map = page.evaluate(tops)
        assert alarms["top"] < on_map["top"]
        page.set_viewport_size({"width": 1366, "height": 768})
        alarms, on_map = page.evaluate(tops)
        assert alarms["left"] > on_map["left"]
    finally:
        page.set_viewport_size({"width": 1366, "height": 768})


def test_stations_on_the_map_are_signs_with_words_that_the_keyboard_opens(screen: Page, still: StillConsole) -> None:
    page = opened(
        screen, still, stations=[station(condition="critical"), station("st-y", "Trạm Y")], channels=[channel()]
    )
    sign = page.locator(".station-sign[aria-label='Trạm X: Khẩn cấp']")
    expect(sign).to_have_text("▲")
    expect(page.locator(".station-sign[aria-label='Trạm Y: Hoạt động tốt']")).to_have_text("✓")
    expect(page.locator('[data-station="st-x"] .dot')).to_have_text("▲")
    sign.focus()
    still.show(network([station(condition="critical")], [channel()]))  # Y was removed
    expect(page.locator(".station-sign")).to_have_count(1)
    expect(page.locator(".station-label")).to_have_text(["Trạm X"])
    expect(page.locator('[data-station="st-y"]')).to_be_hidden()
    still.show(network([station(condition="critical"), station("st-y", "Trạm Y", latitude=None)], [channel()]))
    expect(page.locator('[data-station="st-y"]')).to_be_visible()
    expect(page.locator(".station-sign")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/stations/st-x"))


def test_a_new_installation_shows_what_is_to_be_done_and_no_old_data(screen: Page, still: StillConsole) -> None:
    page = opened(screen, still, freshness=FreshnessNow(False, "empty", None, connected=False))
    expect(page.locator("#pill")).to_have_text("CHƯA CÓ SỐ LIỆU")
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#first-steps li.done")).to_have_count(0)
    still.show(
        network(
            [station()], [channel(t=None, value=None)], freshness=FreshnessNow(False, "empty", None, connected=True)
        )
    )
    expect(page.locator("#first-steps li.done")).to_have_count(2)
    expect(page.locator("#first-steps")).to_contain_text("quantrac edge run --station")
    still.show(network([station()], [channel()]))
    expect(page.locator("#first-steps")).to_be_hidden()
    expect(page.locator("#pill")).to_have_text("TRỰC TIẾP")


def test_the_page_is_dark_where_people_want_it_dark(screen: Page, still: StillConsole) -> None:
    page = opened(screen, still, stations=[station()], channels=[channel()], alarms=[alarm()])
    lightness = """() => ['body', '.card', '.alarm', 'button.more', 'dialog'].map((one) => {
      const found = getComputedStyle(document.querySelector(one));
      return [found.backgroundColor, found.color].map((rgb) => {
        const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      });
    })"""
    try:
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            for ground, ink in page.evaluate(lightness):
                assert abs(ground - ink) > 90
                assert (ground < ink) == (scheme == "dark")
    finally:
        page.emulate_media(color_scheme="light")


def wave() -> list[tuple[Any, ...]]:
    """Ten hours of minutes up to now; one reading failed far away."""
    rows = []
    for ago in range(600, 0, -1):
        value = 5 + math.sin(ago / 60)
        rows.append((NOW_MS / 1000 - 60 * ago, value, value, value, 1e6 if ago == 300 else None, None, None, None))
    return rows


def newest(**more: Any) -> Any:
    """A channel whose newest reading is the last of the wave."""
    return channel(t=NOW_MS - 60_000, **more)


AXES = """async (channel) => {
  const { charts } = await import(document.querySelector("script[src*='/charts.js']").src);
  const found = charts.get(channel);
  return found === undefined ? null : {
    x: [found.plot.scales.x.min, found.plot.scales.x.max], y: [found.plot.scales.y.min, found.plot.scales.y.max],
    t: found.series.t.length, spells: found.series.spells.length,
    suspect: found.series.suspect.filter((value) => value !== null).length,
  };
}"""
HEARD = """async (channel) => {
  const { src } = document.querySelector("script[src*='/charts.js']");
  const { seen } = await import(src.replace("charts.js", "stream.js"));
  return seen.channels.get(channel)?.t;
}"""
DO_CHART = '[data-channel="st-x/do"]'


def drawn(page: Page, rows: int, channel: str = "st-x/do", hours: float | None = None) -> dict[str, Any]:
    """Return the axes of a chart as soon as it has so many points; `hours`: and shows so long a time."""

    def axes() -> dict[str, Any] | None:
        found: dict[str, Any] | None = page.evaluate(AXES, channel)
        if found is None or found["t"] != rows:
            return None
        low, high = found["x"]
        return found if hours is None or abs(high - low - 3600 * hours) < 1 else None

    return eventually_on(page, axes)


def point(over: Locator, share: float, words: str) -> None:
    """Point at a share of a chart's width until it says these words: one that is drawn anew has heard of no pointer."""
    width, heights = over.evaluate("over => over.clientWidth"), itertools.cycle((40, 60))

    def says() -> bool:
        over.hover(position={"x": width * share, "y": next(heights)})
        return words in over.page.locator(f"{DO_CHART} .pointed").inner_text()

    eventually_on(over.page, says)


class HeldRows(list[tuple[Any, ...]]):
    """Rows that a query finds once they are released."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        super().__init__(rows)
        self.asked, self.released = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self.asked.set()
        assert self.released.wait(180)
        return super().__iter__()


def test_a_chart_has_the_readings_that_came_while_it_was_asked_for(screen: Page, still: StillConsole) -> None:
    rows = HeldRows(wave()[:-2])
    still.answers[series.SERIES] = rows
    earlier, judged, later = (
        channel(t=NOW_MS - ago, value=5.0, quality=quality)
        for ago, quality in ((240_000, 1), (180_000, 3), (120_000, 1))
    )
    try:
        page = opened(screen, still, "/stations/st-x?hours=12", stations=[station()], channels=[earlier])
        eventually_on(page, rows.asked.is_set)
        for reading in (judged, later):
            still.show(network(stations=[station()], channels=[reading]))
            eventually_on(page, lambda: page.evaluate(HEARD, "st-x/do") == reading.t)
        row = (NOW_MS / 1000 - 180, None, None, None, 5.0, None, None, None)
        still.answers[series.SERIES] = [*wave()[:-3], row, wave()[-2]]  # of a later drawing, which has them
    finally:
        rows.released.set()
    assert drawn(page, len(rows) + 1)["suspect"] == 2


def test_a_chart_zooms_by_dragging_and_the_address_keeps_its_range(screen: Page, still: StillConsole) -> None:
    asked: list[str] = []
    screen.on("request", lambda request: asked.append(request.url) if "/series" in request.url else None)
    still.answers[series.SERIES] = wave()
    page = opened(screen, still, "/stations/st-x?lang=vi", stations=[station()], channels=[newest(), newest(name="ph")])
    canvas = page.locator('[data-channel="st-x/do"] .u-over')
    expect(canvas).to_be_visible()
    expect(page.locator('[data-channel="st-x/do"] .beyond')).to_have_text(f"1 {VI['beyond']}: 1000000,00")
    expect(page.locator('[data-channel="st-x/ph"] .beyond')).not_to_be_empty()  # the chart above grows no more
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    try:
        with page.expect_response("**/do/series*"):
            page.emulate_media(color_scheme="dark")  # the charts are drawn again under the pointer
        page.mouse.move(box["x"] + box["width"] * 3 / 4, middle, steps=3)
        page.mouse.up()
        expect(page.locator("#zoomed")).to_be_visible()
    finally:
        page.emulate_media(color_scheme="light")
    shown = re.search(r"from=(\S+?)Z&to=(\S+?)Z", page.url)
    assert shown is not None
    begin, end = (datetime.fromisoformat(f"{time}Z").timestamp() - NOW_MS / 1000 for time in shown.groups())
    assert [begin / 3600, end / 3600] == pytest.approx([-12, -6], abs=0.2)
    expect(page.locator("#zoomed-range")).to_have_text(re.compile(r"2[12]:\d\d 23/11 – 0[34]:\d\d"))
    expect(page.locator(".language")).to_have_attribute("href", re.compile("from="))
    asked.clear()
    page.reload()
    expect(canvas).to_be_visible()
    expect(page.locator("#zoomed")).to_be_visible()
    assert all(shown[0].split("&")[0] in url.replace("%3A", ":") for url in asked)
    page.get_by_role("button", name="3 giờ").click()
    expect(page).to_have_url(re.compile("hours=3$"))
    page.go_back()
    expect(page.locator("#zoomed")).to_be_visible()
    with page.expect_response("**/do/series?hours=24"):  # a chart that is drawn anew has heard of no key
        page.locator("#zoomed").click()
    expect(page).not_to_have_url(re.compile("from=|hours="))
    expect(page.get_by_role("button", name="24 giờ")).to_have_attribute("aria-pressed", "true")
    drawn(page, 600, hours=24)  # and the same by keys
    page.locator(f"{DO_CHART} .plot").focus()
    pointed = page.locator(f"{DO_CHART} .pointed")
    expect(pointed).to_have_attribute("aria-live", "polite")
    for key, said in (("ArrowLeft", "09:59:00: 5,02"), ("ArrowLeft", "09:58:00: 5,03"), ("Home", "00:00:00: 4,46")):
        page.keyboard.press(key)
        expect(pointed).to_contain_text(said)
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"from=2026-11-23T1(0:5|1:0)\d.*to=2026-11-23T2(2:5|3:0)\d"))
    expect(page.locator("#zoomed")).to_be_visible()
    page.keyboard.press("-")
    expect(page).to_have_url(re.compile(r"from=2026-11-23T0(4:5|5:0)\d.*to=2026-11-24T0(4:5|5:0)\d"))


FORMS = """async (kinds) => {
  const { drawSample } = await import("/static/hatch.js");
  return kinds.map((kind) => {
    const canvas = document.createElement("canvas");
    drawSample(canvas, kind);
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return [...pixels].filter((_, i) => i % 4 === 3).map((alpha) => (alpha > 60 ? "#" : " ")).join("");
  });
}"""
KINDS = ("line", "suspect", "fail", "aside", "maint", "cal", "missing", "partial", "limit")


def test_what_is_wrong_with_a_reading_has_a_form_of_its_own_not_only_a_colour(
    screen: Page, still: StillConsole
) -> None:
    screen.goto(still.url)
    forms = screen.evaluate(FORMS, KINDS)
    assert all("#" in form for form in forms)
    assert len(set(forms)) == len(KINDS)


def test_a_station_s_charts_have_states_limits_and_one_pointer_and_any_range(screen: Page, still: StillConsole) -> None:
    low = LimitLine(3.5, False, "high", Words("Oxy thấp", "Low oxygen"), always=True)
    still.limits["st-x/do"] = [low, low._replace(limit=-1e300)]
    maintained = [(*row[:1], *[None] * 5, 4.4, "maint") if 100 < at < 160 else row for at, row in enumerate(wave())]
    still.answers[series.SERIES] = maintained
    raised = NOW_MS / 1000 - 3000
    still.answers[station_page.EVENTS] = [(raised, "calibration", "sonde", "<b>span</b>")]
    both: dict[str, Any] = {"stations": [station()], "channels": [newest(), newest(name="ph")]}
    page = opened(screen, still, "/stations/st-x?hours=12", **both)
    axes = drawn(page, 600)
    assert axes["x"] == pytest.approx([NOW_MS / 1000 - 12 * 3600, NOW_MS / 1000], abs=30)
    assert axes["y"][0] < 3.5, "a limit near the readings is in the picture, one far away is not"
    assert axes["y"][0] > 3
    over = page.locator(f"{DO_CHART} .u-over")
    over.scroll_into_view_if_needed()
    drawn(page, 600, "st-x/ph")
    maintenance = "□ không tính 4,40 · bảo trì"
    point(over, 1 - (600 - 130) / 720, maintenance)
    expect(page.locator('[data-channel="st-x/ph"] .pointed')).to_contain_text(maintenance)
    point(over, 1 - 3000 / 43200, "09:10 hiệu chuẩn sonde <b>span</b>")
    page.locator("#marks summary").click()
    expect(page.locator("#marks-list li")).to_have_text(["09:10 hiệu chuẩn sonde <b>span</b>"])
    page.locator(".own-range summary").click()
    page.locator("#own-from").fill("2026-11-24T09:00")
    page.locator("#own-to").fill("2026-11-24T08:00")
    page.locator("#own-to").press("Enter")
    expect(page.locator("#own-error")).to_be_visible()
    page.locator("#own-from").fill("2021-11-25T08:00")
    page.locator("#own-to").press("Enter")
    expect(page).to_have_url(re.compile("from=2021-11-25T01:00:00Z&to=2026-11-24T01:00:00Z"))
    page.get_by_role("button", name="Tiến tới").click()
    expect(page).to_have_url(re.compile("to=2029-"))
    expect(page.locator("#marks-count")).to_contain_text("31 ngày")
    day = NOW_MS / 1000
    for rows, decimals in (
        ([(day - 60, 1e300, 1e300, 1e300, None, None, None, None)], "1,00 × 10³⁰⁰"), ([], ""),
        ([(day - 60 * n, 0.0, 0.0, 0.0, None, -1e300, None, None) for n in (2, 1)], "0,00"),
    ):  # fmt: skip
        still.answers[series.SERIES] = rows
        page.get_by_role("button", name="15 phút").click()
        found = drawn(page, len(rows), hours=0.25)
        assert found["y"][0] < found["y"][1]
        if rows:
            point(over, 1 - 60 / 900, decimals)
        else:
            expect(page.locator(f"{DO_CHART} .made")).to_have_text(VI["nothing_here"])
        page.get_by_role("button", name="3 giờ").click()
        drawn(page, len(rows), hours=3)  # or its answer comes after the next click
    still.answers.pop(station_page.EVENTS)
    still.limits.clear()
    wrong = screen.context.new_page()
    wrong.clock.install(time=datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(days=1))
    wrong.goto(f"{still.url}/stations/st-x?hours=3")
    assert drawn(wrong, 2)["x"] == pytest.approx([day - 3 * 3600, day], abs=60), "the clock of the browser is wrong"
    wrong.close()


def test_channels_of_any_stations_are_compared_on_two_axes_that_the_address_keeps(
    screen: Page, still: StillConsole
) -> None:
    still.answers[series.SERIES] = wave()
    page = opened(
        screen, still, "/compare?left=st-x/do&right=st-y/ph&left=st-x/gone&hours=3",
        stations=[station(), station("st-y", MIRRORED)], channels=[channel(), channel("st-y", "ph")],
    )  # fmt: skip
    rows = page.locator("#lines li")
    expect(rows).to_have_count(2)
    expect(page.get_by_role("alert").filter(has_text="st-x/gone")).to_be_visible()
    expect(page.locator("#compared canvas")).to_be_visible()
    scales = """async () => {
      const { plot } = await import(document.querySelector("script[src*='/compare.js']").src);
      return plot.series.slice(1).map((one) => one.scale);
    }"""
    assert page.evaluate(scales) == ["y"] * 3 + ["right"] * 3
    page.locator("#compared .u-over").hover()
    for row in rows.all():
        expect(row.locator(".pointed")).to_have_text(re.compile(r"^\d,\d\d"))
    rows.nth(1).get_by_role("link", name=VI["compare_move"]).click()
    expect(page).to_have_url(re.compile("left=st-x/do&left=st-y/ph&hours=3$"))
    expect(page.locator("#compared canvas")).to_be_visible()
    assert page.evaluate(scales) == ["y"] * 6
    rows.first.get_by_role("link", name=VI["compare_remove"]).click()
    expect(rows).to_have_count(1)
    page.locator("#pick-station").select_option("st-x")
    expect(page).to_have_url(re.compile("at=st-x"))
    page.locator("#pick-axis").select_option("right")
    page.locator("#pick button").click()
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile("hours=3.*right=st-x/do"))
    for left in (1, 0):
        rows.first.get_by_role("link", name=VI["compare_remove"]).click()
        expect(rows).to_have_count(left)
    expect(page.locator("main")).to_contain_text(VI["compare_none"])


def test_200_stations_of_30_channels_stay_fluent(screen: Page, still: StillConsole) -> None:
    """Every update looked through the whole document until the page's own timer showed NO CONNECTION."""
    names = [f"c{n}" for n in range(30)]
    stations = [station(f"st-{n}", f"Trạm {n}", latitude=9 + n / 400, longitude=105.5 + n / 400) for n in range(200)]

    def shown(value: float) -> Any:
        return network(stations, [channel(one.station, name, value) for one in stations for name in names])

    still.show(shown(1.0))
    page = screen
    page.goto(still.url)
    expect(page.locator('[data-channel="st-0/c0"] .value')).to_have_text("1,00")
    page.evaluate(
        """() => {
          window.searches = 0;
          for (const owner of [Document.prototype, Element.prototype]) {
            const search = owner.querySelectorAll;
            owner.querySelectorAll = function (...given) { window.searches += 1; return search.apply(this, given); };
          }
        }"""
    )
    for value in (2.0, 3.0, 4.0):
        still.show(shown(value))
        expect(page.locator('[data-channel="st-199/c29"] .value')).to_have_text(f"{value:.2f}".replace(".", ","))
    expect(page.locator("#pill")).to_have_text("TRỰC TIẾP")
    assert page.evaluate("window.searches") == 0
