"""Services of a device: when it was cleaned, calibrated or changed; given, or found in its data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.series import DeviceSeries, Floats, Mask, Times

MINUTE: Final = 60_000_000
NEAR: Final = 45 * MINUTE
"""So far from the written time of a service its trace in the data may lie, microseconds: people round times."""
CLEARER: Final = 6.0
"""By so much the jumps (in changes around them, summed) at another reading must be stronger than at the one written."""
AROUND: Final = 12
"""With the changes of so many readings on either side a jump is compared."""
JUMP: Final = 3.0
"""So many times the changes around it a jump of two sensors at once must be: work of hands, or a failure."""
LONE_JUMP: Final = 12.0
"""The same where one sensor alone jumps."""
GAP_JUMP: Final = 2.5
"""The same where one sensor jumps while all were absent."""
SENSOR: Final[Mapping[str, str]] = {"salinity": "ec", "tds": "ec", "do_sat": "do"}
"""Parameters that the sensor of another one tells too: together they are one witness."""
NATURE: Final = frozenset({"water_temp", "ec", "turbidity", "water_level"})
"""Rain, melt, mud and fronts move these together within minutes."""
PROBES: Final = frozenset({"ph", "do"})
"""No water changes both in one reading: where both jump, the probes were touched."""
APART: Final = 12 * 60 * MINUTE
"""Services that are found lie at least so far apart, microseconds: the strongest trace counts."""
VISIT: Final = 150 * MINUTE
"""Services of a log that lie nearer than this are one: steps are told by so long on either side."""


HOURS: Final = 2 * 60 * MINUTE
"""People come so long before or after the same time of day, microseconds."""
REGULAR: Final = 5
"""So many traces, and half of all, within these hours tell when people come; by chance a sixth would lie there."""
HOURS_JUMP: Final = 6.0
"""What one sensor must jump at those hours."""
DAY: Final = 24 * 60 * MINUTE


class ServiceTrace(StrEnum):
    """By what a service is known."""

    LOGGED = "logged"
    """People wrote it down, or the station said so."""
    GAP = "gap"
    """Nothing was measured for a while, and what came after stood at another level."""
    PROBES = "probes"
    """pH and oxygen jumped in one moment."""
    HOURS = "hours"
    """Values jumped at the time of day at which most jumps are: people keep hours, nature does not."""
    JUMP = "jump"
    """Values jumped in one moment: a service, a failure, or once in a while nature."""


class Service(NamedTuple):
    """One break in what a device measured: nothing of it is believed between the two times."""

    last_us: int
    """The last reading before, microseconds since 1970, UTC."""
    first_us: int
    """The first reading after."""
    trace: ServiceTrace


class LogEntry(NamedTuple):
    """From when to when somebody was at the device, as it was written down, microseconds since 1970, UTC."""

    from_us: int
    until_us: int


def logged_services(series: DeviceSeries, entries: Iterable[LogEntry]) -> list[Service]:
    """Return the services of a log, each at its trace in the data; ascending.

    Where no reading lies inside an entry and there is no gap, a clearly stronger jump within NEAR of it is taken.
    Entries before the first or behind the last reading are no service of the series. What the data show and nobody
    wrote down is a service too, where it lies APART from all that was written.
    """
    times = series.time_us[_measured(series)]
    found: dict[tuple[int, int], Service] = {}
    strength = np.minimum(list(_jumps(series).values()), 10).sum(axis=0) + _gaps(series) if len(times) > 1 else None
    for entry in entries:
        first = int(np.searchsorted(times, entry.until_us, "right"))
        last = int(np.searchsorted(times, entry.from_us, "right")) - 1
        if strength is None or last < 0 or first >= len(times):
            continue
        if first - last == 1:
            near = np.flatnonzero(np.abs(times - entry.from_us) <= NEAR)
            near = near[near > 0]
            if len(near):
                best = int(near[np.argmax(strength[near])])
                first = best if strength[best] >= strength[first] + CLEARER else first
                last = first - 1
        found[last, first] = Service(int(times[last]), int(times[first]), ServiceTrace.LOGGED)
    logged = _visits([found[key] for key in sorted(found)])
    unwritten = found_services(series, keep_hours=False)
    return sorted([*logged, *(one for one in unwritten if all(_far(one, other) for other in logged))])


def _visits(services: Iterable[Service]) -> list[Service]:
    """Put together services that lie near or overlap: two people, two entries of one day."""
    visits: list[Service] = []
    for service in services:
        if visits and service.last_us - visits[-1].first_us < VISIT:
            visits[-1] = visits[-1]._replace(first_us=max(visits[-1].first_us, service.first_us))
        else:
            visits.append(service)
    return visits


def _far(one: Service, other: Service) -> bool:
    return one.last_us - other.first_us >= APART or other.last_us - one.first_us >= APART


def found_services(series: DeviceSeries, *, keep_hours: bool = True) -> list[Service]:
    """Return breaks that the data themselves show, ascending: jumps of several parameters in the same moment.

    A gap of all parameters with a jump of one counts too. What nature does takes longer than one reading, or shows in
    what it moves together. Where people keep the same hours (`keep_hours`), less is needed at them: for a device of
    which nothing is written down. Most services that move no value by more than nature does remain unfound.
    """
    times = series.time_us[_measured(series)]
    if len(times) < 2 * AROUND:
        return []
    by_sensor = _jumps(series)
    jumps = np.array(list(by_sensor.values()))
    gap = _gaps(series) > 0
    none = np.zeros(len(times), bool)
    probes = np.all([by_sensor.get(sensor, none) >= JUMP for sensor in PROBES], axis=0)
    by_hand = np.any([jump >= JUMP for sensor, jump in by_sensor.items() if sensor not in NATURE] or [none], axis=0)
    many = by_hand & (np.sum(jumps >= JUMP, axis=0) >= 2)
    alone = (np.max(jumps, axis=0) >= GAP_JUMP) & gap
    lone = np.max(jumps, axis=0) >= LONE_JUMP
    strength = np.sum(np.minimum(jumps, 25), axis=0) + 10 * gap + 20 * probes
    clear = many | alone | lone
    traces = times[_strongest(times, np.where(clear, strength, 0))]
    at_hours = _at_hours(times, traces) if keep_hours else none
    by_water = [jump for sensor, jump in by_sensor.items() if sensor not in NATURE or sensor == "ec"]
    usual = at_hours & (np.max(by_water or [none], axis=0) >= HOURS_JUMP)
    kinds = np.select(
        [alone, probes, usual | (at_hours & clear)],
        [ServiceTrace.GAP, ServiceTrace.PROBES, ServiceTrace.HOURS],
        ServiceTrace.JUMP,
    )
    found = _strongest(times, np.where(clear | usual, strength + 20 * usual, 0))
    return [Service(int(times[at - 1]), int(times[at]), ServiceTrace(kinds[at])) for at in found]


def _strongest(times: Times, score: Floats) -> list[int]:
    """Return the places of the strongest traces that lie APART, ascending; a score of 0 is none."""
    found: list[int] = []
    for at in np.argsort(-score, kind="stable"):
        if score[at] <= 0:
            break
        if all(abs(times[at] - times[other]) >= APART for other in found):
            found.append(int(at))
    return sorted(found)


def _at_hours(times: Times, traces: Times) -> Mask:
    """Tell which times lie in the hours at which people come, as the traces tell; none where they come at any hour."""
    nearness = _apart_in_a_day(traces[:, None], traces) <= HOURS
    together = nearness.sum(axis=0)
    if not len(traces) or together.max() < max(REGULAR, len(traces) / 2):
        return np.zeros(len(times), bool)
    return _apart_in_a_day(times, traces[int(np.argmax(together))]) <= HOURS


def _apart_in_a_day(one: Times, other: Times | np.int64) -> Times:
    """Return how far apart times of day are, microseconds, around the clock."""
    apart = np.abs(one - other) % DAY
    return np.asarray(np.minimum(apart, DAY - apart), np.int64)


def _measured(series: DeviceSeries) -> np.ndarray:
    """Where at least one parameter has a value."""
    measured = np.zeros(len(series), bool)
    for values in series.values.values():
        measured |= np.isfinite(values)
    return measured


def _gaps(series: DeviceSeries) -> Floats:
    """Return 3 at each measured time before which a reading of all parameters is missing, else 0."""
    times = series.time_us[_measured(series)]
    return np.where(np.diff(times, prepend=times[:1]) > 1.5e6 * series.interval_s, 3.0, 0.0)


def _jumps(series: DeviceSeries) -> dict[str, Floats]:
    """Return by sensor how many times the changes around it each lasting change is."""
    measured = _measured(series)
    # Over a gap nature goes on: its changes are compared with as many usual ones, of a quarter of a tide at most.
    lasted = np.diff(series.time_us[measured], prepend=series.time_us[measured][:1]) / (1e6 * series.interval_s)
    lasted = np.clip(np.round(lasted), 1, max(1, 3 * 3600 / series.interval_s))
    rows: dict[str, Floats] = {}
    for parameter, values in series.values.items():
        jump = _jump(values[measured], series.resolution.get(parameter, 0.0)) / lasted
        sensor = SENSOR.get(parameter, parameter)
        rows[sensor] = np.maximum(rows.get(sensor, 0.0), jump)
    return rows


def _jump(values: Floats, resolution: float) -> Floats:
    change = np.diff(values, prepend=values[:1])
    size = np.abs(change)
    padded = np.pad(size, AROUND, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1).copy()
    around[:, AROUND] = np.nan
    usual = _percentile(around, 90) + 2 * max(resolution, 1e-9)
    level = np.lib.stride_tricks.sliding_window_view(np.pad(values, (4, 3), constant_values=np.nan), 4)
    before, after = _percentile(level[:-4], 50), _percentile(level[4:], 50)
    stays = np.sign(change) * (after - before)[: len(values)] > 0.6 * size
    return np.where(stays & np.isfinite(usual), size / usual, 0.0)


def _percentile(rows: Floats, share: float) -> Floats:
    """Like `nanpercentile` of each row by its nearest value, NaN for rows without values; without warnings."""
    ordered = np.sort(rows, axis=1)
    number = np.isfinite(ordered).sum(axis=1)
    at = np.minimum((share / 100 * number).astype(int), np.maximum(number - 1, 0))
    return np.where(number > 0, ordered[np.arange(len(ordered)), at], np.nan)
