"""The course of a rule: the readings of a block that count for it, as columns compared with its limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.block import ReadingBlock, once
from alerts.rules.local_clock import local_ms
from alerts.rules.rule import ChannelRule, Measure, MeasureKind, Validity
from quantrac.config.rules import Level, Side

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_COVERAGE: Final = 0.75
"""Share of a window that readings must cover before it can say that all is well again."""
DAY_MS: Final = 86_400_000
NEVER: Final = np.iinfo(np.int64).min
NO_END: Final = np.iinfo(np.int64).max
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Course:
    """Readings past the cursor that count; at least one."""

    t_ms: Times
    span_ms: Times
    """Time that each covers: its interval, but never back beyond the reading before it."""
    elapsed_ms: Times
    """Sum of `span_ms` up to and with each."""
    below: Floats
    """What levels of the side below compare with their limits."""
    above: Floats
    can_recover: Mask | None
    """Where the readings say enough for a recovery; None: everywhere."""
    in_force: Mask | None
    """Where the limits are valid; None: everywhere."""
    least: float
    greatest: float

    def of(self, side: Side) -> Floats:
        """Return what levels of a side compare."""
        return self.below if side is Side.BELOW else self.above


def fresh_until(block: ReadingBlock, interval_ms: int) -> int | None:
    """Return the time of the newest reading that is not late; None if all are."""

    def newest() -> int | None:
        timely = block.t_ms[~block.is_late(interval_ms)]
        return int(timely[-1]) if len(timely) else None

    return once(block.derived, ("newest", interval_ms), newest)


def course_of(rule: ChannelRule, block: ReadingBlock, cursor_ms: int | None) -> Course | None:
    """Return what a rule sees of a block beyond its cursor, without late readings; None: nothing that counts.

    Rules on the same channel share it.
    """
    key = ("course", rule.interval_ms, rule.use, rule.measure, rule.validity, rule.normals, rule.tide, cursor_ms)
    return once(block.derived, key, lambda: _course(rule, block, cursor_ms))


def _course(rule: ChannelRule, block: ReadingBlock, cursor_ms: int | None) -> Course | None:
    timely = ~block.is_late(rule.interval_ms)
    is_state = rule.measure.kind is MeasureKind.STATE
    counting = timely if is_state else block.counts(rule.use) & timely
    all_values = block.value
    if rule.measure.kind is MeasureKind.DEPARTURE:
        all_values = departures(rule, block)
        counting = counting & ~np.isnan(all_values)
    span = np.zeros(len(block), dtype=np.int64)
    span[timely] = _covered(block.t_ms[timely], rule.interval_ms, cursor_ms)
    t_ms, span = block.t_ms[counting], span[counting]
    value = _says(block, rule.measure)[counting] if is_state else all_values[counting]
    ahead = int(np.searchsorted(t_ms, _behind(block, cursor_ms), side="right"))
    if ahead == len(t_ms):
        return None
    below, above, can_recover = _measured(rule.measure, t_ms, span, value)
    t_ms, span, below, above = t_ms[ahead:], span[ahead:], below[ahead:], above[ahead:]
    return Course(
        t_ms=t_ms,
        span_ms=span,
        elapsed_ms=np.cumsum(span),
        below=below,
        above=above,
        can_recover=None if can_recover is None else can_recover[ahead:],
        in_force=None if rule.validity is None else in_force(rule.validity, t_ms),
        least=float(below.min()),
        greatest=float(above.max()),
    )


def _behind(block: ReadingBlock, cursor_ms: int | None) -> int:
    """Return the time up to which readings are known already, or only context."""
    start = NEVER if block.start_ms is None else block.start_ms - 1
    return start if cursor_ms is None else max(start, cursor_ms)


def _covered(t_ms: Times, interval_ms: int, cursor_ms: int | None) -> Times:
    if not len(t_ms):
        return t_ms
    first = int(t_ms[0]) - interval_ms
    if cursor_ms is not None and cursor_ms < t_ms[0]:
        first = max(first, cursor_ms)
    return np.minimum(np.diff(t_ms, prepend=first), interval_ms)


def departures(rule: ChannelRule, block: ReadingBlock) -> Floats:
    """Return how far each reading departs from what is normal for its month and tide phase; NaN: nobody knows."""
    if rule.normals is None:
        return np.full(len(block), np.nan)
    return rule.normals.departures(block.t_ms, block.value, rule.zone, rule.tide)


def _says(block: ReadingBlock, measure: Measure) -> Floats:
    return np.isin(block.state, [int(state) for state in measure.states]).astype(np.float64)


def _measured(measure: Measure, t_ms: Times, span: Times, value: Floats) -> tuple[Floats, Floats, Mask | None]:
    """Return what the sides compare, and where a window is covered well enough to say that all is well."""
    if measure.kind not in (MeasureKind.CHANGE, MeasureKind.SWING):
        return value, value, None
    first = np.searchsorted(t_ms, t_ms - measure.window_ms, side="left")
    least, greatest = sliding(np.minimum, value, first), sliding(np.maximum, value, first)
    elapsed = np.cumsum(span)
    covered = elapsed - elapsed[first] + span[first] >= LEAST_COVERAGE * measure.window_ms
    if measure.kind is MeasureKind.SWING:
        return greatest - least, greatest - least, covered
    return value - greatest, value - least, covered


def sliding(extreme: np.ufunc, value: Floats, first: NDArray[np.int64]) -> Floats:
    """Return `extreme` (np.minimum or np.maximum) of value[first[i]] … value[i] for each i.

    Two overlapping stretches of 2^k values cover any window; each doubling makes the next from the last.
    """
    last = np.arange(len(value))
    power = np.log2(last - first + 1).astype(np.int64)
    result = value.copy()
    table = value
    for k in range(int(power.max(initial=0)) + 1):
        if k:
            half = 1 << (k - 1)
            table = extreme(table[:-half], table[half:])
        chosen = power == k
        result[chosen] = extreme(table[first[chosen]], table[last[chosen] - (1 << k) + 1])
    return result


def in_force_of(level: Level, zone: ZoneInfo, course: Course) -> Mask | None:
    """Mark where the limit of a level is in force, by its rule and by its decree; None: everywhere."""
    if level.first is None and level.last is None:
        return course.in_force
    day = local_ms(course.t_ms[[0, -1]] - 1, zone) // DAY_MS
    first = -1 if level.first is None else (level.first - EPOCH).days
    last = NO_END if level.last is None else (level.last - EPOCH).days
    if first <= day[0] and day[1] <= last:
        return course.in_force
    every = local_ms(course.t_ms - 1, zone) // DAY_MS
    mask: Mask = (first <= every) & (every <= last)
    return mask if course.in_force is None else mask & course.in_force


def in_force(validity: Validity, t_ms: Times) -> Mask:
    """Mark the times at which limits are valid; a slot that ends at 08:00 lies before 08:00."""
    local = local_ms(t_ms - 1, validity.zone)
    month = local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    minute = local % DAY_MS // 60_000
    start, end = validity.from_minute, validity.to_minute
    hours = (start <= minute) & (minute < end) if start <= end else (minute >= start) | (minute < end)
    valid = hours & np.isin(month, list(validity.months))
    if validity.phases is not None and validity.tide is not None:
        valid = valid & np.isin(validity.tide.phases(t_ms - 1), list(validity.phases))
    return valid
