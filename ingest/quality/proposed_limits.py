"""Limits of the tests of a channel's history, proposed from readings that people call good.

A limit is proposed as the smallest of two digits beyond which no more than a share of the good readings lies: what the
test measures (a deviation, hours without a move, a change an hour) is taken of every good reading, and its quantile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from ingest.quality import flat
from ingest.quality.history import TESTS
from ingest.quality.readings import Floats, Mask, TestedReadings
from quantrac.telemetry.quality import Quality

LEAST_GOOD: Final = 2_000
"""Of fewer good readings nobody can say what is rare: a week of five minutes."""


LEAST_STILL_S: Final = 3600.0
LEAST_STILL_INTERVALS: Final = 12
"""No flat line is shorter: that a value has never repeated yet does not make the first repetition a fault."""
DIGITS: Final = 6
"""Values that differ by less are the same number, written twice."""
ROUNDING: Final = 1e-9
"""Relative error of a difference of values of few digits."""


class ProposedLimit(NamedTuple):
    """A limit for one test of a channel."""

    test: str
    limit: float
    """In the parameter's unit; seconds for `flat`."""
    false_share: float
    """Of the good readings those that it would blame."""
    found: int
    """How many of the bad readings it would find."""
    present: float | None
    """The limit that the channel has now; None: it does not have the test."""
    present_false_share: float | None


def proposed_limits(
    readings: TestedReadings,
    good: Mask,
    bad: Mask,
    interval_s: float,
    most_false: float,
    present: dict[str, float],
    resting: float = -math.inf,
) -> Iterator[ProposedLimit]:
    """Yield a limit for each test; none where too few good readings are, or where it would be nothing.

    Args:
        readings: of one channel.
        good: which of them people call good.
        bad: which of them people reject.
        interval_s: of the channel.
        most_false: share of the good readings that a test may blame, above 0.
        present: limits that the channel has now, by test.
        resting: values up to this may stay the same for days: no flat line is found there, so none sets the limit.
    """
    moves = readings.value > resting

    def blamed_by(name: str, limit: float) -> Mask:
        blamed = _blamed(name, readings, limit, interval_s)
        return blamed & moves if name == flat.TEST else blamed

    for name in TESTS:
        measured = _measured(name, readings, interval_s)
        if name == flat.TEST:
            measured[~moves] = np.nan
        usual = measured[good & ~np.isnan(measured)]
        if len(usual) < LEAST_GOOD:
            continue
        limit = _rounded_up(float(np.quantile(usual, 1 - most_false, method="higher")))
        if name == flat.TEST:
            limit = max(limit, LEAST_STILL_S, LEAST_STILL_INTERVALS * interval_s)
        if limit <= 0:
            continue
        blamed, now = blamed_by(name, limit), present.get(name)
        yield ProposedLimit(
            name, limit, float(np.mean(blamed[good])), int(np.count_nonzero(blamed & bad)), now,
            None if now is None else float(np.mean(blamed_by(name, now)[good])),
        )  # fmt: skip


def smallest_step(value: Floats) -> float | None:
    """Return the smallest step between values, in their unit: how fine the instrument tells; None: too few values."""
    values = value[~np.isnan(value)]
    steps = np.diff(np.unique(np.round(values, DIGITS)))
    return float(f"{steps.min():.2g}") if len(values) >= LEAST_GOOD and len(steps) else None


def _blamed(name: str, readings: TestedReadings, limit: float, interval_s: float) -> Mask:
    every = np.ones(len(readings))
    return TESTS[name].judge(readings, limit * every, interval_s * every).flag >= Quality.SUSPECT


def _measured(name: str, readings: TestedReadings, interval_s: float) -> Floats:
    """Return what a test compares with its limit; NaN where it does not judge."""
    if name == flat.TEST:
        return _still_s(readings, interval_s)
    every = np.ones(len(readings))
    return TESTS[name].judge(readings, every, interval_s * every).score


def _still_s(readings: TestedReadings, interval_s: float) -> Floats:
    """Return how long each value has not moved, seconds; less where readings lack, for the test wants half of them."""
    still, fit = np.full(len(readings), np.nan), readings.fit()
    if not len(fit):
        return still
    time_s, value = readings.time_us[fit] / 1e6, readings.value[fit]
    changes = np.flatnonzero(np.r_[True, value[1:] != value[:-1]])
    numbers = np.arange(len(fit))
    start = changes[np.searchsorted(changes, numbers, side="right") - 1]
    longest = (numbers - start + 1) * interval_s / flat.SHARE
    still[fit] = np.where(start > 0, np.minimum(time_s - time_s[start - 1], longest), np.nan)
    return still


def _rounded_up(value: float) -> float:
    """Return the next number of two digits that is greater: values of few digits lie on it by the hundred."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value * (1 + ROUNDING) / unit) * unit:.6g}")
