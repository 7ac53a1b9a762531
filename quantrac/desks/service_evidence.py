"""What is on record of a device for the service ledger: readings, works, samples, findings of tests, sensors beside it.

Everything is read with the rights of whoever asks; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np

from quantrac.database.pool import Connection
from quantrac.quality.accuracy import Accuracy
from quantrac.quality.hindsight import RecordedFindings
from quantrac.quality.series import DeviceSeries, Floats, Times
from quantrac.quality.services import LogEntry
from quantrac.quality.witnesses import NEIGHBOURLY, Beside, Kind, Witness, companions_of
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

APART: Final = 3.0
"""A bottle and a sensor differ by so many accuracies of the sensor: they were not at one place in one moment."""
NEAR_KM: Final = 30.0
"""Stations so far apart are asked of each other; how much they are worth, their own readings say."""
NEIGHBOURS: Final = 3
"""So many of the nearest are asked."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

READINGS: Final = """
select (extract(epoch from time) * 1000000)::int8, value from reading
where channel_id = %(channel_id)s and time > %(after)s and time <= %(until)s and state = %(ok)s and value is not null
  and quality_of(state, tests) <> %(fail)s
order by time
"""
WORKS: Final = """
select v.device, v.kind, v.channel, v.before, v.after, v.reference, coalesce(v.arrived_at, v.at),
  coalesce(v.left_at, v.at)
from v_service_visit v join channel c using (station)
where c.channel_id = %(channel_id)s and v.at > %(after)s and v.at <= %(until)s order by v.at
"""
SAMPLES: Final = """
select s.sampled_at, s.value, greatest(coalesce((n.comparison ->> 'around_ms')::float8 / 1000, 900), c.interval_s)
from v_sample s join channel c using (channel) cross join network n
where c.channel_id = %(channel_id)s and s.unit = c.unit and s.sampled_at > %(after)s and s.sampled_at <= %(until)s
  and s.value is not null order by s.sampled_at
"""
FINDINGS: Final = """
select test, (extract(epoch from time) * 1000000)::int8, flag, score from (
  select distinct on (f.time, f.test) f.time, f.test, f.flag, f.score from v_flag f join channel c using (channel)
  where c.channel_id = %(channel_id)s and f.test is not null and f.time > %(after)s and f.time <= %(until)s
  order by f.time, f.test, f.flag_id desc) newest
where flag in (%(suspect)s, %(fail)s) order by test, time
"""
NEIGHBOURING: Final = """
select channel_id, channel from (
  select c.channel_id, c.channel,
    111.2 * sqrt((s.latitude - o.latitude) ^ 2 + ((s.longitude - o.longitude) * cosd(o.latitude)) ^ 2) as km
  from channel c join station s using (station), channel own join station o using (station)
  where own.channel_id = %(channel_id)s and s.station <> o.station and s.active and c.active and not c.derived
    and c.parameter = own.parameter and c.unit = own.unit) near
where km <= %(near_km)s order by km, channel limit %(neighbours)s
"""
BREAKS: Final = ("cleaning", "calibration", "probe_change", "device_change", "repair")
"""Works after which a sensor may read otherwise."""


class RecordedWork(NamedTuple):
    """One work of the field book or of the wire."""

    device: str | None
    kind: str
    channel: str | None
    before: float | None
    after: float | None
    reference: float | None
    arrived: datetime
    left: datetime


@dataclass(frozen=True, slots=True)
class DeviceEvidence:
    """What is on record of one device."""

    series: DeviceSeries
    log: list[LogEntry]
    witnesses: Mapping[str, list[Witness]]
    """Standards and laboratory, by parameter."""
    findings: list[RecordedFindings]
    neighbours: Mapping[str, list[Beside]]

    def beside(self, others: Mapping[str, DeviceSeries]) -> dict[str, list[Beside]]:
        """Return the sensors that measure the same water, by parameter; `others`: of the station, by device."""
        return {
            parameter: [*companions_of(parameter, others), *self.neighbours.get(parameter, ())]
            for parameter in self.series.values
        }


