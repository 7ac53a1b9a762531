"""How good each live test of quality control is beside experts' flags. Nothing is started.

The folder holds CSV files, plain or gzipped, of one sonde each: `time` (UTC), a column a parameter, and beside it
`<parameter>_flag` that begins with the experts' verdict: `<1>` suspect and `<-3>` rejected are bad, `<-2>` and `<-1>`
no value, all else is good.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ingest.quality import flat
from ingest.quality.history import TESTS, limits_at, limits_of
from ingest.quality.readings import TestedReadings
from quantrac.quality import supersaturation
from quantrac.quality.accuracy import resting_up_to
from quantrac.quality.device_tests import judge
from quantrac.quality.scores import TestScore
from quantrac.quality.series import DeviceSeries, Flags, Floats, Mask, Times
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

ALIASES = {"depth": "water_level"}
BAD = ("<1>", "<-3>")
NO_VALUE = ("<-2>", "<-1>")
JUDGED = ("water_temp", "salinity", "ec", "do_sat", "do", "ph", "turbidity")


@dataclass(frozen=True)
class FlaggedSonde:
    """What a sonde measured, and what experts reject of it."""

    name: str
    series: DeviceSeries
    rejected: Mapping[str, Mask]
    height_m: float = 0.0
    """Above the sea: what a network says by the setting of `supersaturated`."""

    @cached_property
    def blamed(self) -> dict[str, dict[str, Mask]]:
        """What each test blames, by parameter and test: those of one channel, and those of the device."""
        blamed = {name: channel_tests(self.series, name) for name in JUDGED if name in self.series.values}
        for evidence in judge(self.series):
            if evidence.parameter in blamed:
                is_blamed = evidence.flag >= Quality.SUSPECT
                if evidence.test == supersaturation.TEST:
                    is_blamed = np.nan_to_num(evidence.score) >= pressure_share(self.height_m)
                blamed[evidence.parameter][evidence.test] = is_blamed
        return blamed


def pressure_share(height_m: float) -> float:
    """Return the share of the sea level's air pressure at a height (International Standard Atmosphere, ISO 2533)."""
    return float((1 - 2.25577e-5 * height_m) ** 5.25588)


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


def read(path: Path, heights: Mapping[str, float] | None = None) -> FlaggedSonde | None:
    """Read a file; None where no parameter of the catalogue has flags. `heights` above the sea by name, metres."""
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
    name = path.name.split(".")[0]
    series = DeviceSeries(times, values, resolution, interval_s)
    return FlaggedSonde(name, series, rejected, (heights or {}).get(name, 0.0))


def lines_of(sonde: FlaggedSonde) -> Iterator[str]:
    """Give for each parameter the score of every test that blames something, and of all together."""
    own, start = len(sonde.series.values), time.process_time()
    parameters = sonde.blamed
    rate_s = len(sonde.series) * own / (time.process_time() - start)
    yield f"{sonde.name}: {len(sonde.series)} times of {own} parameters: {rate_s:,.0f} readings/s of a core"
    for name, tests in parameters.items():
        value, rejected = sonde.series.values[name], sonde.rejected[name]
        yield f"{sonde.name} {name}: {int(np.count_nonzero(rejected & ~np.isnan(value)))} rejected"
        for title, blamed in (tests | {"all together": any_of(tests)}).items():
            if blamed.any():
                yield f"  {title}: {printed(score_of(blamed, rejected, value))}"


def any_of(blamed: Mapping[str, Mask]) -> Mask:
    """Return what at least one test blames."""
    return np.asarray(np.logical_or.reduce(list(blamed.values())), np.bool_)


def channel_tests(series: DeviceSeries, name: str) -> dict[str, Mask]:
    """Return what the tests of one channel blame: the catalogue's plausible range, spike, flat and rate."""
    return {title: flag >= Quality.SUSPECT for title, flag in channel_flags(series, name).items()}


def channel_flags(series: DeviceSeries, name: str, own: Mapping[str, float] | None = None) -> dict[str, Flags]:
    """Return the flags of the tests of one channel; `own`: its limits by test where they are not the usual ones."""
    value, parameter = series.values[name], CATALOGUE[name]
    count = len(value)
    readings, interval = tested_readings(series.time_us, value), np.full(count, series.interval_s)
    low, high = parameter.plausible
    limits = limits_of(name, limits_at(name, series.resolution.get(name)) | dict(own or {}))
    found = {"plausible": np.where((value < low) | (value > high), Quality.FAIL, Quality.GOOD).astype(np.int8)}
    for title, limit in limits.items():
        found[title] = TESTS[title].judge(readings, np.full(count, limit), interval).flag
    if flat.TEST in found:
        found[flat.TEST][value <= resting_up_to(name, series.resolution.get(name))] = Quality.GOOD
    return found


def tested_readings(time_us: Times, value: Floats) -> TestedReadings:
    """Return readings of one channel that the device vouches for."""
    count = len(value)
    return TestedReadings(np.zeros(count, np.int32), time_us, value, np.full(count, State.OK, np.int16))
