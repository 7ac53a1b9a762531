"""The service ledger on recorded stations: its proposals beside experts' flags, its drifts beside what people measured.

The recordings lie in a folder that is named, none belongs to the project. A file `*.csv.gz` there is a station, and a
folder with such files is one too: `time` (UTC), then by parameter its value, `<parameter>_flag` (`<0>` good, `<1>`
suspect, `<-3>` rejected, `<5>` corrected) and, where there is one, `<parameter>_corrected`. Beside them in a folder may
lie `*services*.csv`, a deployment a line with readings in standards afterwards, and `*drift*.csv`, the corrections that
technicians made: channel, start, end, gap.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.quality_scores import channel_flags, printed, score_of
from quantrac.quality.accuracy import CLASSES
from quantrac.quality.device_tests import judge
from quantrac.quality.hindsight import RecordedFindings, findings_of, without_failed
from quantrac.quality.proposals import Proposal, ProposalKind, proposals_of
from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.quality.services import LogEntry, found_services, logged_services
from quantrac.quality.witnesses import Witness

Bools = npt.NDArray[np.bool_]
YEAR_S: Final = 365.25 * 86400
TOGETHER: Final = ("water_temp", "ec", "ph", "do", "do_sat", "turbidity")
"""Salinity and depth are left out of the sum, and oxygen in mg/l beside saturation: experts flag them because of
conductivity."""
HOUR_US: Final = 3600 * 1_000_000
NEAR_US: Final = 6 * 3600 * 1_000_000
"""A correction and a proposal are of one deployment if their ends lie so near, microseconds."""
STANDARDS: Final[Mapping[str, tuple[str, str | float, bool]]] = {
    "ec": ("spcond_10", 10.0, True),
    "do_sat": ("do_read", "do_expected", False),
    "ph": ("ph_7", 7.0, False),
    "turbidity": ("turb_0", 0.0, False),
}
"""By parameter the column of the reading in a standard, what was expected, and whether the error is a share of it."""


class Gap(NamedTuple):
    """What people say is to be added at the end of a deployment."""

    parameter: str
    end_us: int
    gap: float


@dataclass(frozen=True)
class Recording:
    """One station."""

    name: str
    table: pd.DataFrame
    measured: Mapping[str, Floats]
    """The known parameters of the table."""
    series: DeviceSeries
    services: pd.DataFrame | None
    drifts: pd.DataFrame | None


def run(folder: Path) -> Iterator[str]:
    """Yield a line a figure. Raises FileNotFoundError where the folder holds no recording."""
    found = [recording for recording in map(_recording, _sources(folder)) if recording.measured]
    if not found:
        raise FileNotFoundError(f"{folder}: found no *.csv.gz with a column `time` and a known parameter")
    for recording in found:
        log, measured = _log(recording), _measured_drifts(recording)
        yield from _lines(recording, "services found in the data", None, {})
        if log is not None:
            yield from _lines(recording, "services of the log", log, {})
            yield from _found_line(recording, log)
        if measured:
            yield from _lines(recording, "services of the log, and standards", log, _witnesses(recording, measured))


def _lines(
    recording: Recording, mode: str, log: list[LogEntry] | None, witnesses: Mapping[str, list[Witness]]
) -> Iterator[str]:
    started = time.perf_counter()
    findings = _findings(recording.series)
    proposals = proposals_of(recording.series, log, witnesses, findings=findings)
    took = time.perf_counter() - started
    years = float(recording.series.time_us[-1] - recording.series.time_us[0]) / 1e6 / YEAR_S
    yield f"{recording.name}, {mode}: {took / years:.1f} s a station-year, {len(proposals) / years:.0f} proposals"
    yield from _flag_lines(recording, proposals, findings, log)
    if not witnesses:
        yield from _drift_lines(recording, proposals)


def _findings(series: DeviceSeries) -> list[RecordedFindings]:
    """Return what all live tests blame, as the database would have it."""
    found = findings_of(series, judge(series))
    unknown = np.full(len(series), np.nan)
    return found + findings_of(
        series,
        (
            Evidence(test, parameter, flag, unknown, {})
            for parameter in [*series.values]  # noqa: PD011 - a mapping, no frame
            for test, flag in channel_flags(series, parameter).items()
        ),
    )


def _found_line(recording: Recording, log: Sequence[LogEntry]) -> Iterator[str]:
    """Yield how many services are found in the data, and how many of them people wrote down."""
    series = without_failed(recording.series, _findings(recording.series))
    found = [service.first_us for service in found_services(series)]
    written = np.array([entry.from_us for entry in log])
    right = sum(bool(np.abs(written - at).min() <= HOUR_US) for at in found)
    yield f"{recording.name}: {len(found)} services found, {right} of them among the {len(written)} of the log"


def _witnesses(recording: Recording, measured: Sequence[Gap]) -> dict[str, list[Witness]]:
    """Return what standards said, as the ledger takes it: as sure as the sensor itself."""
    found: dict[str, list[Witness]] = {}
    for parameter, end_us, gap in measured:
        at = int(np.searchsorted(recording.series.time_us, end_us, "right")) - 1
        sigma = float(np.nanmedian(CLASSES[parameter].allowed(recording.measured[parameter])))
        witness = Witness(int(recording.series.time_us[at]), -gap, sigma, "standard")
        found.setdefault(parameter, []).append(witness)
    return found


def _sources(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    for file in sorted(folder.glob("*.csv.gz")):
        yield file.name.removesuffix(".csv.gz"), [file]
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if files := sorted(inner.glob("*.csv.gz")):
            yield inner.name, files


def _recording(source: tuple[str, list[Path]]) -> Recording:
    name, files = source
    table = pd.concat([pd.read_csv(file, low_memory=False) for file in files])
    table["time"] = pd.to_datetime(table["time"], utc=True)
    table = table.drop_duplicates("time").sort_values("time").reset_index(drop=True)
    times = _microseconds(table["time"])
    values = {name: table[name].to_numpy(float) for name in CLASSES if name in table}
    steps = {name: _resolution(measured) for name, measured in values.items()}
    interval = float(np.median(np.diff(times))) / 1e6
    beside = files[0].parent if len({file.parent for file in files}) == 1 else None
    return Recording(name, table, values, DeviceSeries(times, values, steps, interval),
                     _beside(beside, "*services*.csv"), _beside(beside, "*drift*.csv"))  # fmt: skip


def _beside(folder: Path | None, pattern: str) -> pd.DataFrame | None:
    files = sorted(folder.glob(pattern)) if folder else []
    return pd.read_csv(files[0]) if files else None


def _microseconds(times: pd.Series) -> npt.NDArray[np.int64]:
    return times.to_numpy("datetime64[us]").astype(np.int64)


def _resolution(values: npt.NDArray[np.float64]) -> float:
    changes = np.abs(np.diff(values[np.isfinite(values)]))
    changes = changes[changes > 1e-9]
    return float(np.percentile(changes, 1)) if len(changes) else 0.0


def _log(recording: Recording) -> list[LogEntry] | None:
    """Return when people were there: at the ends of deployments, or of the corrections that they drew."""
    written: list[pd.Series] = []
    if recording.services is not None:
        written = [recording.services["retrieved"]]
    elif recording.drifts is not None:
        written = [recording.drifts["start"], recording.drifts["end"]]
    if not written:
        return None
    at = sorted(set(_microseconds(pd.to_datetime(pd.concat(written), utc=True)).tolist()))
    return [LogEntry(t, t) for t in at]


def _flag_lines(
    recording: Recording,
    proposals: Sequence[Proposal],
    findings: Sequence[RecordedFindings],
    log: list[LogEntry] | None,
) -> Iterator[str]:
    times = recording.series.time_us
    both: list[tuple[Bools, ...]] = []
    services = found_services(recording.series) if log is None else logged_services(recording.series, log)
    number = np.searchsorted([service.first_us for service in services], times, "right")
    for parameter, values in recording.measured.items():
        if f"{parameter}_flag" not in recording.table:
            continue
        bad, judged = _truth(recording, parameter)
        judged &= np.isfinite(values)
        flagged = np.zeros(len(times), bool)
        for proposal in proposals:
            if proposal.kind is ProposalKind.FLAG and proposal.parameter == parameter:
                flagged |= (times >= proposal.from_us) & (times <= proposal.until_us)
        blamed = flagged.copy()
        for finding in findings:
            blamed |= np.isin(times, finding.time_us) if finding.parameter == parameter else False
        told = flagged[judged], blamed[judged], _perfect(bad[judged], number[judged]), bad[judged]
        yield f"  {parameter:<11} {_scored(*told)}"
        if parameter in TOGETHER and not (parameter == "do" and "do_sat" in recording.measured):
            both.append(told)
    if both:
        yield f"  {'together':<11} {_scored(*(np.concatenate(column) for column in zip(*both, strict=True)))}"


def _truth(recording: Recording, parameter: str) -> tuple[Bools, Bools]:
    """Return which readings are bad, and which anybody has judged.

    A corrected reading counts as bad where it was corrected by more than a sensor in order may be wrong.
    """
    code = recording.table[f"{parameter}_flag"].astype(str).str.extract(r"<(-?\d+)>")[0]
    bad = code.isin(["1", "-3"]).to_numpy()
    if f"{parameter}_corrected" in recording.table:
        raw = recording.table[parameter].to_numpy(float)
        moved = np.abs(recording.table[f"{parameter}_corrected"].to_numpy(float) - raw)
        bad = bad | ((code == "5").to_numpy() & (moved > CLASSES[parameter].allowed(raw)))
    return bad, code.isin(["0", "1", "-3", "5"]).to_numpy(copy=True)


def _perfect(bad: Bools, number: npt.NDArray[np.int64]) -> Bools:
    """Return what a ledger would flag that knew the experts' flags, but flags ends of deployments only."""
    gain = np.where(bad, 1, -1)
    best = np.zeros(len(bad), bool)
    for deployment in np.unique(number):
        inside = np.flatnonzero(number == deployment)
        worth = np.cumsum(gain[inside][::-1])
        if worth.max() > 0:
            best[inside[len(inside) - 1 - int(np.argmax(worth)) :]] = True
    return best


