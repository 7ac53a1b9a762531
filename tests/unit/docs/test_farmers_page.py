"""The farmers' page says what the shipped rules do: its messages and its table are made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from alerts.alarm.change import Purpose
from alerts.channels.sms_modem import with_answer
from alerts.people.inbox import Meaning, read_answer
from alerts.rules.compiler import compile_network
from alerts.rules.rule import ChannelRule, MeasureKind
from alerts.rules.trend import Trend
from alerts.telling import notice, summary_texts
from alerts.telling.gsm import unaccented
from alerts.telling.notice import Notice, worded
from alerts.telling.short_message import short_message
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.rules import Level, Side

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs/huong-dan/nong-dan.md").read_text(encoding="utf-8")
TOLD = {"farmers", "sluices"}
AT = datetime(2026, 2, 28, 22, 10, tzinfo=UTC)
LATER = datetime(2026, 2, 28, 23, 55, tzinfo=UTC)


@cache
def network() -> Network:
    return load_network(PROJECT / "station_configs")


@cache
def told() -> tuple[tuple[ChannelRule, Level], ...]:
    """Every level of which farmers or sluice keepers hear, at every channel; a second thermometer counts once."""
    return tuple(
        (rule, level)
        for channel, rules in compile_network(network()).items()
        for rule in rules
        for level in rule.levels
        if TOLD & set(level.to) and not channel.endswith("/level_temp")
    )


@dataclass(frozen=True)
class Case:
    """A message that the page shows."""

    rule: str
    level: str
    value: float
    station: str = "st-my-thanh"
    trend: Trend | None = Trend.FALLING
    purpose: Purpose = Purpose.RAISED
    time: datetime = AT
    is_worse: bool = False
    answer: str = ""

    def message(self) -> str:
        rule, level = next(
            (rule, level)
            for rule, level in told()
            if (rule.rule, level.name, rule.station) == (self.rule, self.level, self.station)
        )
        said = Notice(
            purpose=self.purpose, alarm_id=17, severity=level.severity, station=network().stations[rule.station].name,
            time=self.time, raised_at=AT, zone=network().zone, texts=rule.texts, channel=rule.channel, value=self.value,
            limit=level.limit, side=level.side, unit=rule.unit, decimals=rule.decimals, trend=self.trend,
            is_worse=self.is_worse,
        )  # fmt: skip
        return with_answer(short_message(worded(said, "vi")), self.answer)


CASES = [
    Case("do-low", "act", 2.8),
    Case("do-low", "danger", 1.6, is_worse=True),
    Case("do-low", "act", 2.7, purpose=Purpose.REPEATED, time=LATER, answer="OK 17"),
    Case("do-low", "danger", 4.6, purpose=Purpose.CLEARED, trend=None, time=LATER),
    Case("salinity-high-shrimp", "act", 31.2, trend=Trend.RISING),
    Case("ph-band", "low", 6.8),
    Case("ph-band", "high", 8.95, trend=Trend.RISING),
    Case("toxic-ammonia", "watch", 0.12, station="st-dai-ngai", trend=Trend.RISING),
    Case("water-hot", "act", 33.4),
    Case("water-cold", "act", 23.8),
    Case("temperature-drop", "act", -3.2),
    Case("salinity-high", "orchard", 1.5, station="st-dai-ngai", trend=Trend.RISING),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.level}-{case.purpose.value}")
def test_the_page_shows_messages_as_they_are_sent(case: Case) -> None:
    assert case.message() in PAGE


def test_it_shows_no_other_messages_and_one_of_each_rule_that_tells_farmers_or_sluice_keepers() -> None:
    shown = re.findall(r"^> (.+)$|^\| `([^`|]+: [^`|]*[0-9]{2}/[0-9]{2})` \|", PAGE, re.MULTILINE)
    assert sorted(filter(None, map("".join, shown))) == sorted(case.message() for case in CASES)
    assert {case.rule for case in CASES} == {rule.rule for rule, _ in told()}


def test_its_table_of_limits_is_that_of_the_rules() -> None:
    heading, shown = re.findall(r"^\| Chuyện gì .*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE), list(rows())
    assert heading == ["".join(f"{row}\n" for row in shown)], "\n".join(shown)


def rows() -> Iterator[str]:
    """One row a level, with the stations where it holds, in the order of the rules."""
    found: dict[str, list[str]] = {}
    quiet = network().settings.quiet_hours
    assert quiet is not None
    for rule, level in sorted(told(), key=lambda pair: (list(network().rules).index(pair[0].rule), pair[0].station)):
        title, unit = network().rules[rule.rule].title.in_language("vi"), f" {rule.unit}".rstrip()
        side, back = ("dưới", "trên") if level.side is Side.BELOW else ("trên", "dưới")
        end = next((one for one in rule.levels if one.is_lull and one.side is level.side), level)
        limit, clear = (f"{number:.10g}".replace(".", ",") for number in (level.limit, end.clear))
        if rule.measure.kind is MeasureKind.CHANGE:
            side, limit = "giảm hơn", limit.removeprefix("-")
            back, clear = "giảm ít hơn", clear.removeprefix("-")
            unit += f" trong {duration(rule.measure.window_ms)}"
        night = "nhắn ngay" if wakes(level) else f"đợi đến {quiet.end}"
        begins, ends = duration(level.on_delay_ms), f"{back} {clear} suốt {duration(end.off_delay_ms)}"
        row = f"| {title} | {side} {limit}{unit} | {begins} | {ends} | {night} |"
        found.setdefault(row, []).append(network().stations[rule.station].name.in_language("vi"))
    for row, stations in found.items():
        yield f"{row} {', '.join(dict.fromkeys(stations))} |"


def wakes(level: Level) -> bool:
    return level.breaks_quiet_hours or level.severity in network().settings.breakthrough


def duration(ms: int) -> str:
    minutes = ms // 60_000
    return f"{minutes // 60} giờ" if minutes % 60 == 0 else f"{minutes} phút"


def test_the_words_it_gives_as_answers_are_understood() -> None:
    bullet = PAGE.split("- **Trả lời tin")[1].split("\n- ")[0]
    answers = [word for word in re.findall(r"`([^`]+)`", bullet) if not word.startswith("Tra loi")]
    meanings = [read_answer(answer).meaning for answer in answers]
    assert set(meanings) == {Meaning.ACKNOWLEDGE, Meaning.STOP, Meaning.START}


def test_reminders_quiet_hours_and_silence_are_those_of_the_network() -> None:
    settings = network().settings
    assert settings.repeat is not None
    assert settings.quiet_hours is not None
    assert settings.silence is not None
    assert f"{duration(settings.repeat.every_ms)} một lần, nhiều nhất {settings.repeat.most} lần" in PAGE
    assert f"Từ {settings.quiet_hours.start} đến {settings.quiet_hours.end}" in PAGE
    assert f"quá {duration(settings.silence.after_ms)}" in PAGE


def test_the_beginnings_it_explains_are_those_of_messages() -> None:
    rare = PAGE.split("Những tin ít gặp")[1].split("##")[0]
    sources = "".join(Path(module.__file__ or "").read_text("utf-8") for module in (notice, summary_texts))
    known = unaccented(re.sub(r"\{\w+\}", " ", sources)).upper()
    for words in re.findall(r"^\| `([^`]+)`", rare, re.MULTILINE):
        for part in filter(None, (part.strip(" :.,") for part in re.split(r"…|\d+", words))):
            assert part.upper() in known, words
