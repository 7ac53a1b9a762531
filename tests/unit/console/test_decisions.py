"""What the console decides without a server: alive or not, how bad, what is new, which maintenance is in force."""

import asyncio
import json
import shutil
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.rules.compiler import compile_network
from alerts.rules.rule import Measure, MeasureKind, Validity
from dashboards.console import series, texts
from dashboards.console.compare_page import address
from dashboards.console.hub import QUEUE, Hub
from dashboards.console.limit_lines import RuleBook, lines_of
from dashboards.console.network_events import changed, everything, same_rows, tell
from dashboards.console.packed_events import packed, packed_stream
from dashboards.console.present_alarms import AlarmNow
from dashboards.console.set_aside import in_maintenance
from dashboards.console.snapshot import (
    ChannelNow,
    Condition,
    FreshnessNow,
    IngestBeat,
    NetworkNow,
    Reason,
    condition_of,
    judge,
)
from dashboards.console.watcher import looks_apart_s
from quantrac.config.loader import load_network
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.slots import is_stale
from tests.fixtures.console import CONFIGS

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
MINUTE = timedelta(minutes=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def beat(ago: float, connected: bool = True) -> IngestBeat:
    return IngestBeat(NOW - seconds(ago), connected)


LIVE = ""


@pytest.mark.parametrize(
    ("beats", "newest_ago", "reason"),
    [
        ([beat(4)], 61, LIVE),
        ([beat(300), beat(2)], 0, LIVE),  # one worker of several is enough
        ([], 0, "ingest"),
        ([beat(11.1)], 0, "ingest"),
        ([beat(1, connected=False)], 0, "ingest"),
        ([beat(60), beat(30)], 0, "ingest"),
        ([beat(1)], 200, "readings"),
        ([beat(1)], None, "empty"),
    ],
)
def test_the_screen_is_live_while_an_ingest_is_connected_and_readings_come(
    beats: list[IngestBeat], newest_ago: float | None, reason: Reason
) -> None:
    newest, shortest = (None, None) if newest_ago is None else (NOW - seconds(newest_ago), MINUTE)
    newest_ms = None if newest_ago is None else NOW_MS - round(newest_ago * 1000)
    connected = reason != "ingest"
    assert judge(NOW, beats, newest, shortest) == FreshnessNow(reason == LIVE, reason, newest_ms, connected)


def test_ingest_stopped_is_said_within_fifteen_seconds() -> None:
    """A beat is at most 5 s old when ingest dies; the watcher looks every 2 s, the page ticks twice a second."""
    last_beat_age, look, tick = 0.0, 2.0, 0.5
    said_after = next(s for s in range(60) if not judge(NOW, [beat(last_beat_age + s)], NOW, MINUTE).live)
    assert said_after + look + tick < 15


def test_a_channel_may_miss_two_slots_and_be_late_in_the_third() -> None:
    assert not is_stale(NOW, NOW - 3 * MINUTE, MINUTE)
    assert is_stale(NOW, NOW - 3 * MINUTE - seconds(11), MINUTE)


def channel(
    name: str = "do", t_ago_s: float = 5, quality: int = 1, state: str = "ok", *, derived: bool = False
) -> ChannelNow:
    t = NOW_MS - round(t_ago_s * 1000)
    return ChannelNow(f"st-x/{name}", "st-x", name, "do", "mg/L", 5.0, t, 4.2, state, quality, "{}", derived)


def alarm(severity: str) -> AlarmNow:
    return AlarmNow(
        1, "do-low", "act", "st-x", "st-x/do", severity, "unacknowledged", NOW_MS, None, None, None, 2.4, 3.0, "mg/L",
        2, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("online", "channels", "severities", "expected"),
    [
        (True, [channel()], [], "good"),
        (True, [channel(), channel("ph", quality=3)], [], "suspect"),
        (True, [channel(), channel("ph", quality=9, state="comm")], [], "fault"),
        (True, [channel(), channel("aqi_day", quality=9, state="comm", derived=True)], [], "good"),
        (True, [channel(derived=True)], [], "offline"),
        (True, [channel()], ["high"], "high"),
        (True, [channel()], ["low", "critical"], "critical"),
        (False, [channel()], [], "offline"),
        (False, [channel()], ["high"], "high"),
        (True, [channel(t_ago_s=600)], [], "offline"),
        (True, [], [], "offline"),
    ],
)
def test_the_worst_that_can_be_said_of_a_station_is_its_colour(
    online: bool, channels: list[ChannelNow], severities: list[str], expected: Condition
) -> None:
    assert condition_of(online, channels, severities, NOW) == expected


def snapshot(*channels: ChannelNow, alarms: list[AlarmNow] | None = None) -> NetworkNow:
    return NetworkNow(NOW_MS, FreshnessNow(True, "", NOW_MS), [], list(channels), alarms or [], "Asia/Ho_Chi_Minh")


def test_only_what_is_new_is_told() -> None:
    before = snapshot(channel("do"), channel("ph"))
    after = snapshot(channel("do", t_ago_s=1), channel("ph"), alarms=[alarm("high")])
    told = changed(before, after)
    assert (told["channels"]["station"], told["channels"]["name"]) == (["st-x"], ["do"])
    assert len(told["alarms"]) == 1
    assert "stations" not in told
    whole = everything(after)
    assert whole["channels"]["name"] == ["do", "ph"]
    assert {name: column[:1] for name, column in whole["channels"].items()} == told["channels"]
    assert (whole["now"], whole["alarms"]) == (NOW_MS, told["alarms"])
    assert all(one.texts.keys() == {"title"} for one in whole["alarms"])


def test_an_alarm_that_went_away_is_told_too() -> None:
    assert changed(snapshot(alarms=[alarm("high")]), snapshot())["alarms"] == []


def test_a_new_channel_calls_for_the_whole_picture() -> None:
    assert not same_rows(snapshot(channel("do")), snapshot(channel("do"), channel("ph")))


@pytest.mark.parametrize(
    ("detail", "ago", "switch_ms", "expected"),
    [
        ("on, maint for 30 min: wiper: new", 10 * MINUTE, None, ("maint", "sonde", "wiper: new", 20, True)),
        ("on, cal for 90 min", 10 * MINUTE, 86_400_000, ("cal", "sonde", "", 80, True)),
        ("on, maint for 0.5 min", 0 * MINUTE, None, ("maint", "sonde", "", 0.5, True)),
        ("on, maint for 30 min", 30 * MINUTE, None, None),
        ("on", 60 * MINUTE, 7_200_000, ("maint", None, "", 60, False)),  # the switch in the cabinet: the whole station
        ("on", 60 * MINUTE, None, ("maint", None, "", None, False)),
        ("on", 60 * MINUTE, 3_600_000, None),
    ],
)
def test_an_order_holds_for_its_time_and_the_switch_until_it_is_forgotten(
    detail: str, ago: timedelta, switch_ms: float | None, expected: tuple[object, ...] | None
) -> None:
    found = list(in_maintenance([("st-a", "sonde", NOW - ago, detail, switch_ms, None)], NOW))
    if expected is None:
        assert found == []
        return
    (row,) = found
    left = None if row.until is None else (row.until / 1000 - NOW.timestamp()) / 60
    assert (row.kind, row.device, row.reason, left, row.is_order) == expected


async def test_a_page_that_comes_late_gets_the_whole_picture_first() -> None:
    hub = Hub()
    hub.bind(asyncio.get_running_loop())
    hub.publish_threadsafe(b"picture 1", b"news 1")
    await asyncio.sleep(0)
    stream = hub.listen()
    assert await anext(stream) == b"picture 1"
    hub.publish_threadsafe(b"picture 2", b"news 2")
    assert await anext(stream) == b"news 2"


async def test_a_page_that_shows_no_values_hears_of_all_but_channels() -> None:
    hub, before, after = Hub(), snapshot(channel("do")), snapshot(channel("do", t_ago_s=1), alarms=[alarm("high")])
    hub.bind(asyncio.get_running_loop())
    tell(hub, None, before)
    await asyncio.sleep(0)
    streams = [hub.listen(values=values) for values in (True, False)]
    first = [await anext(stream) for stream in streams]
    tell(hub, before, after)
    both = zip(first, [await anext(stream) for stream in streams], strict=True)
    wholes, briefs = ([json.loads(one.partition(b"data: ")[2]) for one in told] for told in both)
    for whole, brief in zip(wholes, briefs, strict=True):
        assert whole.pop("channels")["name"] == ["do"]
        assert brief == whole
    assert len(briefs[1]["alarms"]) == 1


async def test_events_in_gzip_are_those_events_at_whatever_one_a_page_begins() -> None:
    """Each is compressed once; who comes later begins with another of the same bytes."""
    events = [
        b"event: network\ndata: " + b"x" * 70_000 + b"\n\n",
        b"event: change\ndata: 1\n\n",
        b"event: change\ndata: 2\n\n",
    ]

    async def heard(sent: list[bytes]) -> AsyncIterator[bytes]:
        for one in sent:
            yield one

    for begins in range(3):
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        found = [unpacker.decompress(part) async for part in packed_stream(heard(events[begins:]))]
        assert found == events[begins:], "each is whole as soon as it comes"
    assert len(packed(events[0])) < 1000


async def test_a_page_that_comes_after_a_silence_gets_nothing_old_and_everything_with_the_next_look() -> None:
    """What was seen an hour ago, before the console rested or lost its database, would look alive for four seconds."""
    now_s = 0.0
    hub = Hub(lambda: now_s)
    hub.bind(asyncio.get_running_loop())
    early = hub.listen()
    waiting = asyncio.ensure_future(anext(early))
    await asyncio.sleep(0)
    hub.publish_threadsafe(b"picture 1", b"news 1")
    assert await waiting == b"picture 1"
    now_s = 3600.0
    late = hub.listen()
    waiting = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0)
    assert not waiting.done()
    hub.publish_threadsafe(b"picture 2", b"news 2")
    assert (await waiting, await anext(early)) == (b"picture 2", b"news 2")
    hub.publish_threadsafe(b"picture 3", b"news 3")
    assert (await anext(late), await anext(early)) == (b"news 3", b"news 3")


