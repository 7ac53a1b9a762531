"""Neighbour agreement: a channel that has left what it usually is beside the nearest stations. Pure, on hourly means.

What it sees: a sensor that is off for days (a thermometer 4 °C low from its service on), where two neighbouring
stations and more agree with each other that it is, and have agreed with this channel for weeks. A day's mean of the
difference is held against those of sixty days that ended three weeks before: height, distance, sun and tide, which are
usual, fall out, and a fault of three weeks does not count as usual yet.
What it cannot see: an error smaller than what separates the places by itself; one that grows over weeks, or was always
there; oxygen, salinity and dust, which are each place's own. Two stations alone cannot say which of them is wrong, so
nobody is accused. A station whose air is cooler and moister than its neighbours' has weather of its own.

Source: spatial consistency as in WMO-No. 100 (Guide to Climatological Practices) and the buddy check of NOAA's MADIS;
vapour pressure after WMO-No. 8; distances and limits are ours, measured in docs/quality.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.quality.series import Flags, Floats
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

TEST: Final = "neighbours"
DAY_H: Final = 25
"""Hours of a day of sun and tides, over which differences are taken."""
OF_DAY: Final = 18
"""So many of them must have both values."""
WHOLE: Final = 0.75
"""Share of the expected readings from which an hour counts."""
LAG_DAYS: Final = 21
"""Days before an hour that do not say what is usual."""
PAST_DAYS: Final = 81
"""Days before it that do, at the same time of day."""
FEWEST_DAYS: Final = 14
"""With fewer of them nobody knows what is usual between two stations."""
REACH_H: Final = PAST_DAYS * 24 + DAY_H
"""So far back lies all that a verdict looks at, hours."""
SPREADS: Final = 3.5
"""So many usual deviations (1.48 times the median one) are more than chance."""
FEWEST: Final = 2
"""So many neighbours must agree."""
MOST: Final = 4
"""Of more in reach the nearest are asked."""
VAPOUR: Final = 0.06
"""By so much of itself the humidity falls when the same air is 1 °C warmer, at 25 to 30 °C (WMO-No. 8)."""
EXPLAINED: Final = 0.5
"""Share of that which shows that the air itself is another."""

Places = npt.NDArray[np.intp]


class Agreement(NamedTuple):
    """How far the stations of a parameter speak for each other."""

    km: float
    """Neighbours are at most so far away."""
    least: float
    """Nothing smaller is blamed, in the parameter's unit."""
    most: float
    """A neighbour beside which nothing smaller could be blamed is no witness."""


AGREEMENTS: Final[Mapping[str, Agreement]] = MappingProxyType(
    {
        "air_temp": Agreement(50, 2.0, 5.0),
        "humidity": Agreement(50, 10.0, 25.0),
        "pressure": Agreement(100, 2.0, 5.0),
        "water_temp": Agreement(30, 1.5, 4.0),
        "water_level": Agreement(30, 0.3, 1.0),
    }
)
"""By parameter."""
COMPANION: Final[Mapping[str, str]] = MappingProxyType({"air_temp": "humidity", "humidity": "air_temp"})
"""What shows that a station has weather of its own: cooler air that holds the same water is moister."""
FOUND: Final = Words(
    "một ngày qua lệch {off:+.3g} so với mức thường thấy khi so với {stations:.0f} trạm lân cận",
    "for a day {off:+.3g} off what is usual beside {stations:.0f} neighbouring stations, which agree",
)
WITHDRAWN: Final = Words(
    "rút lại: có thêm số liệu về sau thì không lệch so với các trạm lân cận",
    "withdrawn: with the readings that came later it is not off its neighbours",
)


class Deviation(NamedTuple):
    """By how much a channel has left what is usual beside its neighbours, an entry an hour that is asked for."""

    off: Floats
    """Of the day's mean, as those neighbours have it who agree; NaN where they do not, or nobody knows."""
    now: Floats
    """Of the hour itself."""
    limit: Floats
    """What chance does not exceed, in the parameter's unit."""
    stations: Floats
    """How many agree."""


@dataclass(frozen=True, slots=True)
class HoursOfStations:
    """Means of consecutive hours of a channel and its neighbours; NaN where an hour is not whole."""

    own: Floats
    others: Floats
    """A row a neighbour."""


class HourVerdicts(NamedTuple):
    """What the test says, an entry an hour that is asked for."""

    flag: Flags
    score: Floats
    """The deviation by its limit."""
    off: Floats
    stations: Floats