def evidence_of(
    conn: Connection,
    device: str,
    channels: Mapping[str, Sequence[Any]],
    accuracy: Mapping[str, Accuracy],
    asked: Mapping[str, object],
) -> DeviceEvidence:
    """Return what is on record of a device. `channels`: id, channel, …, interval in seconds at 4, by parameter."""
    columns: dict[str, tuple[Times, Floats]] = {}
    witnesses: dict[str, list[Witness]] = {}
    neighbours: dict[str, list[Beside]] = {}
    findings: list[RecordedFindings] = []
    log: list[LogEntry] = []
    for parameter, (channel_id, channel, *_) in channels.items():
        own = {**asked, "channel_id": channel_id}
        columns[parameter] = _readings(conn, own)
        works = [
            work for work in map(RecordedWork._make, conn.execute(WORKS, own)) if work.device in (None, device, "")
        ]
        log = [LogEntry(_us(work.arrived), _us(work.left)) for work in works if work.kind in BREAKS]
        blamed = _findings(conn, parameter, own)
        witnesses[parameter] = [
            *_standards(accuracy[parameter], (work for work in works if work.channel == channel)),
            *_laboratory(
                accuracy[parameter], conn.execute(SAMPLES, own).fetchall(), *_unfailed(columns[parameter], blamed)
            ),
        ]
        findings += blamed
        if parameter in NEIGHBOURLY:
            near = conn.execute(NEIGHBOURING, {**own, "near_km": NEAR_KM, "neighbours": NEIGHBOURS}).fetchall()
            neighbours[parameter] = [
                Beside(name, "neighbour", *_readings(conn, {**asked, "channel_id": other})) for other, name in near
            ]
    series = _series(columns, min(row[4] for row in channels.values()))
    return DeviceEvidence(series, log, witnesses, findings, neighbours)


def _readings(conn: Connection, asked: Mapping[str, object]) -> tuple[Times, Floats]:
    rows = np.array(conn.execute(READINGS, {**asked, "ok": int(State.OK), "fail": int(Quality.FAIL)}).fetchall(), float)
    rows = rows.reshape(-1, 2)
    return rows[:, 0].astype(np.int64), rows[:, 1]


def _findings(conn: Connection, parameter: str, asked: Mapping[str, object]) -> list[RecordedFindings]:
    flags = {"suspect": int(Quality.SUSPECT), "fail": int(Quality.FAIL)}
    found = []
    for test, rows in groupby(conn.execute(FINDINGS, {**asked, **flags}).fetchall(), key=itemgetter(0)):
        times, flag, score = zip(*(row[1:] for row in rows), strict=True)
        blamed = np.array(times, np.int64), np.array(flag, np.int8), np.array(score, float)
        found.append(RecordedFindings(test, parameter, *blamed))
    return found


def _standards(accuracy: Accuracy, works: Iterable[RecordedWork]) -> list[Witness]:
    """Return what the sensor read in standards, before it was set right and after it."""
    found = []
    for work in works:
        if work.reference is not None and work.before is not None:
            found.append(_witness("standard", accuracy, work.arrived, work.before - work.reference, work.reference))
        if work.reference is not None and work.after is not None:
            found.append(_witness("adjusted", accuracy, work.left, work.after - work.reference, work.reference))
    return found


def _unfailed(column: tuple[Times, Floats], findings: Iterable[RecordedFindings]) -> tuple[Times, Floats]:
    time_us, values = column
    kept = np.ones(len(time_us), np.bool_)
    for finding in findings:
        kept &= ~np.isin(time_us, finding.time_us[finding.flag >= Quality.FAIL])
    return time_us[kept], values[kept]


def _laboratory(
    accuracy: Accuracy, samples: Iterable[tuple[datetime, float, float]], time_us: Times, values: Floats
) -> Iterator[Witness]:
    """Yield a witness a sample, from the raw readings around it.

    Also from those that a person calls suspect or has corrected: what a sample said of them is why.
    """
    for taken, value, around_s in samples:
        around = timedelta(seconds=around_s)
        beside = values[slice(*np.searchsorted(time_us, [_us(taken - around), _us(taken + around)], "right"))]
        if len(beside):
            yield _witness("laboratory", accuracy, taken, float(np.mean(beside)) - value, value, APART)


def _witness(kind: Kind, accuracy: Accuracy, at: datetime, error: float, level: float, unsure: float = 1) -> Witness:
    sigma = unsure * float(accuracy.allowed(np.asarray(level)))
    return Witness(_us(at), error, sigma, kind)


def _series(columns: Mapping[str, tuple[Times, Floats]], interval_s: float) -> DeviceSeries:
    times = np.unique(np.concatenate([time_us for time_us, _ in columns.values()]))
    values = {}
    for parameter, (time_us, measured) in columns.items():
        values[parameter] = np.full(len(times), np.nan)
        values[parameter][np.searchsorted(times, time_us)] = measured
    return DeviceSeries(times, values, {}, interval_s)


def _us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND
