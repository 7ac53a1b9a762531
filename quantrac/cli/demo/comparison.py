"""Compares stored readings with the journals of the instruments: each value must be explained by what was served.

A stored value is the mean (or whatever the parameter's kind says) of all that the instrument served in the reading's
slot. The agent stamps a sample when it asks, the instrument when it answers, so entries within `EDGE_MS` of either edge
of a slot may have been counted in or out; every other entry must have been. Written apart from the agent's averaging on
purpose: the two must agree without sharing code.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State

EDGE_MS: Final = 100
"""How far from a slot's edge an entry may be counted in or out, milliseconds: at a sample a second at most one is in
doubt."""
MOST_TRIED: Final = 5_000
"""Values that are tried for a slot, one for each choice of replies (of a sum: and each base), the fewest lost first:
of a mean all of them where up to ten replies were served. A value that none explains is called wrong."""
STORING_MS: Final = 2_000
"""How long after a slot's end its message is on disk at the latest: a read under way is waited for."""
RELATIVE: Final = 2.0**-23
"""Resolution of a float32 register, as a share of the value."""
ABSOLUTE: Final = 1e-9


class JournalEntry(NamedTuple):
    """One served value, in the unit that the channel publishes. None where the instrument had none."""

    t_ms: int
    value: float | None
    valid: bool


class StoredReading(NamedTuple):
    """One stored reading."""

    t_ms: int
    value: float | None
    state: State


class UnexplainedReading(NamedTuple):
    """A stored reading that its journal does not explain."""

    channel: str
    t_ms: int
    stored: float | None
    state: str
    served: str
    """What would have been right, in words."""
    missed: bool = False
    """The value is right but for replies that the agent did not get in time, or that came after the slot's end."""

    @property
    def is_unanswered(self) -> bool:
        """Whether replies are missing, by the agent's word or by its mean: no journal tells if they arrived in time."""
        return self.missed or (self.stored is None and self.state == State.COMM.word)


@dataclass
class ServedSeries:
    """The values that an instrument served of one channel, and the rule by which they become readings.

    Args:
        kind: how samples become a reading.
        width_ms: width of a reading's slot.
        sample_ms: time between two samples.
        valid_share: share of the expected samples that must be valid, 0 to 1.
        entries: ordered by time.
    """

    kind: Kind
    width_ms: int
    sample_ms: int
    valid_share: float
    entries: Sequence[JournalEntry]
    _times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._times = [entry.t_ms for entry in self.entries]

    def between(self, after_ms: int, up_to_ms: int) -> Sequence[JournalEntry]:
        """Return the entries of `after < t <= up_to`."""
        return self.entries[bisect_right(self._times, after_ms) : bisect_right(self._times, up_to_ms)]

    @property
    def expected(self) -> float:
        """Samples of a complete slot."""
        return self.width_ms / self.sample_ms

    def behind(self, t_ms: int) -> Sequence[JournalEntry]:
        """Return the first entry after a time, and those served with it: what waited for an instrument."""
        at = bisect_right(self._times, t_ms)
        return self.between(t_ms, self._times[at] + EDGE_MS) if at < len(self._times) else ()

    def before(self, t_ms: int) -> Iterator[JournalEntry]:
        """Yield the valid entries before a time, the last one first."""
        at = bisect_left(self._times, t_ms)
        return (self.entries[place] for place in range(at - 1, -1, -1) if self.entries[place].valid)


class Absence(NamedTuple):
    """A `restart` event's claim: nobody read the device in the slots that end after `from_ms`, up to `to_ms`."""

    from_ms: int
    to_ms: int


def differences(
    channel: str, series: ServedSeries, readings: Iterable[StoredReading], absences: Iterable[Absence] = ()
) -> Iterator[UnexplainedReading]:
    """Yield every reading that the journal does not explain.

    A null in state `warmup` needs no explanation: the agent began within that slot. A null in state `fault` is also
    explained by an absence that the journal bears out.
    """
    credible = [absence for absence in absences if is_borne_out(series, absence)]
    for reading in readings:
        if reading.value is None:
            dead = reading.state is State.FAULT and any(a.from_ms < reading.t_ms <= a.to_ms for a in credible)
            if reading.state is not State.WARMUP and not dead and not _may_be_null(series, reading.t_ms):
                yield UnexplainedReading(channel, reading.t_ms, None, reading.state.word, "enough valid values")
        else:
            possible = list(possible_values(series, reading.t_ms))
            if not any(_same(reading.value, value) for value in possible):
                served = ", ".join(f"{value:.9g}" for value in possible[:4]) or "too few valid values"
                missed = any(_same(reading.value, value) for value in values_of_a_busy_machine(series, reading.t_ms))
                yield UnexplainedReading(channel, reading.t_ms, reading.value, reading.state.word, served, missed)


