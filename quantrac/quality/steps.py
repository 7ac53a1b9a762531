"""Steps: by how much each parameter jumped at a service beyond tide and day, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.quality.series import DeviceSeries, Floats, Times
from quantrac.quality.services import MINUTE, Service, ServiceTrace

BLOCK: Final = 15 * MINUTE
"""Readings that come oftener are put together as medians of so long, microseconds."""
REACH: Final = 10
"""So many blocks on either side of a service draw the local line."""
SHORT: Final = 3 * 60 * MINUTE
"""Over a gap up to so long the local lines are extended; over a longer one whole days are compared, microseconds."""
DAY: Final = 25 * 60 * MINUTE
"""A day and two tides, 24 h 50 min: medians over it hold every phase of both once (rounded up to whole blocks)."""
SEASON: Final = 15 * 24 * 60 * MINUTE
"""So far on either side of a service its null steps are taken, microseconds."""
NULL_EVERY: Final = 5 * 60 * MINUTE
"""Null steps are taken so often: 5 h walks through the phases of day and tide."""
FEWEST_NULL: Final = 20
"""With fewer null steps nobody knows what is usual: no step is told."""


class ServiceStep(NamedTuple):
    """What the sensor showed after a service more than before, in the unit of the parameter."""

    service: int
    """Number of the service in its list."""
    amount: float
    sigma: float
    """Standard deviation of the same figure where no service was: what tide, day and noise make of it."""


def steps_of(series: DeviceSeries, services: Sequence[Service]) -> Mapping[str, list[ServiceStep]]:
    """Return by parameter its step at each service that has enough readings around it.

    Before and after a short gap a line is drawn through REACH blocks by the median of pairwise slopes (Theil 1950, Sen
    1968), and both are compared in the middle of the gap. Over a longer gap the medians of a whole day and tide are.
    What the same does at moments without a service, with the same gap, is the uncertainty (68 % of them are smaller);
    where readings scatter more about their lines than there, as when a pulse passes, it is as many times larger. People
    lift a sonde before they are done, and water takes its time to settle: where it is rough the two and a half hours
    beside the service are left out too, before it, behind it or both, and the surest step of these counts.
    """
    return {
        parameter: _steps(*_blocks(series.time_us, values), services, series.resolution.get(parameter, 0.0))
        for parameter, values in series.values.items()
    }


def stepped(services: Sequence[Service], steps: Mapping[str, Sequence[ServiceStep]], sure: float) -> list[Service]:
    """Return the services without those that nobody wrote down and of which no parameter stepped so surely.

    A jump of one reading is not yet a step of the hours around it, and each break too many divides an error in two.
    What nobody could measure a step of stays. `sure`: the least step, in uncertainties.
    """
    surest: dict[int, float] = {}
    for step in chain.from_iterable(steps.values()):
        surest[step.service] = max(surest.get(step.service, 0.0), abs(step.amount) / step.sigma)
    return [
        service
        for number, service in enumerate(services)
        if service.trace is ServiceTrace.LOGGED or surest.get(number, sure) >= sure
    ]


def _blocks(time_us: Times, values: Floats) -> tuple[Times, Floats]:
    """Return one median a block, at the time of the block's last reading; blocks without values are left out."""
    finite = np.isfinite(values)
    time_us, values = time_us[finite], values[finite]
    if not len(time_us):
        return time_us, values
    block = (time_us - 1) // BLOCK
    starts = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    if len(starts) == len(values):
        return time_us, values
    ends = np.append(starts[1:], len(values))
    medians = np.array([np.median(values[a:b]) for a, b in zip(starts, ends, strict=True)])
    return time_us[ends - 1], medians


def _steps(time_us: Times, values: Floats, services: Sequence[Service], resolution: float) -> list[ServiceStep]:
    if len(values) < 2 * REACH:
        return []
    breaks = np.array([[service.last_us, service.first_us] for service in services]).reshape(-1, 2)
    found = []
    for number, service in enumerate(services):
        steps = [_step(time_us, values, breaks, (service.last_us, service.first_us), resolution)]
        if steps[0].rougher > 1:
            steps += [_step(time_us, values, breaks, gap, resolution) for gap in _wider(service)]
        surest = min(steps, key=lambda step: step.sigma)
        if np.isfinite(surest.sigma):
            found.append(ServiceStep(number, surest.amount, surest.sigma))
    return found


