"""Announces a decision: history and messages of an alarm, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, OnRecord, Recorded, Subject
from alerts.alarm.records import clear_alarm, reach_level
from alerts.evaluating.evaluation import Decision, DecisionKind
from alerts.evaluating.reading_window import instant
from alerts.evaluating.readings import hour_before
from alerts.evaluating.suspicion import suspicion_of
from alerts.rules.rule import ChannelRule, MeasureKind
from alerts.rules.trend import trend_of
from alerts.telling.address_book import AddressBook
from alerts.telling.messages import Audience, Figures, tell
from alerts.telling.pictures import want_pictures
from alerts.telling.routes import Routing
from quantrac.database.pool import Connection
from quantrac.observe import metrics
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality

EVENTS: Final = metrics.counter("quantrac_alerts_events_total", "Changes of alarms recorded.", ["event"])


@dataclass(frozen=True, slots=True)
class Event:
    """A decision and what it is about."""

    rule: ChannelRule
    channel_id: int | None
    """None: the station as a whole."""
    decision: Decision

    @property
    def subject(self) -> Subject:
        """The alarm's key."""
        return Subject(self.rule.rule, self.rule.station, self.channel_id, self.rule.story)


def announce(conn: Connection, event: Event, routing: Routing, now: datetime, book: AddressBook | None = None) -> None:
    """Record a decision, queue the messages about it, want the pictures that its rule asks for.

    `book`: as loaded for the round.
    """
    change = _recorded(conn, event, now)
    if change is None:
        return
    EVENTS.labels(change.purpose.value).inc()
    level = event.decision.level
    audience = Audience(
        station=event.rule.station,
        groups=() if level is None else level.to,
        routing=routing,
        breaks_quiet_hours=level is not None and level.breaks_quiet_hours,
    )
    tell(conn, change, audience, _figures(conn, event), now, book)
    want_pictures(conn, change, event.rule.station, event.rule.cameras, now)


def _figures(conn: Connection, event: Event) -> Figures:
    rule, decision, level = event.rule, event.decision, event.decision.level
    if rule.measure.kind is MeasureKind.COMPOSITE:
        return Figures()
    if not rule.texts.has_value:
        return Figures(channel=rule.channel, parameter=rule.parameter)
    time = instant(decision.t_ms)
    return Figures(
        channel=rule.channel,
        unit=rule.unit,
        decimals=rule.decimals,
        value=decision.value,
        limit=None if level is None else level.limit,
        side=None if level is None else level.side,
        trend=lambda: trend_of(hour_before(conn, rule.channel, time), CATALOGUE[rule.parameter].resolution),
        suspicion=lambda: suspicion_of(conn, rule.channel, time),
        parameter=rule.parameter,
    )


NOW: Final = f"""
select c.parameter, v.value, a.value, a."limit" from alarm a join channel c using (channel_id)
left join lateral (
  select r.value from v_reading r
  where r.channel = c.channel and r.time > a.raised_at and r.quality = {int(Quality.GOOD)} and r.value is not null
  order by r.time desc limit 1) v on true
where a.alarm_id = %s
"""  # noqa: S608 (words of ours)


def figures_now(conn: Connection, change: Recorded, channel: str | None) -> Figures:
    """Return the newest value, for the message about the end of an alarm that no rule watches any more."""
    row = conn.execute(NOW, [change.alarm_id]).fetchone()
    if row is None or channel is None:
        return Figures()
    parameter, value, *rise = row
    said = Figures.on_record(change.texts, OnRecord(channel, parameter, *rise))
    is_reading = change.texts.has_value and change.texts.measure is None
    return replace(said, value=value if is_reading else None)


def _recorded(conn: Connection, event: Event, now: datetime) -> Recorded | None:
    """Put a decision into the history; pending and subsided are no history."""
    decision, level, time = event.decision, event.decision.level, instant(event.decision.t_ms)
    if decision.kind is DecisionKind.CLEARED:
        return clear_alarm(conn, event.subject, decision.value, time, now, decision.cause)
    if level is None or decision.kind not in (DecisionKind.RAISED, DecisionKind.LEVEL):
        return None
    lull = timedelta(milliseconds=event.rule.lull_ms) or None
    mark = Mark(
        level.name, level.severity, decision.value, level.limit, is_lull=level.is_lull, lull=lull, side=level.side
    )
    return reach_level(conn, event.subject, mark, time, event.rule.texts, now)