def is_borne_out(series: ServedSeries, absence: Absence) -> bool:
    """Return whether nobody read the instrument in an absence.

    The agent may have died up to a slot, and what it takes to store one, after the last slot that it stored. An agent
    that goes on asking while it says it was dead is hiding values.
    """
    left_alone_ms = absence.from_ms + series.width_ms + STORING_MS
    return not series.between(left_alone_ms, absence.to_ms - EDGE_MS - 1)


def possible_values(series: ServedSeries, end_ms: int) -> Iterator[float]:
    """Yield each value that a slot's reading may have, one for each way of counting the entries at its edges."""
    for entries in _ways(series, end_ms):
        yield from _values_of(series, entries)


def values_of_a_busy_machine(series: ServedSeries, end_ms: int) -> Iterator[float]:
    """Yield the values that a slot's reading may have where programs stood still or replies came too late.

    An agent asks an instrument one thing at a time, and a reply counts for the slot in which it was asked for. However
    long a program stood still, three things hold: what was served before the slot does not count; of what was served
    after it only one reply can, the first, which was under way at its end; and as many count as must be valid.
    """
    served = [entry for entry in series.between(end_ms - series.width_ms - EDGE_MS - 1, end_ms) if entry.valid]
    under_way = [[entry] for entry in series.behind(end_ms) if entry.valid]
    choices = (
        [*kept, *last]
        for count in range(len(served) + 1, math.ceil(series.valid_share * series.expected) - 1, -1)
        for last in ([], *under_way)
        for kept in itertools.combinations(served, count - len(last))
    )
    bases = math.ceil(series.expected)
    values = (value for entries in choices for value in _values_of(series, entries, bases))
    yield from itertools.islice(values, MOST_TRIED)


def _values_of(series: ServedSeries, entries: Sequence[JournalEntry], bases: int = 1) -> Iterator[float]:
    """Yield the reading that is made of entries; a counter's rise from each of so many entries before them."""
    values = [e.value for e in entries if e.valid and e.value is not None]
    if series.kind is Kind.SUM:
        before = itertools.islice(series.before(entries[0].t_ms), bases) if values else ()
        for base in before:
            if base.value is not None:
                yield math.fsum(max(0.0, b - a) for a, b in itertools.pairwise([base.value, *values]))
    elif (value := combine(series.kind, values)) is not None:
        yield value


def combine(kind: Kind, values: Sequence[float]) -> float | None:
    """Put values together by kind (not sums, which need the counter before); None without values."""
    if not values:
        return None
    if kind is Kind.VECTOR:
        north = math.fsum(math.cos(math.radians(v)) for v in values)
        east = math.fsum(math.sin(math.radians(v)) for v in values)
        return math.degrees(math.atan2(east, north)) % 360
    if kind is Kind.LAST:
        return values[-1]
    return math.fsum(values) / len(values)


def _ways(series: ServedSeries, end_ms: int) -> Iterator[list[JournalEntry]]:
    start_ms = end_ms - series.width_ms
    left = series.between(start_ms - EDGE_MS - 1, start_ms + EDGE_MS)
    sure = series.between(start_ms + EDGE_MS, end_ms - EDGE_MS - 1)
    right = series.between(end_ms - EDGE_MS - 1, end_ms + EDGE_MS)
    for skip, take in itertools.product(range(len(left) + 1), range(len(right) + 1)):
        yield [*left[skip:], *sure, *right[:take]]


def _may_be_null(series: ServedSeries, end_ms: int) -> bool:
    return any(sum(e.valid for e in way) < series.valid_share * series.expected for way in _ways(series, end_ms))


def _same(stored: float, served: float) -> bool:
    return math.isclose(stored, served, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
