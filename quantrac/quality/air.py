"""Gas analysers whose zero or span has drifted, and dust sensors that count water. Pure, on arrays.

- `zero_drift`: a mean of six hours below nothing; a lowest value of a day that has risen above that of the week, for
  gases that every day's wind and sun bring down to nothing.
- `gas_check`: what the instrument measured of zero or span gas last is evidence for what it measured since.
- `humid_dust`: dust in nearly saturated air that exceeds all of the day's drier hours: drops and swollen particles.

What they cannot see: an analyser that measures too little or too much of a gas and has no span gas; dust that is
swollen on a day without a dry hour. Smoke in fog looks like water: `humid_dust` only suspects, and an instrument that
dries its air (a heated inlet) does without it.

Sources: US EPA, Quality Assurance Handbook for Air Pollution Measurement Systems, volume II, appendix D (validation
templates: zero drift 5.1 ppb, of CO 0.61 ppm; span drift 10.1 %); molar volume 24.45 l at 25 °C. Growth of particles in
humid air: Di Antonio and others 2018, Sensors 18, 2790; Jayaratne and others 2018, Atmos. Meas. Tech. 11, 4883.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from quantrac.quality.past import REACH_S, Blocks, first_within, highest, hours_within, lowest, mean_within
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Mask
from quantrac.telemetry.quality import Quality

ZERO: Final = "zero_drift"
CHECK: Final = "gas_check"
HUMID: Final = "humid_dust"

MOLAR: Final = {
    "so2": 64.066, "no": 30.006, "no2": 46.006, "nox": 46.006, "o3": 47.998, "h2s_air": 34.08, "nh3_air": 17.031,
}  # fmt: skip
"""g/mol."""
DRIFT: Final[Mapping[str, float]] = {name: 5.1 * mass / 24.45 for name, mass in MOLAR.items()} | {
    "co": 610 * 28.01 / 24.45
}
"""By so much a zero may drift, µg/m³."""
SPAN_SHARE: Final = 0.101
"""By such a share span readings may drift."""
SIX_HOURS_S: Final = 6 * 3600.0
DAY_S: Final = 25 * 3600.0
LEAST: Final = 4
"""In so many of six hours there must be values, in twice as many of a day."""
FALLING: Final = frozenset({"so2", "no", "h2s_air"})
"""Gases of which each day has an hour with nearly none."""
CHECKED_S: Final = 50 * 3600.0
"""So long a check counts: two days and a little, seconds."""
APART_S: Final = 12 * 3600.0
"""Readings of span gas further back are of an earlier check."""
EARLIER: Final = 3
"""So many earlier readings of span gas must be there."""
SATURATED: Final = 95.0
"""Relative humidity from which particles are mostly water, %."""
DRY: Final = 85.0
"""Where the humidity stayed below this for an hour, a value is one of the day's drier hours, %."""
HOUR_S: Final = 3600.0
BESIDE_S: Final = 900.0
"""Humidity is that of so long before, for another instrument may have other times, seconds."""
TIMES: Final = 1.5
ROOM: Final = 15.0
"""Dust exceeds the highest of the drier hours by such a factor and by so much, µg/m³."""
BACK_S: Final = REACH_S + DAY_S


def zero_drift(series: DeviceSeries) -> list[Evidence]:
    """Judge each gas of an analyser by its own lowest values."""
    blocks, places = Blocks.of(series.time_us), np.arange(len(series))
    quarter, day = first_within(series.time_us, SIX_HOURS_S), first_within(series.time_us, DAY_S)
    found = []
    for name in DRIFT:
        if name in series.values:
            value = series.values[name]
            of_quarter = hours_within(series.time_us, value, quarter, places + 1)
            of_day = hours_within(series.time_us, value, day, places + 1)
            mean = np.where(of_quarter >= LEAST, mean_within(value, quarter, places + 1), np.nan)
            floor = np.where(of_day >= 2 * LEAST, lowest(value, day, places + 1), np.nan)
            score = -mean / DRIFT[name]
            fails = score >= 2
            if name in FALLING:
                usual = blocks.usual(blocks.quantile(floor, 0.5), 0.5)
                score = np.fmax(score, (floor - usual) / (2 * DRIFT[name]))
            found.append(Evidence(ZERO, name, _flags(score, fails, value), score, {"mean": mean, "floor": floor}))
    return found


