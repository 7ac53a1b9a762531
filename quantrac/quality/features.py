"""What a trained model looks at: how a value stands to its own hours, days and week, and its companions to theirs.

Pure. All figures are relative, so that what is learnt at one place may mean something at another: of turbidity and
pigments differences of logarithms, of all else differences by the week's usual spread. They look back and ahead no
further than `BACK_S` and `AHEAD_S`, and are rounded, so that a sum that began elsewhere gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.quality import attenuation, failure, immersion, roughness, stillness, thermometer, turbidity
from quantrac.quality.past import REACH_S, Blocks, end_within, first_within, highest, lowest, mean_within, steps
from quantrac.quality.series import DeviceSeries, Evidence, Floats

LEARNT: Final = ("turbidity", "chl_a", "bga", "do_sat", "do", "ec", "salinity", "ph", "water_temp")
"""Parameters of which a model can be trained."""
NOTHING: Final = {"turbidity": 3.0, "chl_a": 1.0, "bga": 1.0}
"""What varies by factors, and how much of it is little: added before the logarithm, in the parameter's unit."""
FINE: Final = {
    "water_temp": 0.1,
    "ec": 0.05,
    "salinity": 0.2,
    "do_sat": 1.0,
    "do": 0.1,
    "ph": 0.05,
    "water_level": 0.02,
}
"""A spread of a week is no smaller, in the parameter's unit: the accuracy of sondes in the field."""
LITTLE: Final = 0.3
"""No spread of logarithms is smaller."""
COMPANIONS: Final = {
    "temperature": ("water_temp",),
    "salt": ("ec", "salinity"),
    "oxygen": ("do_sat", "do"),
    "ph": ("ph",),
    "turbidity": ("turbidity",),
    "level": ("water_level",),
}
"""What else a sonde measures, by the feature's name: the first of these that it has and that is not judged."""
SAME: Final = ({"ec", "salinity"}, {"do", "do_sat"})
"""One is computed from the other, so it is no companion of it."""
HOUR_S: Final = 3600.0
DAY_S: Final = 25 * HOUR_S
"""Of sun and tides."""
QUARTER_S: Final = 6 * HOUR_S
DAYS_BACK: Final = (1, 3, 6)
"""The lowest of a day is compared with those so many days before."""
GAP_INTERVALS: Final = 4.0
"""A longer pause is a service or an outage."""
STEP: Final = 1 / 1024
"""Features are multiples of it."""
MOST: Final = 1000.0
"""No feature is further from nothing."""


class ScoredTest(NamedTuple):
    """A test whose score is looked at: what it sees need not be learnt."""

    name: str
    judge: Callable[[DeviceSeries], list[Evidence]]
    needs: frozenset[str]
    """The device measures at least one of them, else there is no score."""
    back_s: float
    ahead_s: float


BESIDE: Final = (
    ScoredTest(immersion.TEST, immersion.out_of_water, frozenset(immersion.WET), immersion.BACK_S, 0.0),
    ScoredTest(thermometer.TEST, thermometer.thermometer, frozenset({"water_temp"}), 0.0, 0.0),
    ScoredTest(failure.TEST, failure.failing, frozenset(failure.PARAMETERS), failure.BACK_S, failure.AHEAD_S),
    ScoredTest(stillness.TEST, stillness.frozen, stillness.JUDGED, stillness.BACK_S, 0.0),
    ScoredTest(roughness.TEST, roughness.erratic, frozenset(roughness.ACCURACY), roughness.BACK_S, 0.0),
    ScoredTest(attenuation.TEST, attenuation.attenuated, frozenset(attenuation.JUDGED), attenuation.BACK_S, 0.0),
    ScoredTest(turbidity.BURST, turbidity.burst, frozenset({"turbidity"}), turbidity.BESIDE_S, turbidity.BESIDE_S),
)
"""The tests beside. `fouled` is none: it looks back four weeks, and at minutes no device would have a model."""
BACK_S: Final = max(REACH_S + DAY_S, (max(DAYS_BACK) + 1) * DAY_S, *(test.back_s for test in BESIDE))
AHEAD_S: Final = max(HOUR_S, *(test.ahead_s for test in BESIDE))


def features(series: DeviceSeries, parameter: str) -> dict[str, Floats]:
    """Return by name a figure a time; NaN where nobody knows it, such as of what the device does not measure."""
    found = dict(_features(series, parameter))
    return {name: np.rint(np.clip(value, -MOST, MOST) / STEP) * STEP for name, value in found.items()}


def matrix(series: DeviceSeries, parameter: str) -> npt.NDArray[np.float32]:
    """Return a row a time and a column a feature, in the order of `NAMES`; a multiple of STEP is exact as it is."""
    found = features(series, parameter)
    return np.column_stack([found[name].astype(np.float32) for name in NAMES])


