"""Figures of a back-test: of alarms, rules and people, and the difference that other rules would make. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from alerts.trials.backtest import PastAlarm, PastTelling

TEN_MINUTES_MS: Final = 600_000
FLOOD: Final = 10
"""Alarms in ten minutes beyond which an operator is flooded (EEMUA 191, ISA-18.2)."""
STALE_MS: Final = 86_400_000
DAY_MS: Final = 86_400_000
CHATTER_MS: Final = 60_000
"""An alarm that rises again within it is chattering: three in a minute is the usual measure."""
WEEK_MS: Final = 7 * 86_400_000
T = TypeVar("T", int, NDArray[np.int64])


@dataclass(frozen=True, slots=True)
class Kpis:
    """Of the alarms as an operator would have met them (EEMUA 191, ISA-18.2)."""

    alarms: int
    per_day: float
    peak_in_ten_minutes: int
    flood_share: float
    """Share of ten-minute periods with more than ten alarms."""
    stale: int
    """Standing for more than 24 h."""
    chattering: int
    """Risen again within a minute of their end."""
    standing_at_end: int


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule at one station."""

    rule: str
    station: str
    alarms: int
    by_level: Mapping[str, int]
    median_minutes: float
    longest_minutes: float
    days_with_alarms: int
    """Of the days with readings."""
    days_with_readings: int


