"""Frozen values: readings that repeat for longer than chance explains, of one sensor or of the whole device. Pure.

What it sees: a stuck sensor, and a device whose buffer repeats its last record, long before the flat-line test does, on
instruments whose steps are finer than what the water does. What it cannot see: a stuck sensor of a coarse instrument.
A calm stretch at a coarse resolution repeats by itself: an instrument whose steps are known to be coarse accuses
nobody; of others, how often a value repeats at its stillest in the week before says how much a run is worth. Nor does
one accuse that rests at its lowest: fresh water after rain, no oxygen, ice, a gauge that has fallen dry; nor one of
little more than nothing.

Source: the probability of a run of repeats, p^n; after the persistence test of meteorological networks (WMO-No. 8,
Guide to Instruments and Methods of Observation). The limits are ours.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.accuracy import CLASSES, coarseness
from quantrac.quality.past import REACH_S, Blocks, Places, first_within, mean_within, steps
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Mask, Times
from quantrac.telemetry.parameters import AIR, WATER
from quantrac.telemetry.quality import Quality

TEST: Final = "frozen"
STILL_S: Final = 3 * 3600.0
"""Over so long the share of repeats is taken, seconds."""
LONGEST_S: Final = 48 * 3600.0
"""So far back a run is followed, seconds."""
BACK_S: Final = REACH_S + LONGEST_S
STILLEST: Final = 0.9
"""Share of the week's blocks that repeat no more than what a run is measured by."""
FINEST: Final = 0.02
"""A value repeats at least so often by chance, however fine its steps."""
DECADES: Final = 8.0
"""A run that chance brings once in so many powers of ten is suspect; in twice as many it fails."""
APART_S: Final = 24 * 3600.0
"""A value repeats one that is no older, seconds."""
SENSORS: Final = 3
"""A device has a buffer to freeze where so many parameters repeat together."""
REPEATS: Final = 2
"""One repeat of everything is a record that was read twice."""
CALM_BY_NATURE: Final = frozenset({"rain", "solar", "wind_speed", "wind_dir", "humidity", "vn_aqi", "vn_wqi"})
"""These stand still by themselves for days: no rain, night, calm, fog."""
NOTHING: Final = {name: CLASSES[name].absolute for name in ("do", "do_sat", "salinity")} | {"flow": 0.0}
"""Up to this a sensor in order may read where there is nothing, in the parameter's unit."""
JUDGED: Final = frozenset(parameter.id for parameter in (*WATER, *AIR)) - CALM_BY_NATURE


def frozen(series: DeviceSeries) -> list[Evidence]:
    """Judge each parameter, and the device where all its parameters repeat at once."""
    names = [name for name in series.values if name in JUDGED]
    blocks = Blocks.of(series.time_us)
    since = first_within(series.time_us, LONGEST_S)
    recent = first_within(series.time_us, STILL_S)
    repeats = {name: _repeats(series.time_us, series.values[name]) for name in names}
    worth = {
        name: np.zeros(len(series))
        if coarseness(name, series.resolution.get(name)) > 1
        else _worth(blocks, repeats[name], recent)
        for name in names
    }
    # A device that measures more often than in the week before repeats more often by chance, too.
    usual_step = blocks.usual(blocks.quantile(steps(series.time_us), 0.5), STILLEST)
    together = _device(repeats, worth, since, series.time_us, usual_step)
    found = []
    for name in names:
        run, start = _run(repeats[name], since)
        counted = _counted(run, start, series.time_us, usual_step)
        alone = np.where(_at_the_floor(name, blocks, series.values[name]), 0.0, counted * worth[name])
        decades = np.fmax(alone, together)
        flag = _flags(decades, series.values[name])
        about: dict[str, Floats] = {"repeats": run}
        found.append(Evidence(TEST, name, flag, decades / DECADES, about))
    return found


def _flags(decades: Floats, value: Floats) -> Flags:
    flag = np.full(len(value), Quality.NOT_EVALUATED, np.int8)
    judged = ~np.isnan(decades) & ~np.isnan(value)
    found = np.select([decades >= 2 * DECADES, decades >= DECADES], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD)
    flag[judged] = found[judged]
    return flag


def _repeats(time_us: Times, value: Floats) -> Floats:
    """Tell of each value whether it repeats the one before: 1 or 0; NaN where there is none, or none before it.

    A parameter may come less often than others of its device, which have the times between for themselves.
    """
    there = np.flatnonzero(~np.isnan(value))
    own = np.where(np.diff(time_us[there]) <= APART_S * 1e6, np.diff(value[there]) == 0, np.nan)
    repeats = np.full(len(value), np.nan)
    repeats[there[1:]] = own
    return repeats


def _worth(blocks: Blocks, repeats: Floats, recent: Places) -> Floats:
    """Return for each reading how many powers of ten less likely one repeat more makes a run; NaN: not known."""
    share = mean_within(repeats, recent, np.arange(1, len(repeats) + 1))
    usual = blocks.usual(blocks.quantile(share, 1.0), STILLEST)
    return -np.log10(np.clip(usual, FINEST, 1.0))


def _at_the_floor(name: str, blocks: Blocks, value: Floats) -> Mask:
    """Tell where a value is no higher than any of the week before, or nearly nothing: nature may hold it there."""
    return (value <= blocks.usual(blocks.quantile(value, 0.0), 0.0)) | (np.abs(value) <= NOTHING.get(name, -1.0))


def _run(repeats: Floats, since: Places) -> tuple[Floats, Places]:
    """Return for each reading how many up to it repeat, of those that are followed, and the place where that begins."""
    begins = np.where(repeats == 0, np.arange(len(repeats)), 0)
    start = np.maximum(np.maximum.accumulate(begins), since)
    count = np.cumsum(repeats == 1)
    return (count - count[start]).astype(np.float64), start


def _counted(run: Floats, start: Places, time_us: Times, usual_step: Floats) -> Floats:
    """Return how many repeats a run has, or would have at the usual time between readings, if those are fewer."""
    return np.fmin(run, (time_us - time_us[start]) / usual_step)


def _device(
    repeats: dict[str, Floats], worth: dict[str, Floats], since: Places, time_us: Times, usual_step: Floats
) -> Floats:
    """Return the powers of ten against all parameters of a device repeating at once by chance; NaN: not judged."""
    if len(repeats) < SENSORS:
        return np.full(len(since), np.nan)
    each = np.array(list(repeats.values()))
    given = np.count_nonzero(~np.isnan(each), axis=0)
    moved, enough = (each == 0).any(axis=0), given >= SENSORS
    all_repeat = np.select([moved, enough], [0.0, 1.0], np.nan)
    known = np.where(np.isnan(each), np.nan, np.array(list(worth.values())))
    # Parameters of one calm hour rest together: only the finer half counts as independent.
    finest = np.cumsum(-np.sort(-np.nan_to_num(known), axis=0), axis=0)
    finer = finest[(np.maximum(given, 1) - 1) // 2, np.arange(len(since))]
    run, start = _run(all_repeat, since)
    counted = _counted(run, start, time_us, usual_step)
    return np.where(counted >= REPEATS, counted, 0) * np.where(np.isnan(known).all(axis=0), np.nan, finer)
