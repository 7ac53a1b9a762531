"""Hindsight: what the live tests found, looked at over a whole season. Pure.

What it sees: stretches of hours and days in which tests blame most readings, which one act of a person may settle; what
failed, so that nothing else is measured by it; pH and oxygen that disagree, so that of two probes the right one is
believed. What it cannot see: anything that no test found. Single readings, as bursts of turbidity, stay findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality import acidity
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Mask, Times
from quantrac.quality.services import MINUTE
from quantrac.quality.witnesses import Witness
from quantrac.telemetry.quality import Quality

JOINED: Final = 180 * MINUTE
"""Readings that are blamed belong together where they lie no further apart, microseconds."""
FEWEST: Final = 4
"""So many of them at least make a stretch."""
MOSTLY: Final = 0.5
"""Share of its readings that are blamed."""
DAY: Final = 24 * 60 * MINUTE


class RecordedFindings(NamedTuple):
    """What one live test blames of one parameter."""

    test: str
    parameter: str
    time_us: Times
    """Of the readings that are blamed, ascending."""
    flag: Flags
    """SUSPECT or FAIL, a reading."""
    score: Floats
    """1 where a reading becomes suspect; NaN: not known."""


class BlamedStretch(NamedTuple):
    """From the first to the last reading that is blamed, both inclusive, and by how many of all its readings."""

    from_us: int
    until_us: int
    tests: tuple[str, ...]
    blamed: int
    readings: int


def findings_of(series: DeviceSeries, evidence: Iterable[Evidence]) -> list[RecordedFindings]:
    """Return what the tests blame, as they would be stored."""
    found = []
    for one in evidence:
        blamed = np.flatnonzero(one.flag >= Quality.SUSPECT)
        if len(blamed):
            finding = RecordedFindings(
                one.test, one.parameter, series.time_us[blamed], one.flag[blamed], one.score[blamed]
            )
            found.append(finding)
    return found


def without_failed(series: DeviceSeries, findings: Iterable[RecordedFindings]) -> DeviceSeries:
    """Return the series without the readings that failed: a dead sensor is no step of the water."""
    values = {name: column.copy() for name, column in series.values.items()}
    for finding in findings:
        if finding.parameter in values:
            failed = finding.time_us[finding.flag >= Quality.FAIL]
            values[finding.parameter][np.isin(series.time_us, failed)] = np.nan
    return replace(series, values=values)


def blamed_stretches(series: DeviceSeries, parameter: str, findings: Sequence[RecordedFindings]) -> list[BlamedStretch]:
    """Return where tests together blame most readings of a parameter."""
    there = np.isfinite(series.values[parameter])
    own = [finding for finding in findings if finding.parameter == parameter]
    blamed = _at(series, own) & there
    places = np.flatnonzero(blamed)
    if not len(places):
        return []
    apart = max(JOINED, round(1.5e6 * series.interval_s))
    breaks = np.flatnonzero(np.diff(series.time_us[places]) > apart) + 1
    found = []
    for part in np.split(places, breaks):
        readings = int(np.count_nonzero(there[part[0] : part[-1] + 1]))
        if len(part) >= FEWEST and len(part) >= MOSTLY * readings:
            first, last = int(series.time_us[part[0]]), int(series.time_us[part[-1]])
            tests = {one.test for one in own if np.any((one.time_us >= first) & (one.time_us <= last))}
            found.append(BlamedStretch(first, last, tuple(sorted(tests)), len(part), readings))
    return found


def acidity_witnesses(findings: Iterable[RecordedFindings]) -> dict[str, list[Witness]]:
    """Return what pH and oxygen say of each other, by parameter: a witness a stretch in which `ph_oxygen` blames one.

    They are as unsure as the test's limit. Where both probes are in order the test says nothing, and so does this.
    """
    told: dict[str, list[Witness]] = {}
    sizes = {"ph": acidity.HIGH, "do_sat": -acidity.HIGH / acidity.SLOPE}
    for finding in findings:
        if finding.test != acidity.TEST or finding.parameter not in sizes:
            continue
        size, beside = sizes[finding.parameter], "do_sat" if finding.parameter == "ph" else "ph"
        for part in np.split(np.arange(len(finding.time_us)), np.flatnonzero(np.diff(finding.time_us) > DAY) + 1):
            error = size * float(np.median(np.nan_to_num(finding.score[part], nan=1.0)))
            at = int(finding.time_us[part[len(part) // 2]])
            told.setdefault(finding.parameter, []).append(Witness(at, error, abs(size), "companion", beside))
    return told


def _at(series: DeviceSeries, findings: Iterable[RecordedFindings]) -> Mask:
    blamed = np.zeros(len(series), np.bool_)
    for finding in findings:
        blamed |= np.isin(series.time_us, finding.time_us)
    return blamed
