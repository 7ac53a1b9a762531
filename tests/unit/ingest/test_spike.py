"""The spike test against an independent, slow reading of the formula (Argo quality control manual, test 9)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.quality.spike import spikes, suspect_from
from quantrac.telemetry.parameters import CATALOGUE
from tests.unit.ingest.series import several

READING = st.tuples(
    st.integers(1, 40), st.one_of(st.none(), st.floats(-50, 50, allow_subnormal=False)), st.integers(0, 7)
)
SUSPECT, FAIL = 2.0, 6.0


def one_by_one(rows: list[tuple[int, float | None, int]], gap: int) -> list[int]:
    """The manual's formula, a reading at a time."""
    flags = [2] * len(rows)
    fit = [n for n, (_, value, state) in enumerate(rows) if value is not None and state <= 1]
    for before, at, after in zip(fit, fit[1:], fit[2:], strict=False):
        if rows[at][0] - rows[before][0] > gap or rows[after][0] - rows[at][0] > gap:
            continue
        v1, v2, v3 = float(rows[before][1] or 0), float(rows[at][1] or 0), float(rows[after][1] or 0)
        deviation = abs(v2 - (v3 + v1) / 2) - abs((v3 - v1) / 2)
        flags[at] = 4 if deviation > FAIL else 3 if deviation > SUSPECT else 1
    return flags


@given(st.lists(st.lists(READING, max_size=25), max_size=4))
def test_every_reading_is_judged_as_the_formula_says(channels: list[list[tuple[int, float | None, int]]]) -> None:
    """Several channels at once as each by itself: neighbours within 30 s, which are three intervals."""
    series, rows = several(channels)
    every = np.full(len(series), 1.0)
    assert spikes(series, SUSPECT * every, 10 * every).flag.tolist() == [
        flag for own in rows for flag in one_by_one(own, 30 * 1_000_000)
    ]


@pytest.mark.parametrize("parameter", CATALOGUE)
def test_every_parameter_has_a_threshold(parameter: str) -> None:
    assert (suspect_from(parameter) or 0) > 0
