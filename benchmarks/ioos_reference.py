"""The best that ioos_qc does on flagged readings: its QARTOD tests, with thresholds chosen by the flags themselves."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from quantrac.quality.scores import TestScore
from quantrac.quality.series import Floats, Mask, Times

MOST_FALSE = 0.01
"""Most of the good values that may be blamed."""
MOST_TESTS = 4
TAILS = (0.0005, 0.001, 0.002, 0.005, 0.01)
STEPS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
HOURS = (3, 6, 12, 24, 48)


def best_of_ioos(time_us: Times, value: Floats, judge: Callable[[Mask], TestScore]) -> TestScore | None:
    """Return the best score of tests laid over one another, at most 1 % false; None where ioos_qc is not installed."""
    if importlib.util.find_spec("ioos_qc") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = list(_options(importlib.import_module("ioos_qc.qartod"), time_us, value))
    blamed = np.zeros(len(value), np.bool_)
    best = judge(blamed)
    for _ in range(MOST_TESTS):
        tried = [(judge(blamed | option), option) for option in options]
        allowed = [
            each for each in tried if (each[0].false_share or 0) <= MOST_FALSE and (each[0].f1 or 0) > (best.f1 or 0)
        ]
        if not allowed:
            break
        best, option = max(allowed, key=lambda each: each[0].f1 or 0)
        blamed = blamed | option
    return best


def _options(qartod: Any, time_us: Times, value: Floats) -> Iterator[Mask]:
    there = value[~np.isnan(value)]
    times = time_us.astype("datetime64[us]").astype("datetime64[ns]")
    step = np.abs(np.diff(value))
    step = step[step > 0]
    spread = float(np.nanstd(value))
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
