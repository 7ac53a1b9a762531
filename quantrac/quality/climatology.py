"""What is usual of a channel by season, hour and tide, fitted to its own good history, and days that leave it. Pure.

The expected value is a level, two harmonics of the year, two of the day and two tides (M2, O1): 13 figures of a
straight least-absolute fit. What it sees: a day whose mean lies further from it than nearly all good days did: a probe
that is off for a whole deployment, from its first day on. What it cannot see: an error smaller than what floods, salt
years and cold spells do; they look the same, so it only suspects. It wants ten months of good history.

Source: harmonic analysis (Foreman 1977); periods of M2 and O1 (Doodson); fit by iteratively reweighted least squares.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.quality.past import HOUR_US, first_within, hours_within, mean_within
from quantrac.quality.series import Climate, DeviceSeries, Evidence, Flags, Floats, Times
from quantrac.telemetry.quality import Quality

TEST: Final = "climatology"
YEAR_H: Final = 365.2422 * 24
PERIODS_H: Final = (YEAR_H, YEAR_H / 2, 24.0, 12.0, 12.4206, 25.8193)
"""The year twice, the day twice, M2, O1."""
FIGURES: Final = 1 + 2 * len(PERIODS_H)
"""Level, then cosine and sine of each."""
DAY_S: Final = 25 * 3600.0
"""A day of sun and tides, over which the mean is taken, seconds."""
LEAST: Final = 8
"""In so many hours of a day there must be values."""
HOURS: Final = 24 * 300
"""Of fewer hours with good values nothing is fitted."""
MONTHS: Final = 12
ROUNDS: Final = 12
ANOTHER_YEAR: Final = 1.75
"""The limit is so many times what the good days of the history exceed so rarely, for no year is like the last: of
Goodwin Islands 2014, judged on 2015, no parameter had 0.2 % false flags; with 1.5 the coldest February had 1.8 %."""


class FittedClimate(NamedTuple):
    """What `quality fit` proposes."""

    climate: Climate
    false_share: float
    """Of the good readings those that it would blame."""


def expected(time_us: Times, climate: Climate) -> Floats:
    """Return the usual value at each time, in the parameter's unit."""
    return np.asarray(_columns(time_us) @ np.asarray(climate.figures), np.float64)


def fitted(time_us: Times, value: Floats, good: npt.NDArray[np.bool_], most_false: float) -> FittedClimate | None:
    """Return what is usual of a channel, from its good values; None: too little history, or not of every month.

    `most_false` is the share of the good readings that the limit may blame in the history itself, before its margin.
    """
    used = good & ~np.isnan(value)
    hour, value = time_us[used] // HOUR_US, value[used]
    starts = np.flatnonzero(np.diff(hour, prepend=-1))
    if len(starts) < HOURS or len(np.unique((hour[starts] % YEAR_H) // (YEAR_H / MONTHS))) < MONTHS:
        return None
    hourly = np.add.reduceat(value, starts) / np.diff(starts, append=len(value))
    columns = _columns(hour[starts] * HOUR_US)
    weight = np.ones(len(hourly))
    figures: Floats = np.zeros(FIGURES)
    for _ in range(ROUNDS):
        weighed = columns * weight[:, None]
        figures = np.asarray(np.linalg.solve(weighed.T @ columns, weighed.T @ hourly), np.float64)
        off = np.abs(hourly - columns @ figures)
        weight = 1 / np.maximum(off, 0.1 * np.median(off) + 1e-9)
    rounded = tuple(float(f"{each:.5g}") for each in figures)
    days = np.abs(_day_off(hour[starts] * HOUR_US, hourly, Climate(rounded, 1.0)))
    days = days[~np.isnan(days)]
    limit = float(f"{ANOTHER_YEAR * float(np.quantile(days, 1 - most_false)):.2g}")
    return FittedClimate(Climate(rounded, limit), float(np.mean(days >= limit))) if limit > 0 else None


def climatology(series: DeviceSeries) -> list[Evidence]:
    """Judge each channel of which it is known what is usual."""
    found = []
    for name, climate in series.climates.items():
        value = series.values[name]
        off = _day_off(series.time_us, value, climate)
        score = np.abs(off) / climate.limit
        about = {"off": off, "usual": expected(series.time_us, climate)}
        found.append(Evidence(TEST, name, _flags(score, value), score, about))
    return found


def _day_off(time_us: Times, value: Floats, climate: Climate) -> Floats:
    """Return by how much the mean of the day before each time lies above what is usual; NaN: too few values."""
    first, end = first_within(time_us, DAY_S), np.arange(1, len(time_us) + 1)
    mean = mean_within(value - expected(time_us, climate), first, end)
    return np.where(hours_within(time_us, value, first, end) >= LEAST, mean, np.nan)


def _columns(time_us: Times) -> Floats:
    hours = time_us[:, None] / HOUR_US * (2 * np.pi / np.array(PERIODS_H))
    waves = np.stack([np.cos(hours), np.sin(hours)], axis=2).reshape(len(time_us), 2 * len(PERIODS_H))
    return np.concatenate([np.ones((len(time_us), 1)), waves], axis=1)


def _flags(score: Floats, value: Floats) -> Flags:
    flag = np.where(score >= 1, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(score) | np.isnan(value)] = Quality.NOT_EVALUATED
    return flag
