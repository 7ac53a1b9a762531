"""Bulletins without a server: periods, figures, words, templates that cannot run away, charts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.telling import gsm
from quantrac.config.bulletins import BulletinKind
from quantrac.config.limits import Averaging, DecreeLimit
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.desks.bulletin_dispatch import short
from quantrac.desks.bulletins import _cut
from quantrac.telemetry.words import Words
from reports.bulletins.air import air_figures
from reports.bulletins.bulletin import BulletinDraft, written
from reports.bulletins.calendar_chart import calendar
from reports.bulletins.daily_values import DayValue, by_measure
from reports.bulletins.line_chart import curve, scale
from reports.bulletins.notation import bounds, number, signed, spans
from reports.bulletins.overall import completeness_figures
from reports.bulletins.periods import period_before, period_of, week_with, year_before
from reports.bulletins.template_check import EXAMPLE_AT, PLACES, check_templates, example
from reports.bulletins.templates import BadTemplate, Templates
from reports.bulletins.water import water_figures
from reports.completeness.days import ChannelPeriod
from reports.spans import BadSpan

CONFIGS = Path(__file__).parents[3] / "station_configs"
DAYS = st.dates(date(1972, 2, 1), date(2098, 12, 31))
LOOP, END = "{% for a in lists %}" * 3, "{% endfor %}" * 3


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIGS)


@pytest.mark.parametrize("kind", list(BulletinKind))
@given(day=DAYS)
def test_the_last_period_ends_before_the_day_and_the_next_one_does_not(kind: BulletinKind, day: date) -> None:
    period = period_before(kind, day)
    assert period.last < day
    assert period_of(kind, period.name) == period
    following = period_before(kind, period.last + timedelta(days=(period.last - period.first).days + 32))
    assert following.last > period.last
    assert period_before(kind, period.last + timedelta(days=1)) == period


@pytest.mark.parametrize(
    ("week", "before"), [("2026-W48", "2025-W48"), ("2026-W53", "2025-W52"), ("2021-W01", "2020-W01")]
)
def test_the_same_week_a_year_before_has_the_same_number_or_is_the_last_of_its_year(week: str, before: str) -> None:
    """2026 has a week 53 and 2025 has none (ISO 8601)."""
    assert year_before(period_of(BulletinKind.WATER_WEEK, week)).name == before
    assert week_with(date(2026, 11, 29)).name == "2026-W48"


@pytest.mark.parametrize(
    ("kind", "name"), [("water-week", "2025-W53"), ("water-week", "2026-11"), ("month", "2026"), ("year", "2026-11-03")]
)
def test_a_name_of_no_such_period_is_refused(kind: str, name: str) -> None:
    with pytest.raises(BadSpan):
        period_of(BulletinKind(kind), name)


def test_the_water_of_a_week_is_held_against_the_limits_and_what_lacks_is_said() -> None:
    period = period_of(BulletinKind.WATER_WEEK, "2026-W09")
    figures = example(BulletinKind.WATER_WEEK, period)
    good, salty, silent = figures["rows"]
    assert [row["verdict"] for row in figures["rows"]] == ["take", "wait", "unknown"]
    (reason,) = salty["reasons"]
    assert (figures["columns"][reason["column"]]["parameter"], reason["side"], reason["limit"]) == (
        "salinity",
        "below",
        5,
    )
    salinity = good["cells"][1]
    assert (salinity["mean"], salinity["low"], salinity["high"], salinity["days"]) == (12, 11, 13, 6)
    assert salinity["lacking"] == ["2026-02-23"], "the first day has no row at all"
    assert salinity["unreviewed"] == 3, "25 February, 27 February and 1 March"
    assert good["difference"] == 0
    assert silent["year_before"] is None
    assert {title["en"] for title in figures["unmeasured"]} >= {"Water temperature", "Alkalinity"}


def test_without_limits_or_values_nobody_says_that_water_may_be_taken() -> None:
    days = [date(2026, 3, 1)]
    values = [
        DayValue("st-a", f"st-a/{name}", name, days[0], value, value, value, True, True)
        for name, value in (("salinity", 12.0), ("do", 5.0), ("ph", 7.5))
    ]
    found = water_figures(PLACES, [], values, [], days, days)
    assert [row["verdict"] for row in found["rows"]] == ["unknown"] * 3


@pytest.mark.parametrize(("valid", "verdict"), [(1, "unknown"), (5, "unknown"), (6, "take"), (7, "take")])
def test_water_may_be_taken_in_only_where_most_days_of_the_week_are_known(valid: int, verdict: str) -> None:
    """75 % of the days, as the ministry asks of the readings of a day; a limit that is passed on one day is enough."""
    limits = [
        DecreeLimit(
            name=f"x/{name}/pond", decree="QCVN", article=Words("1", "1"),
            parameter=name, case="pond", title=Words("ao", "pond"),
            average=Averaging.VALUE, low=low, high=None, first=None, last=None, confirmed=True,
        )
        for name, low in (("salinity", 5.0), ("do", 3.5), ("ph", 7.0))
    ]  # fmt: skip
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(7)]
    values = [
        DayValue("st-a", f"st-a/{name}", name, day, 8.0, 8.0, 8.0, n < valid, True)
        for n, day in enumerate(days) for name in ("salinity", "do", "ph")
    ]  # fmt: skip
    (found,) = water_figures(PLACES[:1], limits, values, [], days, days)["rows"]
    assert found["verdict"] == verdict
    salty = [one._replace(value=2.0) for one in values]
    assert water_figures(PLACES[:1], limits, salty, [], days, days)["rows"][0]["verdict"] == "wait"


def test_a_probe_that_has_a_limit_and_is_dead_lets_nobody_say_that_water_may_be_taken() -> None:
    period = period_of(BulletinKind.WATER_WEEK, "2026-W09")
    limits = [
        DecreeLimit(
            name=f"x/{name}/pond", decree="QCVN", article=Words("1", "1"),
            parameter=name, case="pond", title=Words("ao", "pond"),
            average=Averaging.VALUE, low=None, high=9.0, first=None, last=None, confirmed=True,
        )
        for name in ("salinity", "do", "ph", "nh3")
    ]  # fmt: skip
    values = [
        DayValue("st-a", f"st-a/{name}", name, day, 8.0, 8.0, 8.0, True, True)
        for day in period.days for name in ("salinity", "do", "ph")
    ]  # fmt: skip
    with_probe = PLACES[0]._replace(measures=frozenset({"salinity", "do", "ph", "nh3"}))
    for place, verdict in ((PLACES[0], "take"), (with_probe, "unknown")):
        (row,) = water_figures([place], limits, values, [], period.days, period.days)["rows"]
        assert row["verdict"] == verdict


def test_a_report_says_all_of_the_readings_only_where_none_lacks() -> None:
    shares = [
        ChannelPeriod("st-a", "st-a/do", date(2026, 3, 1), 10_000, 9_999, 7_500),
        ChannelPeriod("st-b", "st-b/do", date(2026, 3, 1), 10_000, 10_000, 7_499),
    ]
    found = [(one["received"], one["valid"]) for one in completeness_figures(PLACES, shares)]
    assert found == [(0.999, 0.75), (1.0, 0.749)]


@pytest.mark.parametrize("kind", [BulletinKind.MONTH, BulletinKind.YEAR])
def test_the_summary_of_a_month_names_things_as_people_do(network: Network, kind: BulletinKind) -> None:
    """pH stays pH, without a unit; a silent station has no data; what is too low is not too high."""
    period = period_before(kind, EXAMPLE_AT.date())
    figures = example(kind, period)
    ph = next(iter(figures["limits"])) | {
        "title": {"vi": "pH", "en": "pH"}, "unit": "", "low": 6.0, "high": None, "confirmed": False, "worst": 5.9,
    }  # fmt: skip
    figures["limits"] = [ph]
    figures["completeness"].append(figures["completeness"][0] | {"heard": False, "received": 0.0, "valid": 0.0})
    words = written(BulletinDraft(kind, period, figures, EXAMPLE_AT), network)
    assert words["vi"]["summary"].startswith("2/3 trạm có số liệu. Dữ liệu hợp lệ dưới 75 %: Trạm thử B; Trạm thử A.")
    assert (
        "Trạm thử B: pH không đạt QCVN (ao, giới hạn chưa đối chiếu với văn bản) ở 3/24 giá trị, xấu nhất 5,90."
        in words["vi"]["summary"]
    )
    assert "2 of 3 stations have data." in words["en"]["summary"]
    assert "(pond, a limit not compared with its text) in 3 of 24 values, worst 5.90." in words["en"]["summary"]


def test_a_channel_that_was_renamed_is_one_course_and_a_second_probe_is_none() -> None:
    first, second, third = (date(2026, 3, 2) + timedelta(days=n) for n in range(3))

    def measured(name: str, day: date, value: float, *, in_use: bool) -> DayValue:
        return DayValue("st-a", f"st-a/{name}", "do", day, value, value, value, True, True, in_use)

    old = [measured("do", day, 1.0, in_use=False) for day in (first, second)]
    new = [measured("oxygen", day, 2.0, in_use=True) for day in (second, third)]
    deep = [measured("z_deep", day, 9.0, in_use=True) for day in (first, second, third)]
    (course,) = by_measure([*old, *new, *deep]).values()
    assert [(one.day, one.value) for one in course] == [(first, 1.0), (second, 2.0), (third, 2.0)]


def test_of_what_is_measured_and_sent_nothing_all_days_lack_and_nobody_says_that_it_is_not_measured() -> None:
    days = [date(2026, 3, 1), date(2026, 3, 2)]
    place = PLACES[0]._replace(measures=frozenset({"salinity"}))
    found = water_figures([place], [], [], [], days, days)
    assert [one["what"]["en"] for one in found["rows"][0]["lacking"]] == ["Practical salinity"]
    assert found["rows"][0]["lacking"][0]["days"] == ["2026-03-01", "2026-03-02"]
    unmeasured = [title["en"] for title in found["unmeasured"]]
    assert "Practical salinity" not in unmeasured
    assert "Dissolved oxygen" in unmeasured


def test_shipped_templates_are_without_mistakes_and_write_both_languages(network: Network) -> None:
    assert check_templates(network) == []
    period = period_before(BulletinKind.WATER_WEEK, EXAMPLE_AT.date())
    draft = BulletinDraft(BulletinKind.WATER_WEEK, period, example(BulletinKind.WATER_WEEK, period), EXAMPLE_AT)
    words = written(draft, network)
    assert words["vi"]["title"] == "THÔNG BÁO KẾT QUẢ QUAN TRẮC MÔI TRƯỜNG – Tuần 9 (Ngày 23/02–01/03/2026)"
    assert "Chưa nên lấy nước tại Trạm thử B: Độ mặn 2,00 ‰ (thấp hơn mức 5)." in words["vi"]["summary"]
    assert "Do not take water yet at Example B: Practical salinity 2.00 ‰ (below 5)." in words["en"]["summary"]


def test_a_short_message_warns_first_and_names_what_is_beyond_its_limit_as_people_do(network: Network) -> None:
    period = period_before(BulletinKind.WATER_WEEK, EXAMPLE_AT.date())
    figures = example(BulletinKind.WATER_WEEK, period)
    alkalinity = next(at for at, one in enumerate(figures["columns"]) if one["parameter"] == "alkalinity")
    figures["rows"][1]["reasons"].append({"column": alkalinity, "side": "below", "value": 41.0, "limit": 60})
    words = written(BulletinDraft(BulletinKind.WATER_WEEK, period, figures, EXAMPLE_AT), network)
    assert _cut(words["vi"]["sms"]) == (
        "Tuan 9: CHUA nen lay nuoc: Tram thu B (Do man 2,00, Do kiem 41). lay nuoc duoc: Tram thu A."
    )
    assert words["en"]["sms"] == (
        "Week 9: do NOT take water yet: Example B (Practical salinity 2.00, Alkalinity 41). "
        "water may be taken: Example A."
    )


def test_the_name_of_an_operator_comes_to_the_foot_of_a_printed_page_from_the_page_itself(network: Network) -> None:
    """In a style sheet, where signs of HTML stand for themselves, a quotation mark would be `&#34;`."""
    from reports.bulletins.bulletin import page

    period = period_before(BulletinKind.AIR_MONTH, EXAMPLE_AT.date())
    draft = BulletinDraft(BulletinKind.AIR_MONTH, period, example(BulletinKind.AIR_MONTH, period), EXAMPLE_AT)
    name = Words('Sở "A" & B', 'The "A" & B')
    named = replace(network, settings=network.settings.model_copy(update={"operator": name}))
    html = page(draft, {"en": {"title": "T", "summary": "S", "note": ""}}, named, "en")
    style, _, body = html.partition("<style>")[2].partition("</style>")
    assert "&#34;" not in style
    assert "content: string(operator)" in style
    assert "<strong>The &#34;A&#34; &amp; B</strong>" in body


def test_a_page_has_the_row_of_limits_and_marks_what_is_unreviewed(network: Network) -> None:
    from reports.bulletins.bulletin import page

    period = period_before(BulletinKind.WATER_WEEK, EXAMPLE_AT.date())
    draft = BulletinDraft(BulletinKind.WATER_WEEK, period, example(BulletinKind.WATER_WEEK, period), EXAMPLE_AT)
    words = {"vi": {"title": "<b>T</b>", "summary": "Một\nHai", "note": ""}}
    text = " ".join(re.sub("<[^>]*>", " ", page(draft, words, network, "vi").partition("<body>")[2]).split())
    assert "Giá trị giới hạn cho phép lấy nước vào ao – 5–35 7–9 – – ≥ 3,5 ≤ 0,3†" in text
    assert "&lt;b&gt;T&lt;/b&gt;" in text
    assert "2,00* ↓ (1,00–3,00)" in text
    assert "Trạm thử A, thiếu số liệu: Độ mặn 23/02" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("một\n{{ nobody }}", ":2: 'nobody' is undefined"),
        ("{% if %}", ":1: "),
        (f"{LOOP}\n{{{{ a }}}}{END}", "steps"),
        ("{{ 'x' * 999999999 }}", "something else than two numbers"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for a in lists %}{{ long }}{% endfor %}", "characters"),
        ("{% set x = long %}" + "{% set x = x ~ x %}" * 40, "characters"),
        ("{% set x = long %}" + "{% set x = x + x %}" * 40, "characters"),
        ("{% set x = long %}" + "{% set x = [x, x] | join %}" * 40, "characters"),
        ("{% set x = long %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40, "characters"),
        ("{% set x = [long] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}", "characters"),
        ("{% set x = [long] %}" + "{% set x = [x, x] %}" * 40 + "{% set x = x | string %}", "characters"),
        ("{% set x = [long] %}" + "{% set x = [x, x] | sum(start=[]) %}" * 40, "characters"),
        ("{% set x = (long,) %}" + "{% set x = x, x %}" * 40, "characters"),
        ("{% set x = {1: long} %}" + "{% set x = {1: x, 2: x} %}" * 40, "characters"),
        ("{{ long | replace('x', long) }}", "characters"),
        ("{{ lists | join(long) }}", "characters"),
        ("{{ 'x'.ljust(999999999) }}", "unsafe"),
        ("{{ '{:>999999999}'.format(1) }}", "unsafe"),
        ("{{ range(9) }}", "'range' is undefined"),
        ("{% include '../network.yaml' %}", "found no template"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_ends_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "bulletins"
    own.mkdir()
    (own / "note.vi.txt").write_text(text, "utf-8")
    given_things = {"lists": list(range(300)), "long": "x" * 100_000}
    with pytest.raises(BadTemplate) as refused:
        Templates(tmp_path, "vi").write(BulletinKind.WATER_WEEK, "note", given_things)
    assert str(refused.value).startswith(f"{own / 'note.vi.txt'}:")
    assert said in str(refused.value)


def test_own_templates_are_checked_too(network: Network, tmp_path: Path) -> None:
    own = tmp_path / "bulletins"
    own.mkdir()
    (own / "note.vi.txt").write_text("{% macro m() %}{% endmacro %}", "utf-8")
    (own / "note.en.txt").write_text("{{ figures.nothing }}", "utf-8")
    (own / "nothing.vi.txt").write_text("", "utf-8")
    (own / "water-week.sms.vi.txt").write_text("{# nothing yet #}\n", "utf-8")
    found = check_templates(replace(network, root=tmp_path))
    assert [line.removeprefix(f"{own}/").partition(" ")[0] for line in found] == [
        "nothing.vi.txt:1:", "note.vi.txt:1:", "water-week.sms.vi.txt:1:", "note.en.txt:1:",
    ]  # fmt: skip


@given(st.text("Cù Lao Dung, độ mặn 12,5‰;^€ ", max_size=600))
def test_a_short_message_is_cut_to_two_segments_of_gsm_7(text: str) -> None:
    found = gsm.length(_cut(text))
    assert found.segments <= 2
    assert found.alphabet == "GSM-7"


def test_a_short_message_loses_diacritics_rather_than_words() -> None:
    """A message of 201 signs with diacritics has three parts (3GPP TS 23.040: 67 a part), one of 240 is cut."""
    assert short("Độ mặn 4 ‰", accented=True) == "Độ mặn 4 ‰"
    assert short("Độ mặn", accented=False) == "Do man"
    assert short("Độ mặn 4, " * 24 + "hết", accented=True) == "Do man 4, " * 24 + "het"


def test_figures_are_written_as_people_write_them() -> None:
    assert [number(value, 1, "vi") for value in (None, 2.25, -0.04, -1.25)] == ["–", "2,3", "0,0", "−1,3"]
    assert [signed(value, 1, "en") for value in (None, 0.0, 2.0, -2.0, 0.04, -0.04)] == [
        "–", "0.0", "+2.0", "−2.0", "0.0", "0.0",
    ]  # fmt: skip
    assert [bounds(low, high, "vi") for low, high in ((None, None), (3.5, None), (None, 0.3), (7, 9))] == [
        "–",
        "≥ 3,5",
        "≤ 0,3",
        "7–9",
    ]
    assert spans(["2026-11-01", "2026-11-02", "2026-11-04"]) == "01/11–02/11, 04/11"


def test_the_calendar_has_each_day_in_its_colour_and_in_words() -> None:
    days = [date(2026, 2, 1) + timedelta(days=n) for n in range(28)]
    values = [
        DayValue("st-a", "st-a/aqi", "vn_aqi", day, 60.0 * n, None, None, n != 2, True)
        for n, day in enumerate(days[:5])
    ]
    (figures,) = air_figures({"st-a/aqi": PLACES[0]}, values, days)
    assert (figures["known"], figures["worst"]["value"], figures["lacking"][0]) == (4, 240, "2026-02-03")
    drawn = calendar(figures["days"], "vi")
    assert drawn.count("<rect") == 28
    for colour, words in (("#00e400", "Tốt"), ("#ffff00", "Trung bình"), ("#ff0000", "Xấu"), ("#8f3f97", "Rất xấu")):
        assert re.search(rf'fill="{colour}".*?>{words}</text>', drawn), words
    assert drawn.count("thiếu số liệu</text>") == 24
    assert "style=" not in drawn, "the console's pages allow no styles of their own"


@given(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), st.integers(0, 10**9).map(lambda n: n / 1000))
def test_an_axis_holds_its_values_with_a_few_round_lines(least: float, width: float) -> None:
    low, high, step = scale(least, least + width)
    assert low <= least + 1e-6 * abs(least)
    assert high >= least + width - 1e-6 * abs(least + width)
    assert 1 <= round((high - low) / step) <= 8


def test_a_curve_keeps_gaps_and_is_empty_without_values() -> None:
    points = [["2026-02-01", 1.0], ["2026-02-02", 2.0], ["2026-02-03", None], ["2026-02-04", 4.0]]
    found = {"title": "<DO>", "unit": "mg/l", "decimals": 1, "low": 3.5, "high": None, "points": points}
    drawn = curve(found, "vi")
    assert (drawn.count("<polyline"), drawn.count("<circle"), drawn.count("stroke-dasharray")) == (1, 1, 1)
    assert "&lt;DO&gt; (mg/l): 1,0–4,0" in drawn
    assert curve({**found, "points": [["2026-02-01", None]]}, "vi") == ""