@pytest.mark.parametrize(("took_s", "apart_s"), [(0.0, 1.0), (0.1, 1.0), (0.3, 1.5), (0.4, 2.0), (9.0, 2.0)])
def test_looks_take_a_fifth_of_the_time_and_pages_hear_every_two_seconds(took_s: float, apart_s: float) -> None:
    """A page that hears nothing for four seconds greys."""
    assert looks_apart_s(took_s) == pytest.approx(apart_s)


async def test_a_page_that_cannot_keep_up_is_cut_off_and_costs_the_others_nothing() -> None:
    hub = Hub()
    hub.bind(asyncio.get_running_loop())
    slow, quick = hub.listen(), hub.listen()
    waiting = asyncio.ensure_future(anext(slow))
    first = asyncio.ensure_future(anext(quick))
    await asyncio.sleep(0)
    for i in range(QUEUE + 3):
        hub.publish_threadsafe(b"picture", b"%d" % i)
        await asyncio.sleep(0)
        await (first if i == 0 else anext(quick))
    await waiting
    assert [news async for news in slow][-1] != b"%d" % (QUEUE + 2)
    assert hub.listeners == 1


def point(t: float, value: float | None = 1.0, kind: str | None = None) -> tuple[Any, ...]:
    return t, value, value, value, None, None, None, kind