def gas_check(series: DeviceSeries) -> list[Evidence]:
    """Judge each gas by the last check of its analyser, of which `so2_zero`, `so2_span` … are the readings."""
    found = []
    for name in DRIFT:
        zero, span = series.values.get(f"{name}_zero"), series.values.get(f"{name}_span")
        if name in series.values and (zero is not None or span is not None):
            value = series.values[name]
            nothing = np.full(len(series), np.nan)
            off = nothing if zero is None else _last(np.abs(zero), series)
            changed = nothing if span is None else _last(_change(span, series), series)
            score = np.fmax(off / DRIFT[name], changed / SPAN_SHARE)
            about = {"zero": np.nan_to_num(off), "span": 100 * np.nan_to_num(changed)}
            found.append(Evidence(CHECK, name, _flags(score, off >= 2 * DRIFT[name], value), score, about))
    return found


def humid_dust(series: DeviceSeries) -> list[Evidence]:
    """Judge dust beside the humidity of the station."""
    day, places = first_within(series.time_us, DAY_S), np.arange(len(series))
    humidity = mean_within(series.values["humidity"], first_within(series.time_us, BESIDE_S), places + 1)
    is_dry = highest(series.values["humidity"], first_within(series.time_us, HOUR_S), places + 1) < DRY
    found = []
    for name in ("pm2_5", "pm10"):
        if name in series.values:
            value = series.values[name]
            driest = highest(np.where(is_dry, value, np.nan), day, places)
            score = np.where(
                humidity >= SATURATED, np.minimum(value / np.maximum(TIMES * driest, 1), (value - driest) / ROOM), 0.0
            )
            score[np.isnan(humidity) | ((humidity >= SATURATED) & np.isnan(driest))] = np.nan
            never = np.zeros(len(series), np.bool_)
            about = {"humidity": humidity, "driest": driest}
            found.append(Evidence(HUMID, name, _flags(score, never, value), score, about))
    return found


def _last(checked: Floats, series: DeviceSeries) -> Floats:
    """Return for each time what the last check gave; NaN where it lies too far back."""
    if not len(series):
        return checked
    place = np.maximum.accumulate(np.where(np.isnan(checked), -1, np.arange(len(series))))
    age_us = series.time_us - series.time_us[np.maximum(place, 0)]
    return np.where((place >= 0) & (age_us <= CHECKED_S * 1e6), checked[np.maximum(place, 0)], np.nan)


def _change(span: Floats, series: DeviceSeries) -> Floats:
    """Return by what share each reading of span gas differs from the middle one of earlier checks of the week."""
    change = np.full(len(series), np.nan)
    at = np.flatnonzero(~np.isnan(span))
    first = np.searchsorted(series.time_us[at], series.time_us[at] - round((REACH_S - CHECKED_S) * 1e6))
    end = np.searchsorted(series.time_us[at], series.time_us[at] - round(APART_S * 1e6), side="right")
    for number, place in enumerate(at):
        earlier = span[at[first[number] : end[number]]]
        if len(earlier) >= EARLIER and (usual := float(np.median(earlier))) > 0:
            change[place] = abs(span[place] / usual - 1)
    return change


def _flags(score: Floats, fails: Mask, value: Floats) -> Flags:
    found = np.select([fails & (score >= 1), score >= 1], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD)
    return np.where(np.isnan(score) | np.isnan(value), Quality.NOT_EVALUATED, found).astype(np.int8)
