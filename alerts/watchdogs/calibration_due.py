"""Watches calibrations that are due: the alarm of rule `calibration-due`, one a device. Run by the jobs' clock.

It stands at the device's first channel, rises when the interval of the station file is over, gets one severity worse
when it has been over for `calibrations.overdue`, and ends with the event that records the calibration. What is out of
service is not reminded of. Nobody is woken for it (`RuleTexts.by_day`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.standing_subjects import told_after
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Calibrations
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

RULE: Final = "calibration-due"


class Stage(StrEnum):
    """How late a calibration is; the level of the alarm."""

    DUE = "due"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A device with an interval, as its last calibration and its alarm are now."""

    station: str
    device: str
    channel_id: int
    """Where its alarm stands: at its first channel."""
    last_at: datetime | None
    """The last calibration on record."""
    due_at: datetime | None
    """None: the station has not sent any event yet, so nothing is known."""
    every: timedelta
    """Its interval."""
    is_out: bool
    """It, or its station, is out of service."""
    alarm: Stage | None
    """The level of its standing alarm."""

    def is_due_by(self, every_ms: int | None, now: datetime) -> bool:
        """Whether it is due if its interval is so long; None: not known."""
        if self.due_at is None or every_ms is None:
            return False
        return now >= self.due_at - self.every + timedelta(milliseconds=every_ms)


def stage(device: Calibrated, overdue: timedelta, now: datetime) -> Stage | None:
    """Return how late the calibration of a device is; None: it is not due. Pure."""
    if device.due_at is None or now < device.due_at:
        return None
    return Stage.OVERDUE if now >= device.due_at + overdue else Stage.DUE


def wanted(device: Calibrated, overdue: timedelta, now: datetime) -> Stage | None:
    """Return the level at which the alarm of a device must stand; out of service only its end counts. Pure."""
    found = stage(device, overdue, now)
    return device.alarm if device.is_out and found is not None else found


DEVICES: Final = """
select c.station, c.device, coalesce(standing.channel_id, first.channel_id), c.last_at, c.due_at,
       make_interval(secs => c.every_s),
       exists (select from out_of_service o where o.station = c.station and o.ended_at is null and o.since <= %(now)s
               and o.until > %(now)s and coalesce(o.device, c.device) = c.device),
       standing.level
from v_calibration c join station s using (station)
cross join lateral (select s.config #> array['devices', c.device, 'channels'] as channels) has
cross join lateral (
  select min(ch.channel_id) as channel_id from channel ch
  where ch.station = c.station and ch.active and has.channels ? ch.name) first
left join lateral (
  select a.channel_id, a.level from alarm a join channel ch using (channel_id)
  where a.rule = %(rule)s and a.station = c.station and a.cleared_at is null and not a.late and has.channels ? ch.name
  order by a.alarm_id limit 1) standing on true
where coalesce(standing.channel_id, first.channel_id) is not null
order by c.station, c.device
"""


def check_calibrations(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise, worsen and clear the alarms of calibrations, tell people, return what changed; one transaction.

    `network.yaml` says whom and when it is overdue (`calibrations`). Without it nothing is raised and what stands ends,
    as it does for a device whose interval was taken from its station file.
    """
    plan = network.settings.calibrations
    with conn.transaction():
        look = Look() if plan is None else _look(_devices(conn, now), plan, told_after(conn, RULE), network.zone, now)
        return list(settle(conn, network, [RULE], look, now).values())


def _look(
    devices: Iterable[Calibrated], plan: Calibrations, told: Mapping[Subject, int], zone: ZoneInfo, now: datetime
) -> Look:
    """Return what must stand; `told`: the interval, in ms, that was over when people were told."""
    wanted_now, calibrated, spared = [], {}, {}
    for device in devices:
        subject = Subject(RULE, device.station, device.channel_id)
        calibrated[subject] = device.last_at
        level = wanted(device, timedelta(milliseconds=plan.overdue_ms), now)
        if level is not None:
            severity = plan.severity
            after_ms = device.every // timedelta(milliseconds=1)
            mark = Mark(level.value, severity if level is Stage.DUE else Severity(severity + 1), after_ms=after_ms)
            wanted_now.append(WantedAlarm(subject, mark, texts_of(device, level, zone), plan.to))
        elif device.is_due_by(told.get(subject), now):
            spared[subject] = EndCause.TERM_CHANGED
    return Look(wanted_now, calibrated, spared)


def _devices(conn: Connection, now: datetime) -> Iterator[Calibrated]:
    for station, device, channel_id, last_at, due_at, every, is_out, level in conn.execute(
        DEVICES, {"now": now, "rule": RULE}
    ).fetchall():
        alarm = None if level is None else Stage(level)
        yield Calibrated(station, device, channel_id, last_at, due_at, every, is_out, alarm)


def texts_of(device: Calibrated, level: Stage, zone: ZoneInfo) -> RuleTexts:
    """Return what people read of a device whose calibration is due or overdue."""
    name, due, last = device.device, _day(device.due_at, zone), _day(device.last_at, zone)
    late_vi, late_en = ("Quá", "overdue") if level is Stage.OVERDUE else ("Đến", "due")
    order = f"quantrac edge maint --device {name} --for 30m --cal"
    plain = "qua" if level is Stage.OVERDUE else "den"
    return RuleTexts(
        title=Words(f"{late_vi} hạn hiệu chuẩn {name}", f"Calibration of {name} is {late_en}"),
        cause=Words(
            f"Hạn: {due}; lần gần nhất: {last or 'chưa ghi nhận lần nào'}",
            f"Due on {due}; last calibrated: {last or 'none on record'}",
        ),
        consequence=Words("Số liệu có thể trôi dần", "Its readings may drift"),
        response=Words(f"Hiệu chuẩn rồi ghi nhận: {order}", f"Calibrate it, then say so: {order}"),
        sms=Words(
            f"{{station}}: {name} {plain} han hieu chuan ({due}). Hieu chuan xong ghi nhan bang edge maint --cal.",
            f"{{station}}: calibration of {name} is {late_en} ({due}). Calibrate, then record it: edge maint --cal.",
        ),
        sms_cleared=Words(
            f"{{station}}: {name} da hieu chuan xong. {{time}}",
            f"{{station}}: calibration of {name} is done. {{time}}",
        ),
        by_day=True,
    )


def _day(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else f"{moment.astimezone(zone):%d/%m/%Y}"
