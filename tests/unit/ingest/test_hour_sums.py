"""Sums of hours that grow do not depend on how many readings come at once."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.rollups.hour_sums import KINDS, VECTOR, HourSums, NewReadings, none

VALUES = st.floats(-1e99, 1e99) | st.just(-0.0) | st.just(math.nan)


def hour(kind: int) -> HourSums:
    """Return one hour in which nothing is."""
    start = {"kind": kind, "channel_id": 1, "expected": 60}
    nothing = none()
    columns = {name: getattr(nothing, name) for name in HourSums.__dataclass_fields__}
    return HourSums(
        **{
            name: np.full(1, start.get(name, math.nan if column.dtype == np.float64 else 0), column.dtype)
            for name, column in columns.items()
        }
    )


def readings(values: list[float], since: int, kind: int) -> NewReadings:
    column = np.array(values)
    east, north = (column, -column) if kind == VECTOR else np.full((2, len(values)), np.nan)
    return NewReadings(np.zeros(len(values), np.intp), np.arange(since, since + len(values)), column, east, north)


def bits(sums: HourSums) -> dict[str, list[bytes]]:
    names = [*HourSums.__dataclass_fields__, "value", "mean", "sd"]
    with np.errstate(all="ignore"):
        return {name: [each.tobytes() for each in getattr(sums, name)] for name in names}


@given(st.lists(VALUES, min_size=1, max_size=30), st.integers(0, 30), st.integers(0, len(KINDS) - 1))
def test_one_by_one_or_at_once(values: list[float], cut: int, kind: int) -> None:
    with np.errstate(all="ignore"):
        at_once = hour(kind).grown(readings(values, 1, kind))
        first = hour(kind).grown(readings(values[:cut], 1, kind))
        in_pieces = first.grown(readings(values[cut:], 1 + len(values[:cut]), kind))
    assert bits(in_pieces) == bits(at_once)
    counted = [value for value in values if not math.isnan(value)]
    assert (at_once.count[0], at_once.received[0], at_once.newest_us[0]) == (len(counted), len(values), len(values))
    if kind != VECTOR and counted:
        total = counted[0]
        for value in counted[1:]:
            total += value
        assert at_once.total[0] == total
        assert (at_once.min[0], at_once.max[0]) == (min(counted), max(counted))


@given(st.lists(st.lists(VALUES, max_size=5), min_size=1, max_size=6))
def test_hours_do_not_mix(of_hours: list[list[float]]) -> None:
    each = [hour(0).grown(readings(values, 1, 0)) for values in of_hours]
    hours, new = none(), readings([value for values in of_hours for value in values], 1, 0)
    for _ in of_hours:
        hours += hour(0)
    place = np.repeat(np.arange(len(of_hours)), [len(values) for values in of_hours])
    time = np.concatenate([np.arange(1, len(values) + 1) for values in of_hours])
    together = bits(hours.grown(NewReadings(place, time, new.value, new.east, new.north)))
    assert together == {name: [bits(own)[name][0] for own in each] for name in together}