def _scored(flagged: Bools, with_findings: Bools, perfect: Bools, bad: Bools) -> str:
    there = np.zeros(len(bad))
    beside = (f"{name} F1 {score_of(blamed, bad, there).f1 or 0:.2f}" for name, blamed in (
        ("with findings", with_findings), ("perfect ledger", perfect)))  # fmt: skip
    return f"{printed(score_of(flagged, bad, there))}, {', '.join(beside)} (experts' share {bad.mean():.1%})"


def _drift_lines(recording: Recording, proposals: Sequence[Proposal]) -> Iterator[str]:
    wanted = [*_measured_drifts(recording), *_drawn_drifts(recording)]
    for parameter in sorted({row[0] for row in wanted}):
        rows = [(end, gap) for name, end, gap in wanted if name == parameter]
        drifts = [p for p in proposals if p.kind is ProposalKind.DRIFT and p.parameter == parameter]
        ours = np.array([_proposed_gap(drifts, end) for end, _ in rows])
        theirs = np.array([gap for _, gap in rows])
        allowed = float(np.nanmedian(CLASSES[parameter].allowed(recording.measured[parameter])))
        apart, untouched = np.abs(ours - theirs), np.abs(theirs)
        yield (
            f"  {parameter:<11} corrections {len(rows)}, proposed {int((ours != 0).sum())}: median error"
            f" {np.median(apart):.3g} (without any {np.median(untouched):.3g}), mean {np.mean(apart):.3g}"
            f" ({np.mean(untouched):.3g}); within accuracy ({allowed:.3g}) {np.mean(apart <= allowed):.0%}"
            f" ({np.mean(untouched <= allowed):.0%})"
        )