def _features(series: DeviceSeries, parameter: str) -> Iterator[tuple[str, Floats]]:
    blocks = Blocks.of(series.time_us)
    value = height(series.values[parameter], parameter)
    floor, middle, top = (blocks.quantile(value, share) for share in (0.0, 0.5, 1.0))
    usual = blocks.usual(middle, 0.5)
    low, high = blocks.usual(floor, 0.1), blocks.usual(top, 0.9)
    spread = np.maximum(high - low, _least_spread(parameter))
    scale = np.ones(len(series)) if parameter in NOTHING else spread
    places = np.arange(len(series))
    yield "usual", (value - usual) / scale
    yield "below", (value - low) / scale
    yield "above", (value - high) / scale
    lowest_of, highest_of = {}, {}
    for name, back_s in (("hour", HOUR_S), ("quarter", QUARTER_S), ("day", DAY_S)):
        first = first_within(series.time_us, back_s)
        lowest_of[name], highest_of[name] = lowest(value, first, places + 1), highest(value, first, places + 1)
        yield f"over_{name}", (value - lowest_of[name]) / scale
        yield f"under_{name}", (highest_of[name] - value) / scale
        yield f"moves_{name}", mean_within(np.abs(np.diff(value, prepend=np.nan)), first, places + 1) / scale
    end = end_within(series.time_us, HOUR_S)
    yield "over_next", (value - lowest(value, places + 1, end)) / scale
    yield "under_next", (highest(value, places + 1, end) - value) / scale
    yield "day_low", (lowest_of["day"] - low) / scale
    yield "day_usual", (lowest_of["day"] - usual) / scale
    yield "day_high", (highest_of["day"] - high) / scale
    yield "range", (highest_of["day"] - lowest_of["day"]) / spread
    for days in DAYS_BACK:
        first, until = first_within(series.time_us, (days + 1) * DAY_S), first_within(series.time_us, days * DAY_S)
        yield f"grown_{days}", (lowest_of["day"] - lowest(value, first, until)) / scale
        yield f"sunk_{days}", (highest_of["day"] - highest(value, first, until)) / scale
    yield "spread", spread if parameter in NOTHING else np.full(len(series), np.nan)
    yield "running", _running(series)
    yield from _companions(series, parameter, blocks)
    for test in BESIDE:
        score = np.full(len(series), np.nan)
        if test.needs & series.values.keys():
            for evidence in test.judge(series):
                if evidence.parameter == parameter:
                    score = np.nan_to_num(np.minimum(evidence.score, 10.0))
        yield f"test_{test.name}", score


def height(value: Floats, parameter: str) -> Floats:
    """Return a value, of what varies by factors its logarithm."""
    return np.log(np.maximum(value, 0.0) + NOTHING[parameter]) if parameter in NOTHING else value


def _running(series: DeviceSeries) -> Floats:
    """Return the days since the last pause, as far as the reach goes: a service, mostly."""
    pause_us = max(GAP_INTERVALS * series.interval_s, HOUR_S / 2) * 1e6
    starts = np.flatnonzero(~(steps(series.time_us) <= pause_us))
    begun = series.time_us[starts[np.searchsorted(starts, np.arange(len(series)), side="right") - 1]]
    return np.minimum((series.time_us - begun) / 1e6, REACH_S) / 86400


def _companions(series: DeviceSeries, parameter: str, blocks: Blocks) -> Iterator[tuple[str, Floats]]:
    own = next((same for same in SAME if parameter in same), {parameter})
    first, places = first_within(series.time_us, DAY_S), np.arange(len(series))
    for name, names in COMPANIONS.items():
        other = next((each for each in names if each in series.values and each not in own), None)
        if other is None:
            yield from ((f"{name}_{of}", np.full(len(series), np.nan)) for of in ("usual", "low", "high", "range"))
            continue
        value = height(series.values[other], other)
        low, high = blocks.usual(blocks.quantile(value, 0.0), 0.1), blocks.usual(blocks.quantile(value, 1.0), 0.9)
        spread = np.maximum(high - low, _least_spread(other))
        day_low, day_high = lowest(value, first, places + 1), highest(value, first, places + 1)
        yield f"{name}_usual", (value - (low + high) / 2) / spread
        yield f"{name}_low", (day_low - low) / spread
        yield f"{name}_high", (day_high - high) / spread
        yield f"{name}_range", (day_high - day_low) / spread


def _least_spread(parameter: str) -> float:
    return LITTLE if parameter in NOTHING else FINE.get(parameter, LITTLE)


NAMES: Final = tuple(features(DeviceSeries(np.zeros(0, np.int64), {"turbidity": np.zeros(0)}, {}, 60.0), "turbidity"))
"""Of all features, whatever the parameter."""
