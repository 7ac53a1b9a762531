"""What ioos_qc does on flagged readings: its QARTOD tests, settings chosen by flags of the same or other readings.

A setting is a share of what the readings themselves do (the value that one in a thousand exceeds), so that it means the
same at every station, as a user would move it from one to the next.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from quantrac.quality.scores import TestScore
from quantrac.quality.series import Floats, Mask, Times

MOST_FALSE = 0.01
"""Most of the good values that may be blamed, at each station."""
MOST_TESTS = 4
TAILS = (0.0005, 0.001, 0.002, 0.005, 0.01)
STEPS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
HOURS = (3, 6, 12, 24, 48)


class TriedReadings(NamedTuple):
    """What each setting blames of some readings; the settings stand in the same order for all readings."""

    blamed: list[Mask]
    judge: Callable[[Mask], TestScore]


def is_installed() -> bool:
    """Tell whether ioos_qc is there: it is no dependency of ours."""
    return importlib.util.find_spec("ioos_qc") is not None


def blamed_by_settings(time_us: Times, value: Floats, like: Floats) -> list[Mask]:
    """Return what each setting blames, its thresholds being quantiles of what `like` does, at best the same channel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_blamed_by_settings(importlib.import_module("ioos_qc.qartod"), time_us, value, like))


def chosen(fitted: Sequence[TriedReadings]) -> list[int]:
    """Return the settings, laid over one another, of the best mean F1 with at most 1 % false flags at each station."""
    blamed = [np.zeros_like(one.blamed[0]) for one in fitted]
    best, settings = 0.0, list[int]()
    for _ in range(MOST_TESTS):
        found = (-1, best)
        for setting in range(len(fitted[0].blamed)):
            scores = [one.judge(now | one.blamed[setting]) for one, now in zip(fitted, blamed, strict=True)]
            mean = sum(score.f1 or 0 for score in scores) / len(scores)
            if mean > found[1] and all((score.false_share or 0) <= MOST_FALSE for score in scores):
                found = (setting, mean)
        setting, best = found
        if setting < 0:
            break
        settings.append(setting)
        blamed = [now | one.blamed[setting] for one, now in zip(fitted, blamed, strict=True)]
    return settings


def score_with(settings: Sequence[int], scored: TriedReadings) -> TestScore:
    """Return the score of settings laid over one another."""
    nothing = np.zeros_like(scored.blamed[0])
    return scored.judge(np.any([nothing, *(scored.blamed[setting] for setting in settings)], axis=0))


def _blamed_by_settings(qartod: Any, time_us: Times, value: Floats, like: Floats) -> Iterator[Mask]:
    there = like[~np.isnan(like)]
    times = time_us.astype("datetime64[us]").astype("datetime64[ns]")
    step = np.abs(np.diff(like))
    step = step[step > 0]
    spread = float(np.nanstd(like))
    for low in (0.0, *TAILS):
        for high in (0.0, *TAILS):
            if low or high:
                span = (float(np.quantile(there, low)), float(np.quantile(there, 1 - high)))
                yield _blamed(qartod.gross_range_test(value, span))
    for share in STEPS:
        limit = float(np.quantile(step, share))
        yield _blamed(qartod.spike_test(value, suspect_threshold=limit, fail_threshold=2 * limit))
        yield _blamed(qartod.rate_of_change_test(value, times, limit / 900))
    for hours in HOURS:
        yield _blamed(qartod.flat_line_test(value, times, 3600 * hours, 7200 * hours, 1e-6))
        for part in (0.01, 0.03, 0.1):
            for kind in ("std", "range"):
                yield _blamed(
                    qartod.attenuated_signal_test(
                        value, times, part * spread, part * spread / 2, test_period=3600 * hours, min_obs=3,
                        check_type=kind,
                    )
                )  # fmt: skip


def _blamed(flags: Any) -> Mask:
    return np.isin(np.asarray(flags), (3, 4))
