"""In which of the next hours the tide is likely to allow taking in water: by how it was in the last days. Pure.

No model of the river: the hours of the last days are counted by the phase of the predicted tide. A phase in which the
water was nearly always fit is likely to be fit again. Where too few hours are known, that is said instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from quantrac.config.limits import DecreeLimit
from quantrac.config.tides import TidePhase
from quantrac.telemetry.local_time import HOUR
from quantrac.telemetry.slots import bucket_start

LOOKED_BACK: Final = timedelta(days=7)
"""Half of the way from spring tide to spring tide: what was so then need not be so now."""
LOOKED_AHEAD: Final = timedelta(hours=24)
LIKELY: Final = 0.8
"""Share of the hours of a phase in which the water was fit."""
LEAST_HOURS: Final = 8
"""Known hours that a phase needs: of some two days."""

PhasesAt = Callable[[Sequence[datetime]], Sequence[TidePhase]]
"""Gives the predicted phase of the tide at some times."""


class TideWord(StrEnum):
    """What can be said of the next hours."""

    HOURS = "hours"
    ALWAYS = "always"
    """The water was fit whatever the tide was."""
    NEVER = "never"
    """In no phase of the tide was the water fit often enough."""
    FEW = "few"
    """Too few hours of the last days are known."""
    NO_TIDE = "no_tide"
    """The configuration has no tide for the station."""


@dataclass(frozen=True, slots=True)
class TideOutlook:
    """What the tide is likely to allow."""

    word: TideWord
    windows: tuple[tuple[datetime, datetime], ...] = ()
    """Begin and end of stretches of hours, UTC."""
    shares: Mapping[TidePhase, float] = field(default_factory=dict)
    """Of the known hours of each phase those in which the water was fit."""
    hours: int = 0
    """Known hours that this rests on."""


Series = Mapping[datetime, float]
"""Valid hourly values by the end of their hour, UTC."""


def fit_hours(measured: Iterable[tuple[DecreeLimit | None, Series]]) -> dict[datetime, bool]:
    """Return of the hours in which everything was measured whether all limits were kept.

    An hour is known, too, where one value is beyond its limit, whatever the others were.
    """
    each = list(measured)
    every = sorted({hour for _, series in each for hour in series})
    found = {}
    for hour in every:
        kept = [_kept(limit, series.get(hour)) for limit, series in each]
        if False in kept or None not in kept:
            found[hour] = False not in kept
    return found


def _kept(limit: DecreeLimit | None, value: float | None) -> bool | None:
    return None if limit is None or value is None else not limit.is_exceeded(value)


def outlook(past: Mapping[datetime, bool], phases_at: PhasesAt | None, now: datetime) -> TideOutlook:
    """Return what the tide is likely to allow in the next hours, by the hours of the last days.

    Args:
        past: end of an hour → whether the water was fit; hours that are older than LOOKED_BACK do not count.
        phases_at: the predicted tide of the station; None: there is none.
        now: the time.
    """
    if phases_at is None:
        return TideOutlook(TideWord.NO_TIDE)
    known = sorted(hour for hour in past if now - LOOKED_BACK <= hour <= now)
    counted: dict[TidePhase, list[bool]] = defaultdict(list)
    for hour, phase in zip(known, phases_at([hour - HOUR / 2 for hour in known]) if known else (), strict=True):
        counted[phase].append(past[hour])
    shares = {phase: sum(fits) / len(fits) for phase, fits in counted.items() if len(fits) >= LEAST_HOURS}
    if len(shares) < len(TidePhase):
        return TideOutlook(TideWord.FEW, (), shares, len(known))
    likely = {phase for phase, share in shares.items() if share >= LIKELY}
    if len(likely) in (0, len(TidePhase)):
        return TideOutlook(TideWord.ALWAYS if likely else TideWord.NEVER, (), shares, len(known))
    return TideOutlook(TideWord.HOURS, _windows(likely, phases_at, now), shares, len(known))


STEP: Final = timedelta(minutes=10)
"""The tide's phase is exact to so much."""


def _windows(likely: set[TidePhase], phases_at: PhasesAt, now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return the stretches of an hour or more that lie in likely phases."""
    times = [bucket_start(now, STEP) + n * STEP for n in range(LOOKED_AHEAD // STEP + 1)]
    phases = zip(times, phases_at(times), strict=True)
    windows = []
    for is_likely, steps in groupby(phases, key=lambda step: step[1] in likely):
        stretch = [time for time, _ in steps]
        begin, end = stretch[0], stretch[-1] + STEP
        if is_likely and end - begin >= HOUR:
            windows.append((begin, end))
    return tuple(windows)
