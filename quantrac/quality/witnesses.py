"""Witnesses: what other sensors say of a sensor's error at the start and the end of each deployment. Pure.

What they see: a sensor that stands off from one that measures the same water, beyond what the two usually differ. What
they cannot see: which of the two is wrong (steps at services decide), an error that both share, and a difference that
is there for most of half a year: it counts as one of place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from quantrac.quality.companions import practical_salinity, saturated_oxygen
from quantrac.quality.series import DeviceSeries, Floats, Mask, Times
from quantrac.quality.services import MINUTE, Service
from quantrac.quality.steps import DAY

Kind = Literal["standard", "adjusted", "laboratory", "companion", "neighbour"]
NEIGHBOURLY: Final = frozenset({"water_temp", "water_level"})
"""What neighbouring stations tell of each other. Not oxygen: it is each pond's and each bend's own."""
TOGETHER: Final = 30 * MINUTE
"""Readings of two sensors so far apart at most are compared, microseconds."""
LEAST: Final = 6
"""So many pairs make a day."""
FEW_DAYS: Final = 5
"""Days at either end of a deployment of which the median is the witness."""
FEWEST_DAYS: Final = 14
"""With fewer days outside a deployment nobody knows what is usual between the two sensors."""
SEASON: Final = 90 * DAY
"""So far around a deployment what is usual between two places is taken: it moves with the season, microseconds."""


class Witness(NamedTuple):
    """By how much a sensor was wrong at a moment, as another measurement says."""

    at_us: int
    """Microseconds since 1970, UTC."""
    error: float
    """Sensor minus witness, in the unit of the parameter."""
    sigma: float
    """Standard deviation of `error`, in its unit; above 0."""
    kind: Kind
    """`standard`: read before the sensor was set right; `adjusted`: after it, which speaks of the next deployment."""
    source: str = ""
    """Channel of a companion or neighbour, for people."""


class Beside(NamedTuple):
    """Another sensor of the same parameter, or what follows from others."""

    source: str
    kind: Kind
    time_us: Times
    values: Floats


def companions_of(parameter: str, others: Mapping[str, DeviceSeries]) -> list[Beside]:
    """Return what other devices of the place say of a parameter: the same one, or what follows from its companions.

    Oxygen follows from saturation, temperature and salinity; saturation from oxygen; salinity from conductivity. Both
    must not be of one device: there one is computed from the other, and shares its error. `others`: by device.
    """
    found = []
    for device, series in others.items():
        values = _told(parameter, series.values)
        if values is not None:
            found.append(Beside(device, "companion", series.time_us, values))
    return found


def _told(parameter: str, values: Mapping[str, Floats]) -> Floats | None:
    if parameter in values:
        return values[parameter]
    if parameter == "salinity" and "ec" in values:
        return practical_salinity(values["ec"])
    if "water_temp" not in values or not {"salinity", "ec"} & values.keys():
        return None
    salinity = values["salinity"] if "salinity" in values else practical_salinity(values["ec"])
    full = saturated_oxygen(values["water_temp"], salinity)
    if parameter == "do" and "do_sat" in values:
        return values["do_sat"] / 100 * full
    if parameter == "do_sat" and "do" in values:
        return 100 * values["do"] / full
    return None


def witnesses_of(
    time_us: Times, values: Floats, beside: Beside, services: Sequence[Service], accuracy: float
) -> list[Witness]:
    """Return a witness at the start and at the end of each deployment; one in the middle of a short one.

    By days of two tides the difference of both sensors is taken, less what it usually is in the days of other
    deployments around. Its uncertainty is by how much such days differ from that (68 % of them by less), and at least
    that of two sensors in order: a neighbour whose water goes its own way has next to no voice.
    """
    days, differences = _daily(time_us, values, beside)
    found = []
    for _, _, whole, others in _deployments(days, services):
        usual = float(np.median(differences[others]))
        spread = float(np.percentile(np.abs(differences[others] - usual), 68))
        sigma = max(spread, 2**0.5 * accuracy)
        own = np.flatnonzero(whole)
        few = min(FEW_DAYS, len(own) // 2)
        for part in (own[:few], own[-few:]) if few else (own,):
            at = int(np.mean(days[part])) - DAY // 2
            found.append(Witness(at, float(np.median(differences[part])) - usual, sigma, beside.kind, beside.source))
    return found


def _deployments(days: Times, services: Sequence[Service]) -> Iterator[tuple[int, int, Mask, Mask]]:
    """Yield for each deployment its ends, its whole days and those of others around; where there are enough.

    A day that a service divides is of neither deployment.
    """
    if not len(days):
        return
    edges = [int(days[0]) - DAY, *(edge for service in services for edge in service[:2]), int(days[-1]) + DAY]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        inside = (days - DAY >= begin - MINUTE) & (days <= end)
        others = ((days < begin) | (days - DAY > end)) & (days >= begin - SEASON) & (days <= end + SEASON)
        if inside.any() and others.sum() >= FEWEST_DAYS:
            yield begin, end, inside, others


def _daily(time_us: Times, values: Floats, beside: Beside) -> tuple[Times, Floats]:
    """Return the median difference of each day of two tides, at its end; of days with LEAST pairs."""
    there, beside_there = np.isfinite(values), np.isfinite(beside.values)
    time_us, values = time_us[there], values[there]
    other_us, other = beside.time_us[beside_there], beside.values[beside_there]
    if not len(time_us) or len(other_us) < 2:
        return np.empty(0, np.int64), np.empty(0)
    after = np.clip(np.searchsorted(other_us, time_us), 1, len(other_us) - 1)
    near = np.maximum(np.abs(other_us[after] - time_us), np.abs(other_us[after - 1] - time_us)) <= TOGETHER
    difference = (values - np.interp(time_us, other_us, other))[near]
    number = time_us[near] // DAY
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(starts, len(number))[1:]
    full = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a >= LEAST]
    medians = np.array([np.median(difference[a:b]) for a, b in full])
    return np.array([(number[a] + 1) * DAY for a, _ in full], np.int64), medians
