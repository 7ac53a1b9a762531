"""How good the live tests of quality control are, beside experts' flags and beside ioos_qc. Nothing is started.

The folder holds CSV files, plain or gzipped, of one sonde each: `time` (UTC), a column a parameter, and beside it
`<parameter>_flag` that begins with the experts' verdict: `<1>` suspect and `<-3>` rejected are bad, `<-2>` and `<-1>`
no value, all else is good. ioos_qc is no dependency of ours: where it is installed, its tests are fitted on the very
flags that they are scored by, which is more than any user of it can do.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.ioos_reference import best_of_ioos
from ingest.quality import flat, rate, spike
from ingest.quality.history import limits_at, limits_of
from ingest.quality.readings import TestedReadings
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.scores import TestScore
from quantrac.quality.series import DeviceSeries, Flags, Floats, Mask
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

ALIASES = {"depth": "water_level"}
BAD = ("<1>", "<-3>")
NO_VALUE = ("<-2>", "<-1>")
JUDGED = ("water_temp", "salinity", "ec", "do_sat", "do", "ph", "turbidity")


@dataclass(frozen=True, slots=True)
class FlaggedSonde:
    """What a sonde measured, and what experts reject of it."""

    name: str
    series: DeviceSeries
    rejected: Mapping[str, Mask]


def score_of(blamed: Mask, rejected: Mask, value: Floats) -> TestScore:
    """Score what is blamed by what experts reject, where there is a value."""
    there = ~np.isnan(value)
    sets = {"readings": there, "bad": rejected, "flagged": blamed, "hits": blamed & rejected}
    return TestScore.of("", "", **{name: int(np.count_nonzero(one & there)) for name, one in sets.items()})


def printed(score: TestScore) -> str:
    """Write a score; a share of nothing is 0."""
    precision, recall, f1, false = (
        each or 0.0 for each in (score.precision, score.recall, score.f1, score.false_share)
    )
    return f"P {precision:.2f} R {recall:.3f} F1 {f1:.3f} false {100 * false:.2f} %"


def run(folder: Path | None) -> Iterable[str]:
    """Give the lines of all files of a folder."""
    if folder is None:
        yield "name a folder of flagged CSV files: ./dev bench quality --data FOLDER"
        return
    found = 0
    for path in sorted(folder.rglob("*.csv*")):
        sonde = read(path)
        if sonde is None:
            yield f"{path.name}: no parameter with a flag beside it; left out"
            continue
        found += 1
        yield from lines_of(sonde)
    if not found:
        yield f"{folder}: no CSV file with flags"


def read(path: Path) -> FlaggedSonde | None:
    """Read a file; None where no parameter of the catalogue has flags."""
    plain = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = list(csv.DictReader(plain.decode("utf-8").splitlines()))
    columns = [name for name in (rows[0] if rows else {}) if f"{name}_flag" in rows[0]]
    names = {name: ALIASES.get(name, name) for name in columns if ALIASES.get(name, name) in CATALOGUE}
    if not names:
        return None
    times = np.array([row["time"].removesuffix("Z") for row in rows], "datetime64[us]").astype(np.int64)
    values, rejected, resolution = {}, {}, {}
    for column, parameter in names.items():
        flag = [row[f"{column}_flag"] or "" for row in rows]
        value = np.array([float(row[column] or "nan") for row in rows])
        value[[each.startswith(NO_VALUE) for each in flag]] = np.nan
        values[parameter] = value
        resolution[parameter] = 10.0 ** -max(len(row[column].partition(".")[2].rstrip("0")) for row in rows)
        rejected[parameter] = np.array([each.startswith(BAD) for each in flag])
    interval_s = float(np.median(np.diff(times))) / 1e6
    return FlaggedSonde(path.name.split(".")[0], DeviceSeries(times, values, resolution, interval_s), rejected)


def lines_of(sonde: FlaggedSonde) -> Iterator[str]:
    """Give for each parameter the score of every test that blames something, of all together, and of ioos_qc."""
    own = frozenset(sonde.series.values)
    by_parameter: dict[str, dict[str, Mask]] = {name: {} for name in own}
    start = time.perf_counter()
    for test in DEVICE_TESTS.values():
        if test.serves(own):
            for evidence in test.judge(sonde.series):
                by_parameter[evidence.parameter][test.name] = evidence.flag >= Quality.SUSPECT
    rate_s = len(sonde.series) * len(own) / (time.perf_counter() - start)
    yield f"{sonde.name}: {len(sonde.series)} times of {len(own)} parameters, {rate_s:,.0f} readings/s by device tests"
    for name in [each for each in JUDGED if each in own]:
        value, rejected = sonde.series.values[name], sonde.rejected[name]
        tests = channel_tests(sonde.series, name) | by_parameter[name]
        tests["all together"] = np.any(list(tests.values()), axis=0)
        yield f"{sonde.name} {name}: {int(np.count_nonzero(rejected & ~np.isnan(value)))} rejected"
        for title, blamed in tests.items():
            if blamed.any():
                yield f"  {title}: {printed(score_of(blamed, rejected, value))}"
        best = best_of_ioos(sonde.series.time_us, value, partial(score_of, rejected=rejected, value=value))
        yield f"  ioos_qc, fitted on these flags: {'not installed' if best is None else printed(best)}"


def channel_tests(series: DeviceSeries, name: str) -> dict[str, Mask]:
    """Return what the tests of one channel blame: the catalogue's plausible range, spike, flat and rate."""
    return {title: flag >= Quality.SUSPECT for title, flag in channel_flags(series, name).items()}


def channel_flags(series: DeviceSeries, name: str) -> dict[str, Flags]:
    """Return the flags of the tests of one channel."""
    value, parameter = series.values[name], CATALOGUE[name]
    count = len(value)
    readings = TestedReadings(np.zeros(count, np.int32), series.time_us, value, np.full(count, State.OK, np.int16))
    interval = np.full(count, series.interval_s)
    low, high = parameter.plausible
    limits = limits_of(name, limits_at(name, series.resolution.get(name)))
    found = {"plausible": np.where((value < low) | (value > high), Quality.FAIL, Quality.GOOD).astype(np.int8)}
    for title, test, limit in (
        (spike.TEST, spike.spikes, spike.suspect_from(name)),
        (flat.TEST, flat.flat_lines, limits.get(flat.TEST)),
        (rate.TEST, rate.jumps, rate.MOST_AN_HOUR.get(name)),
    ):
        if limit is not None:
            found[title] = test(readings, np.full(count, limit), interval).flag
    return found