def judge(parameter: str, hours: HoursOfStations, at: Places, companion: HoursOfStations | None = None) -> HourVerdicts:
    """Judge hours of a channel, by their places; each at least REACH_H behind the first.

    `companion`: the same hours of the station's COMPANION and of its neighbours.
    """
    found = deviation(hours, at, AGREEMENTS[parameter])
    score = np.abs(found.off) / found.limit
    stays = (found.now * np.sign(found.off)) >= found.limit / 3
    blamed = (score >= 1) & stays
    if companion is not None and blamed.any():
        blamed[blamed] = ~_has_own_weather(parameter, hours.own, companion, at[blamed], found.off[blamed])
    flag = np.where(blamed, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(score)] = Quality.NOT_EVALUATED
    return HourVerdicts(flag, np.where(blamed, score, 0.0), found.off, found.stations)


def deviation(hours: HoursOfStations, at: Places, agreement: Agreement) -> Deviation:
    """Return by how much a channel has left what is usual beside neighbours who agree with each other."""
    before = at[:, np.newaxis] - 24 * np.arange(LAG_DAYS, PAST_DAYS + 1)
    wanted, places = np.unique(np.concatenate([at, before.ravel()]), return_inverse=True)
    past = np.full((len(hours.others), *before.shape), np.nan)
    off, now, limit = (np.full((len(hours.others), len(at)), np.nan) for _ in range(3))
    for number, other in enumerate(hours.others):
        difference = hours.own - other
        days = _of_days(difference, wanted)[places]
        of_past = days[len(at) :].reshape(before.shape)
        usual, spread, known = _usual(of_past)
        limit[number] = np.maximum(agreement.least, SPREADS * spread)
        is_witness = (known >= FEWEST_DAYS) & (limit[number] <= agreement.most)
        off[number] = np.where(is_witness, days[: len(at)] - usual, np.nan)
        now[number] = difference[at] - _usual(difference[before])[0]
        past[number] = of_past - usual[:, np.newaxis]
    return _agreed(off, now, limit, past, agreement.least)


def _agreed(off: Floats, now: Floats, limit: Floats, past: Floats, least: float) -> Deviation:
    """Return what neighbours say of whom most agree: with the channel itself those who dissent are fewer than they."""
    witnesses = np.count_nonzero(~np.isnan(off), axis=0)
    agrees = np.abs(off - _middle(off)) <= limit / 2
    agreeing = np.count_nonzero(agrees, axis=0)
    decided = (agreeing >= FEWEST) & (agreeing > witnesses - agreeing + 1)
    spoken = agrees & decided
    together = _middle(np.where(spoken[..., np.newaxis], past, np.nan).reshape(len(past), -1)).reshape(past.shape[1:])
    of_chance = np.where(decided, np.maximum(least, SPREADS * _usual(together)[1]), np.nan)
    day, hour = (_middle(np.where(spoken, each, np.nan)) for each in (off, now))
    return Deviation(day, hour, of_chance, agreeing.astype(np.float64))


def _of_days(difference: Floats, at: Places) -> Floats:
    """Return for each of these hours the mean of the day that ends with it; NaN where too few have both values."""
    days = np.lib.stride_tricks.sliding_window_view(difference, DAY_H)[at - (DAY_H - 1)]
    known = np.count_nonzero(~np.isnan(days), axis=1)
    sums = np.where(np.isnan(days), 0.0, days).sum(axis=1)
    return np.where(known >= OF_DAY, sums / np.maximum(known, 1), np.nan)


def _usual(past: Floats) -> tuple[Floats, Floats, Places]:
    """Return the middle of each row, the standard deviation that the middle distance from it tells, and the count."""
    usual = _middle(past.T)
    spread = 1.4826 * _middle(np.abs(past - usual[:, np.newaxis]).T)
    return usual, spread, np.count_nonzero(~np.isnan(past), axis=1)


def _middle(values: Floats) -> Floats:
    """Return the median of each column of what is known; NaN where nothing is."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    ascending = np.sort(values, axis=0)  # NaN last
    known = np.count_nonzero(~np.isnan(values), axis=0)
    columns = np.arange(values.shape[1])
    low, high = (ascending[np.clip(place, 0, len(values) - 1), columns] for place in ((known - 1) // 2, known // 2))
    return np.where(known > 0, (low + high) / 2, np.nan)


def _has_own_weather(
    parameter: str, own: Floats, companion: HoursOfStations, at: Places, off: Floats
) -> npt.NDArray[np.bool_]:
    """Tell where temperature and humidity have left their neighbours as the same water in other air does."""
    beside = deviation(companion, at, AGREEMENTS[COMPANION[parameter]]).off
    humidity = companion.own[at] if parameter == "air_temp" else own[at]
    a_degree = VAPOUR * humidity
    expected = -off * a_degree if parameter == "air_temp" else -off / a_degree
    return np.asarray(beside / expected >= EXPLAINED)
