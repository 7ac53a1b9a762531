"""Readings of several channels for the tests of quality, as rows and as the columns that are judged at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingest.quality.readings import TestedReadings

Row = tuple[int, float | None, int]
"""Time in microseconds (of a step: seconds since the one before), value, state."""
S = 1_000_000


def several(channels: Sequence[Sequence[Row]]) -> tuple[TestedReadings, list[list[Row]]]:
    """Return channels given by steps as columns, and as rows."""
    rows = []
    for steps in channels:
        times = np.cumsum([step[0] for step in steps]).tolist()
        rows.append([(time * S, value, state) for time, (_, value, state) in zip(times, steps, strict=True)])
    flat = [(number, *row) for number, own in enumerate(rows) for row in own]
    number, time_us, value, state = zip(*flat, strict=True) if flat else ((), (), (), ())
    columns = np.array(number, np.int32), np.array(time_us, np.int64), np.array(value, np.float64)
    return TestedReadings(*columns, np.array(state, np.int16)), rows


def alone(time_us: npt.NDArray[np.int64], value: npt.NDArray[np.float64]) -> TestedReadings:
    """Return good readings of one channel."""
    zeros = np.zeros(len(value), np.int16)
    return TestedReadings(zeros.astype(np.int32), time_us, value, zeros)
