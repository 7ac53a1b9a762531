"""The spike test against an independent, slow reading of the formula (Argo quality control manual, test 9)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.quality.spike import Thresholds, spikes, thresholds
from quantrac.telemetry.parameters import CATALOGUE

READING = st.tuples(
    st.integers(1, 40), st.one_of(st.none(), st.floats(-50, 50, allow_subnormal=False)), st.integers(0, 7)
)
LIMITS = Thresholds(2.0, 6.0)


def one_by_one(rows: list[tuple[int, float | None, int]], gap: int) -> list[int]:
    """The manual's formula, a reading at a time."""
    flags = [2] * len(rows)
    fit = [n for n, (_, value, state) in enumerate(rows) if value is not None and state <= 1]
    for before, at, after in zip(fit, fit[1:], fit[2:], strict=False):
        if rows[at][0] - rows[before][0] > gap or rows[after][0] - rows[at][0] > gap:
            continue
        v1, v2, v3 = float(rows[before][1] or 0), float(rows[at][1] or 0), float(rows[after][1] or 0)
        deviation = abs(v2 - (v3 + v1) / 2) - abs((v3 - v1) / 2)
        flags[at] = 4 if deviation > LIMITS.fail else 3 if deviation > LIMITS.suspect else 1
    return flags


@given(st.lists(READING, max_size=40))
def test_every_reading_is_judged_as_the_formula_says(steps: list[tuple[int, float | None, int]]) -> None:
    times = np.cumsum([step[0] for step in steps]).tolist() if steps else []
    rows = [(time, value, state) for time, (_, value, state) in zip(times, steps, strict=True)]
    got = spikes(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.int16),
        LIMITS,
        30,
    )
    assert got.tolist() == one_by_one(rows, 30)


@pytest.mark.parametrize("parameter", CATALOGUE)
def test_every_parameter_has_thresholds_in_order(parameter: str) -> None:
    limits = thresholds(parameter)
    assert 0 < limits.suspect < limits.fail