def test_gaps_in_a_series_stay_open_and_are_named() -> None:
    drawn = series.columns([point(t) for t in (0, 60, 120, 600, 660)], 60.0)
    assert drawn["t"] == [0, 60, 120, 180, 600, 660]
    assert drawn["mean"][3] is None
    assert drawn["spells"] == [(120, 540, "missing")]
    assert series.columns([], 60.0)["spells"] == []


def test_readings_of_one_state_are_one_spell_and_another_begins_anew() -> None:
    """A reading stands at the end of what it covers, a mean in the middle."""
    kinds = [None, "maint", "maint", "cal", None, "missing", "missing"]
    rows = [point(60 * n, None if kind else 1.0, kind) for n, kind in enumerate(kinds)]
    assert series.columns(rows, 60.0)["spells"] == [(0, 120, "maint"), (120, 180, "cal"), (240, 360, "missing")]
    days = [point(43200, kind="partial"), point(43200 + 2 * 86400)]
    assert series.columns(days, 86400.0, "daily")["spells"] == [(0, 86400, "partial"), (86400, 172800, "missing")]


@pytest.mark.parametrize(
    ("span", "interval_s", "resolution", "width"),
    [
        (timedelta(minutes=15), 60, "readings", timedelta(minutes=1)),
        (timedelta(days=1), 5, "readings", timedelta(seconds=45)),
        (timedelta(days=1), 60, "readings", timedelta(minutes=1)),
        (timedelta(days=7), 60, "readings", timedelta(minutes=6)),
        (timedelta(days=30), 60, "hourly", timedelta(hours=1)),
        (timedelta(days=30), 600, "readings", timedelta(minutes=30)),
        (timedelta(days=366), 60, "hourly", timedelta(hours=6)),
        (timedelta(days=1000), 60, "hourly", timedelta(hours=12)),
        (series.LONGEST, 60, "daily", timedelta(days=1)),
        (series.LONGEST, 3600, "daily", timedelta(days=1)),
        (series.LONGEST, 86400, "readings", timedelta(days=1)),
    ],
)
def test_a_chart_is_made_of_readings_hours_or_days_and_has_at_most_2000_points(
    span: timedelta, interval_s: float, resolution: str, width: timedelta
) -> None:
    plan = series.plan_of(span, timedelta(seconds=interval_s))
    assert (plan.resolution, plan.width) == (resolution, width)
    assert span / plan.width <= 2000


