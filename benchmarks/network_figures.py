"""What a run of `benchmarks/whole_network.py` is asked for and what it found, beside the targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from benchmarks.network_watch import FOLLOWS, ProcessFigures, Spread
from benchmarks.station_load import LOW_STEPS, LoadReport

CONSUMERS: Final = ("quality", "derived", "rollups", "alerts")
LAG_MOST_S: Final = 3.0
HANDOVER_MOST_S: Final = 5.0
GROWTH_MOST_MB: Final = 1.0
"""A minute, of one process; judged in runs of JUDGED_MEMORY_S and more."""
JUDGED_MEMORY_S: Final = 300.0
STATIONS_LATE_MS: Final = 1000.0
"""Later than this (p99) the stations, not the system, are what is measured."""


@dataclass(frozen=True)
class NetworkLoad:
    """What is asked of the system."""

    stations: int
    channels: int = 12
    interval_s: float = 1.0
    seconds: float = 60.0
    statements: bool = False
    """Load pg_stat_statements and name the statements that take the most time."""

    def low_from(self) -> dict[int, int]:
        """Return the stations whose oxygen falls, with the number of their first low message: one every two seconds.

        The first falls after a tenth of the run, the last so that it has returned when the run ends.
        """
        steps = round(self.seconds / self.interval_s)
        first, last = max(1, steps // 10), steps - LOW_STEPS - 1
        wanted = min(self.stations, max(1, int(self.seconds / 2)))
        each = self.stations // wanted
        return {n * each: first + (last - first) * n // wanted for n in range(wanted)} if last >= first else {}


class Miss(NamedTuple):
    """A target that is missed."""

    target: str
    words: str


class Alarms(NamedTuple):
    """The alarms that had to come, and what came."""

    expected: int
    came: int
    """Raised by the reading that completed the delay, and handed over."""
    false: list[str]
    """`rule at station` of every alarm beside those."""
    handover: Spread
    """Seconds from that reading to the hand-over to the carrier of short messages."""


@dataclass(frozen=True)
class NetworkFigures:
    """What a run found."""

    load: NetworkLoad
    stations: LoadReport
    row: Spread
    """Seconds from sensor to commit."""
    lags: Mapping[str, Spread]
    first_beyond: Mapping[str, float]
    alarms: Alarms
    uses: Mapping[str, ProcessFigures]
    online: int
    """Stations that count as online at the end."""
    rows: int
    duplicates: int
    """Deliveries of messages that were stored already."""
    other_cores: float
    """What other programs of the machine used."""
    sessions: list[str]
    statements: list[str]

    @property
    def published_rows(self) -> int:
        """Readings that the stations published."""
        return self.stations.published * self.load.channels

    def misses(self) -> Iterator[Miss]:
        """Yield what misses a target, consumers in the order in which they fell behind."""
        if self.stations.late_p99 > STATIONS_LATE_MS:
            yield Miss("stations", f"are late themselves, p99 {self.stations.late_p99:.0f} ms: this load says nothing")
        for name in sorted(CONSUMERS, key=lambda each: self.first_beyond.get(each, float("inf"))):
            if not self.lags[name].p99 < LAG_MOST_S:
                at_s = self.first_beyond.get(name)
                since = f"with {FOLLOWS.get(name)}" if at_s is None else f"by itself from second {at_s:.0f}"
                yield Miss(name, f"is behind, p99 {self.lags[name].p99:.1f} s, {since}")
        expected, came, false, handover = self.alarms
        if came < expected or false:
            wrong = dict(Counter(false).most_common(5))
            yield Miss("alarms", f"{expected - came} of {expected} did not come, {len(false)} false {wrong or ''}")
        elif expected and not handover.p99 < HANDOVER_MOST_S:
            yield Miss("alarms", f"are handed over late, p99 {handover.p99:.1f} s")
        if self.rows != self.published_rows:
            yield Miss("readings", f"{self.published_rows - self.rows} of {self.published_rows} are not stored")
        if self.load.seconds >= JUDGED_MEMORY_S:
            for name, use in self.uses.items():
                if use.mb_a_minute > GROWTH_MOST_MB:
                    yield Miss(f"memory of {name}", f"grows by {use.mb_a_minute:.1f} MB a minute")

    def __str__(self) -> str:
        """All figures and the verdict, a line each."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        load, stations, alarms = self.load, self.stations, self.alarms
        rate = load.stations * load.channels / load.interval_s
        yield f"{load.stations} stations x {load.channels} channels each {load.interval_s:g} s for {load.seconds:g} s"
        offered = f"{rate:,.0f} readings/s, {stations.published:,} messages, {stations.acks:,} acks heard"
        yield f"  offered                {offered}"
        yield (
            f"  late at the stations   median {stations.late_median:.0f} ms, p99 {stations.late_p99:.0f} ms,"
            f" most {stations.late_most:.0f} ms; {stations.unanswered} without PUBACK, {stations.refused} refused"
        )
        stored = f"{self.rows:,} of {self.published_rows:,} readings, {self.duplicates} messages again"
        yield f"  stored                 {stored}"
        yield f"  online at the end      {self.online} stations"
        yield f"  sensor to row          {self.row}"
        for name in CONSUMERS:
            yield f"  lag of {name:15} {self.lags[name]}"
        yield f"  alarm to hand-over     {alarms.handover}"
        yield f"  alarms                 {alarms.came} of {alarms.expected} came, {len(alarms.false)} false"
        for name, use in self.uses.items():
            yield (
                f"  {name:22} {use.cores:5.2f} cores, {use.first_mb:6.1f} MB, at the end {use.last_mb:6.1f} MB"
                f" ({use.mb_a_minute:+.1f} MB a minute)"
            )
        yield f"  others on this machine {self.other_cores:5.2f} cores"
        if load.statements:
            yield from (f"    {line}" for line in [*self.sessions, *self.statements])
        misses = [f"  missed: {target} {words}" for target, words in self.misses()]
        yield from misses or ["  every target is met"]