def _proposed_gap(drifts: Sequence[Proposal], end_us: int) -> float:
    near = [drift for drift in drifts if abs(drift.until_us - end_us) <= NEAR_US]
    return min(near, key=lambda drift: abs(drift.until_us - end_us)).gap if near else 0.0


def _measured_drifts(recording: Recording) -> list[Gap]:
    """Return the gaps that the readings in standards afterwards speak for."""
    services, found = recording.services, list[Gap]()
    if services is None:
        return found
    ends = _microseconds(pd.to_datetime(services["retrieved"], utc=True))
    for parameter, (read, expected, as_share) in STANDARDS.items():
        if read not in services or parameter not in recording.measured:
            continue
        wanted = services[expected] if isinstance(expected, str) else expected
        errors = (services[read] - wanted).to_numpy(float)
        for end, error in zip(ends, errors, strict=True):
            at = int(np.searchsorted(recording.series.time_us, end, "right"))
            if np.isfinite(error) and 0 < at < len(recording.series.time_us):
                level = float(np.nanmedian(recording.measured[parameter][max(at - 96, 0) : at]))
                found.append(Gap(parameter, int(end), -error / float(expected) * level if as_share else -error))
    return found


def _drawn_drifts(recording: Recording) -> list[Gap]:
    """Return the gaps of the corrections that technicians drew."""
    if recording.drifts is None:
        return []
    ends = _microseconds(pd.to_datetime(recording.drifts["end"], utc=True))
    drawn = zip(recording.drifts["channel"], ends, recording.drifts["gap"], strict=True)
    return [Gap(name, int(end), float(gap)) for name, end, gap in drawn if name in recording.measured]