def test_limits_of_rules_of_value_are_lines_and_the_worst_of_equal_ones_counts() -> None:
    compiled = compile_network(load_network(CONFIGS))
    oxygen = {(line.limit, line.is_above): line for line in lines_of(compiled["st-my-thanh/do"], NOW.date())}
    assert all(not is_above for _, is_above in oxygen)
    severities = [oxygen[key].severity for key in sorted(oxygen, reverse=True)]
    assert severities == sorted(severities, key=["low", "medium", "high", "critical"].index)
    (rule,) = [one for one in compiled["st-my-thanh/do"] if one.rule == "do-low"][:1] or compiled["st-my-thanh/do"][:1]
    other = replace(rule, measure=Measure(MeasureKind.SWING, 3_600_000))
    assert lines_of([other], NOW.date()) == []
    worse = replace(rule, levels=(replace(rule.levels[0], severity=Severity.CRITICAL),))
    both = lines_of([worse, rule], NOW.date())
    assert [line.severity for line in both if line.limit == rule.levels[0].limit] == ["critical"]
    season = replace(rule, validity=Validity(months=frozenset({3})))
    assert not any(line.always for line in lines_of([season], NOW.date()))


def test_files_that_cannot_be_read_take_no_lines_away(tmp_path: Path) -> None:
    book = RuleBook(tmp_path / "nowhere", None)
    book.look(NOW)
    assert book.of("st-my-thanh/do") == []
    shutil.copytree(CONFIGS, tmp_path / "nowhere")
    for now, limit in [(datetime(2025, 12, 31, tzinfo=UTC), 50.0), (NOW, 45.0)]:  # QCVN 05:2023/BTNMT: 45 since 2026
        book.look(now)
        assert [line.limit for line in book.of("st-tp-soc-trang/pm2_5_24h")] == [limit]
    known = book.of("st-my-thanh/do")
    assert known
    (tmp_path / "nowhere" / "rules" / "oxygen.yaml").write_text("rules: [")
    book.look(NOW)
    assert book.of("st-my-thanh/do") == known


def test_the_address_of_a_comparison_has_its_channels_by_axis() -> None:
    chosen = [("st-a/do", "left"), ("st-b/ph", "right"), ("st-c/do", "left")]
    assert address(chosen, "vi") == "lang=vi&left=st-a/do&left=st-c/do&right=st-b/ph"


def test_every_text_exists_in_both_languages() -> None:
    for vietnamese, english in texts.TEXTS.values():
        assert vietnamese
        assert english
    assert texts.texts("vi")["old_data"] == "DỮ LIỆU CŨ"