@dataclass(frozen=True, slots=True)
class Person:
    """How much one person would have been told."""

    contact_id: int
    contact: str
    """Name."""
    messages: int
    median_week: float
    worst_week: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What other rules would change: alarms about the same that do not overlap."""

    only_in_force: tuple[PastAlarm, ...]
    only_new: tuple[PastAlarm, ...]
    in_both: int


def lines_of(
    alarms: Sequence[PastAlarm], end_ms: int, stored: Mapping[tuple[str, str], Collection[int]], offset_ms: int
) -> list[RuleLine]:
    """Return one line a rule and station, the busiest first.

    `stored`: by rule and station the days with readings of the channels that it watches, see `day_of`.
    """
    grouped: dict[tuple[str, str], list[PastAlarm]] = defaultdict(list)
    for alarm in alarms:
        grouped[alarm.rule, alarm.station].append(alarm)
    lines = (_line(*key, own, end_ms, frozenset(stored.get(key, ())), offset_ms) for key, own in grouped.items())
    return sorted(lines, key=lambda line: -line.alarms)


def _line(
    rule: str, station: str, alarms: list[PastAlarm], end_ms: int, stored: frozenset[int], offset_ms: int
) -> RuleLine:
    minutes = [((a.cleared_ms or end_ms) - a.raised_ms) / 60_000 for a in alarms]
    return RuleLine(
        rule=rule,
        station=station,
        alarms=len(alarms),
        by_level=dict(Counter(alarm.level for alarm in alarms)),
        median_minutes=median(minutes),
        longest_minutes=max(minutes),
        days_with_alarms=len(days_with(alarms, end_ms, offset_ms) & stored),
        days_with_readings=len(stored),
    )


def day_of(t_ms: T, offset_ms: int) -> T:
    """Return the local day of a time, counted from 1970; midnight ends a day. `offset_ms`: of the zone from UTC."""
    return (t_ms + offset_ms - 1) // DAY_MS


def days_with(alarms: Iterable[PastAlarm], end_ms: int, offset_ms: int) -> set[int]:
    """Return the local days on which an alarm stood, see `day_of`."""
    spans = ((day_of(a.raised_ms, offset_ms), day_of(a.cleared_ms or end_ms, offset_ms)) for a in alarms)
    return {day for first, last in spans for day in range(first, last + 1)}


def kpis_of(alarms: Sequence[PastAlarm], from_ms: int, to_ms: int) -> Kpis:
    """Return the figures of a period."""
    periods = Counter(alarm.raised_ms // TEN_MINUTES_MS for alarm in alarms)
    ends: dict[tuple[str, str], int] = {}
    chattering = 0
    for alarm in sorted(alarms, key=lambda a: a.raised_ms):
        last = ends.get(alarm.about)
        chattering += last is not None and alarm.raised_ms - last <= CHATTER_MS
        ends[alarm.about] = alarm.cleared_ms or to_ms
    return Kpis(
        alarms=len(alarms),
        per_day=len(alarms) / max((to_ms - from_ms) / STALE_MS, 1e-9),
        peak_in_ten_minutes=max(periods.values(), default=0),
        flood_share=sum(n > FLOOD for n in periods.values()) / max((to_ms - from_ms) / TEN_MINUTES_MS, 1),
        stale=sum((alarm.cleared_ms or to_ms) - alarm.raised_ms > STALE_MS for alarm in alarms),
        chattering=chattering,
        standing_at_end=sum(alarm.cleared_ms is None for alarm in alarms),
    )


def people_of(told: Iterable[PastTelling], from_ms: int, to_ms: int) -> list[Person]:
    """Return how many messages each person would have had, in all and a week (weeks counted from `from_ms`)."""
    weeks = max(1, -(-(to_ms - from_ms) // WEEK_MS))
    counts: dict[int, list[int]] = defaultdict(lambda: [0] * weeks)
    names: dict[int, str] = {}
    for telling in told:
        week = min((telling.t_ms - from_ms) // WEEK_MS, weeks - 1)
        for contact, _ in telling.to:
            counts[contact.contact_id][week] += 1
            names[contact.contact_id] = contact.name
    people = [Person(id_, names[id_], sum(own), median(own), max(own)) for id_, own in counts.items()]
    return sorted(people, key=lambda person: (-person.messages, person.contact_id))


def difference(in_force: Sequence[PastAlarm], new: Sequence[PastAlarm]) -> Difference:
    """Compare the alarms of two sets of rules over the same readings."""
    old_ones, new_ones = _Standing(in_force), _Standing(new)
    only_old = tuple(alarm for alarm in in_force if not new_ones.overlaps(alarm))
    only_new = tuple(alarm for alarm in new if not old_ones.overlaps(alarm))
    return Difference(only_old, only_new, len(new) - len(only_new))


@dataclass(frozen=True, slots=True)
class RecordedAlarm:
    """An alarm on record of the rules that are tried, and whether they would raise it from the readings as they are."""

    alarm_id: int
    alarm: PastAlarm
    false_by: str | None
    """Who marked it as false; None: nobody."""
    in_force: bool = False
    """The rules in force would."""
    new: bool = False
    """The new rules would."""


@dataclass(frozen=True, slots=True)
class RecordedCounts:
    """What a change would do to the alarms on record, by what people said of them."""

    false: int
    """Marked as false, and the rules in force raise them."""
    false_gone: int
    """Of these, those that the new rules would not raise."""
    others: int
    """Not marked as false, and the rules in force raise them."""
    others_lost: int
    """Of these, those that the new rules would not raise."""
    unexplained: int
    """That the rules in force do not raise either: limits or verdicts on readings were others then."""


def recorded_by(
    recorded: Iterable[RecordedAlarm], in_force: Sequence[PastAlarm], new: Sequence[PastAlarm]
) -> list[RecordedAlarm]:
    """Return alarms on record with which rules would raise them: an alarm about the same stands at some of its time."""
    old_ones, new_ones = _Standing(in_force), _Standing(new)
    return [replace(one, in_force=old_ones.overlaps(one.alarm), new=new_ones.overlaps(one.alarm)) for one in recorded]


def recorded_counts(recorded: Iterable[RecordedAlarm]) -> RecordedCounts:
    """Count what a change would do to the alarms on record."""
    found = list(recorded)
    false = [one for one in found if one.in_force and one.false_by is not None]
    others = [one for one in found if one.in_force and one.false_by is None]
    return RecordedCounts(
        len(false), sum(not one.new for one in false), len(others), sum(not one.new for one in others),
        len(found) - len(false) - len(others),
    )  # fmt: skip


class _Standing:
    """Alarms by subject; at most one of a subject stands at a time."""

    def __init__(self, alarms: Iterable[PastAlarm]) -> None:
        self._about: dict[tuple[str, str], list[PastAlarm]] = defaultdict(list)
        for alarm in sorted(alarms, key=lambda alarm: alarm.raised_ms):
            self._about[alarm.about].append(alarm)

    def overlaps(self, alarm: PastAlarm) -> bool:
        """Whether one about the same stands at some time of an alarm."""
        own = self._about.get(alarm.about, [])
        place = (
            len(own) if alarm.cleared_ms is None else bisect_right(own, alarm.cleared_ms, key=lambda one: one.raised_ms)
        )
        last = own[place - 1] if place else None
        return last is not None and (last.cleared_ms is None or last.cleared_ms >= alarm.raised_ms)