def _wider(service: Service) -> Iterator[tuple[int, int]]:
    """Yield (last, first) without the readings beside a service: before it, behind it, on both sides."""
    last, first, beside = service.last_us, service.first_us, REACH * BLOCK
    yield from ((last - beside, first), (last, first + beside), (last - beside, first + beside))


class _Step(NamedTuple):
    amount: float
    sigma: float
    """Infinite: there are too few readings."""
    rougher: float
    """How many times more than usual readings scatter about their lines; infinite as well."""


def _step(time_us: Times, values: Floats, breaks: Times, gap: tuple[int, int], resolution: float) -> _Step:
    (amount,), (scatter,) = _compared(time_us, values, np.array([gap]))
    null, usual = _compared(time_us, values, _moments(gap, breaks))
    null, usual = np.abs(null[np.isfinite(null)]), usual[np.isfinite(null)]
    if not np.isfinite(amount) or len(null) < FEWEST_NULL:
        return _Step(float("nan"), float("inf"), float("inf"))
    rougher = max(float(scatter / max(np.percentile(usual, 68), resolution / 2, 1e-9)), 1.0)
    return _Step(float(amount), max(float(np.percentile(null, 68)), resolution / 2, 1e-9) * rougher, rougher)


def _moments(service: tuple[int, int], breaks: Times) -> Times:
    """Return (last, first) of moments around a service with its gap, away from all services."""
    last_us, first_us = service
    gap = first_us - last_us
    season = SEASON + 4 * gap
    every = NULL_EVERY * max(1, round(season / SEASON))
    last = np.arange(last_us - season, last_us + season, every)
    reach = gap + (REACH * BLOCK if gap <= SHORT else DAY)
    away = np.ones(len(last), bool)
    for before, after in breaks:
        away &= (last + reach < before) | (last - reach > after)
    return np.stack([last[away], last[away] + gap], axis=1)


def _compared(time_us: Times, values: Floats, breaks: Times) -> tuple[Floats, Floats]:
    """Return the step at each (last, first), and how far readings scatter about it; NaN: there are too few readings."""
    if not len(breaks):
        return np.empty(0), np.empty(0)
    if breaks[0, 1] - breaks[0, 0] > SHORT:
        return _days(time_us, values, breaks)
    at = np.mean(breaks, axis=1)
    ends = np.searchsorted(time_us, breaks[:, 0], "right")
    begins = np.searchsorted(time_us, breaks[:, 1], "left")
    before = ends[:, None] + np.arange(-REACH, 0)
    after = begins[:, None] + np.arange(REACH)
    (level, scatter), (level_before, scatter_before) = (_line_at(time_us, values, rows, at) for rows in (after, before))
    return level - level_before, np.maximum(scatter, scatter_before)


def _line_at(time_us: Times, values: Floats, rows: npt.NDArray[np.intp], at: Floats) -> tuple[Floats, Floats]:
    """Return the robust line through each row of readings at its time, and their median distance from it.

    NaN where they lie too far from the time.
    """
    level, scatter = np.full((2, len(rows)), np.nan)
    inside = (rows >= 0).all(axis=1) & (rows < len(values)).all(axis=1)
    x, y = (time_us[rows[inside]] - at[inside, None]) / BLOCK, values[rows[inside]]
    i, j = np.triu_indices(rows.shape[1], 1)
    slope = np.median((y[:, j] - y[:, i]) / (x[:, j] - x[:, i]), axis=1)
    near = np.abs(x).max(axis=1) <= 3 * REACH + SHORT / BLOCK
    flat = y - slope[:, None] * x
    level[inside] = np.where(near, np.median(flat, axis=1), np.nan)
    scatter[inside] = np.median(np.abs(flat - level[inside, None]), axis=1)
    return level, scatter


def _days(time_us: Times, values: Floats, breaks: Times) -> tuple[Floats, Floats]:
    amounts = np.full(len(breaks), np.nan)
    for number, (last, first) in enumerate(breaks):
        before = values[slice(*np.searchsorted(time_us, [last - DAY, last], "right"))]
        after = values[slice(*np.searchsorted(time_us, [first - 1, first - 1 + DAY], "right"))]
        if min(len(before), len(after)) * BLOCK > DAY // 2:
            amounts[number] = np.median(after) - np.median(before)
    return amounts, np.zeros(len(breaks))
