"""Reads the alarms that stand or cleared within the last day, a page at a time, the worst first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dashboards.console.set_aside import with_ms
from quantrac.database.pool import Connection
from quantrac.telemetry.parameters import CATALOGUE

ALARMS_A_PAGE: Final = 100
ALARMS: Final = """
select alarm_id, rule, level, station, channel, severity, state, raised_at, cleared_at, acknowledged_at,
       acknowledged_by, value, "limit", parameter, unit, texts,
       array(select distinct p.camera from v_alarm_picture p where p.alarm_id = v_alarm.alarm_id and p.time is not null
             order by 1), known_at, untold,
       array(select jsonb_build_array((extract(epoch from e.time) * 1000)::int8, e.event, e.person, e.reason)
             from (select * from v_alarm_event o where o.alarm_id = v_alarm.alarm_id and o.person is not null
                     and o.reason <> '' order by o.time desc, o.alarm_event_id desc limit %(remarks)s) e
             order by e.time, e.alarm_event_id)
from v_alarm
where alarm_id in (
    select a.alarm_id from v_alarm a where a.cleared_at is null and not a.late
    union all select a.alarm_id from v_alarm a where a.cleared_at > %(cleared)s and not a.late
    union all (select a.alarm_id from v_alarm a where a.late order by a.alarm_id desc limit %(page)s))
  and (not late or known_at > %(cleared)s)
  and (%(station)s::text is null or station = %(station)s)
  and (%(within)s::text[] is null or station = any(%(within)s))
order by cleared_at is not null,
         case when cleared_at is null then array_position(array['critical', 'high', 'medium', 'low'], severity) end,
         cleared_at is null and state <> 'unacknowledged', raised_at desc, alarm_id desc
limit %(page)s offset %(offset)s
"""
"""The standing first: the worst, then the unacknowledged, then the newest; also those that late data showed.

Each kind is found by an index of its own: one condition for all of them read a year of alarms each second.
"""
SHELF_TERM: Final = re.compile(r"until [-\d]+ [:\d]+Z: ")
"""What the history puts before the reason of a shelf; what is set aside shows its end."""
REMARKS_SHOWN: Final = 5
"""Of an alarm, the newest."""
CLEARED_SHOWN_FOR: Final = timedelta(hours=24)


class Remark(msgspec.Struct, frozen=True):
    """What a person said when doing something about an alarm."""

    t: int
    event: str
    person: str
    words: str


class AlarmNow(msgspec.Struct, frozen=True):
    """A standing alarm, or one that cleared within the last day."""

    alarm_id: int
    rule: str
    level: str
    station: str | None
    """None: the centre itself."""
    channel: str | None
    severity: str
    state: str
    raised_at: int
    cleared_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    value: float | None
    limit: float | None
    unit: str | None
    decimals: int
    """Of the value."""
    texts: dict[str, Any]
    pictures: list[str] = []
    """Cameras that saw how it rose."""
    known_at: int | None = None
    """An alarm of the past: when late data showed it."""
    untold: str | None = None
    """Why nobody was told of it."""
    remarks: list[Remark] = []
    """The newest, oldest first."""


def read_alarms(
    conn: Connection,
    now: datetime,
    station: str | None = None,
    offset: int = 0,
    within: frozenset[str] | None = None,
) -> list[AlarmNow]:
    """Return a page of the alarms that stand or cleared within the last day, of one station or of all; worst first.

    `within`: only of these stations.
    """
    values = {
        "cleared": now - CLEARED_SHOWN_FOR,
        "station": station,
        "within": None if within is None else sorted(within),
        "page": ALARMS_A_PAGE,
        "offset": offset,
        "remarks": REMARKS_SHOWN,
    }
    return [_alarm(row) for row in conn.execute(ALARMS, values)]


def _alarm(row: Sequence[Any]) -> AlarmNow:
    *values, parameter, unit, texts, pictures, known_at, untold, remarks = with_ms(row)
    known = CATALOGUE.get(parameter)
    label, decimals = (known.label, known.decimals) if known else (unit, 2)
    said = [Remark(t, event, person, SHELF_TERM.sub("", words)) for t, event, person, words in remarks]
    return AlarmNow(*(*values, label, decimals, texts or {}, pictures, known_at, untold, said))
