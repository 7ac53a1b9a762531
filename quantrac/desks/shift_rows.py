"""What happened since a shift began, read from the database as items of its page; each statement is bounded.

Of each kind and station so many items are listed, and all are counted. Alarms and acts count by when they were put on
record, so that data which come late are told by the shift in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from alerts.alarm.life import AlarmEvent, AlarmState
from alerts.telling.notification import MessageStatus
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks import commands
from quantrac.desks.shift_content import Causes, ItemKind, ShiftCount, ShiftItem, causes_of, plain, with_causes
from quantrac.telemetry.local_time import INSTANT, Calendar
from quantrac.telemetry.parameters import HOUSEKEEPING
from quantrac.telemetry.severity import Severity
from reports.completeness.days import gaps_between

MOST_A_STATION: Final = 20
MOST: Final = 400
"""Items of a kind that are listed: of each station the first ones before any station's later ones."""
EXPLAINED: Final = 4
"""Stations whose gaps are explained while a shift is open, the worst first; of others a click tells."""
EXPLAINED_AT_SIGNING: Final = 40
GRACE: Final = timedelta(minutes=1)
"""What is put on record so long before a hand-over and committed after it is told by the next page.

A signature keeps the numbers of acts and of turns of alarms that it tells of this time. Dead letters, days reopened by
data, events of stations and messages that failed are told when they are so old: those of the last minute stand on the
next page.
"""
HOURS_FOR: Final = timedelta(hours=36)
"""Shares of shorter shifts are those of whole hours, of longer ones those of whole days."""
GAPS_FOR: Final = timedelta(hours=24)
"""Causes are those of so long a time at most, the newest."""
FEWEST: Final = 0.95
"""Share of readings that count from which on a station is not listed."""

_SEVERITIES: Final = [severity.word for severity in sorted(Severity)]
_RANK: Final = f"coalesce(array_position(array{_SEVERITIES}, a.severity), 0)"
_TITLE: Final = "coalesce(a.texts->'title', jsonb_build_object('vi', a.rule, 'en', a.rule))"
BOUNDED: Final = """
with item as materialized ({items}),
placed as (select i.*, row_number() over (
             partition by station collate "C" order by rank desc, at desc, key collate "C") as place from item i),
listed as (select * from placed where place <= %(most_a_station)s
           order by place, rank desc, at desc, key collate "C" limit %(most)s)
select key collate "C" as key, station, at, rank, {facts} as facts, null as what, null as count from listed
union all
select null, station, null, null, null, what, count from ({totals}) total
order by rank desc nulls last, at desc, key
"""
"""`facts`: those of the items, or for kinds with thousands what makes them of a listed one; `totals`: by station."""
COUNTS: Final = """
select station, c.key as what, sum(same.items * c.value::int8) as count
from (select station, counts, count(*) as items from item group by station, counts) same
cross join lateral jsonb_each_text(counts || '{"all": 1}') c group by station, c.key
"""
"""Totals of what each item counts as."""
STANDING: Final = f"""
select 'alarm ' || a.alarm_id as key, a.station, a.raised_at as at, 2 * {_RANK} + waits.so::int as rank,
       jsonb_build_object('alarm_id', a.alarm_id, 'title', {_TITLE}, 'severity', a.severity, 'state', a.state,
         'channel', c.channel, 'parameter', c.parameter, 'unit', c.unit, 'value', a.value, 'limit', a."limit",
         'has_value', coalesce(a.texts->'has_value', 'true'), 'raised_at', a.raised_at, 'by', a.acknowledged_by,
         'acknowledged_at', a.acknowledged_at) as facts,
       jsonb_build_object(a.severity, 1) || case when waits.so then '{{"waiting": 1}}'::jsonb else '{{}}' end as counts
from alarm a left join channel c using (channel_id)
cross join lateral (select a.state in ('{AlarmState.UNACKNOWLEDGED}', '{AlarmState.LATCHED}') as so) waits
where a.cleared_at is null and not a.late
"""  # noqa: S608  # words of ours
REMARKS: Final = """
select e.alarm_id, jsonb_agg(jsonb_build_array(e.at, e.person, e.reason) order by e.alarm_event_id)
from unnest(%(alarms)s::int8[]) asked (alarm_id) cross join lateral (
  select * from alarm_event o where o.alarm_id = asked.alarm_id and o.person is not null and o.reason <> ''
    and o.at < %(until)s
  order by o.alarm_event_id desc limit 3) e
group by e.alarm_id
"""
TURNS: Final = f"('{AlarmEvent.RAISED}', '{AlarmEvent.CLEARED}', '{AlarmEvent.RESET}', '{AlarmEvent.LATE}')"
"""Lines of an alarm's history by which it counts in a shift; an index has them by their time."""
ALARMS: Final = f"""
with told as materialized (
  select e.alarm_id, bool_or(e.event in ('{AlarmEvent.RAISED}', '{AlarmEvent.LATE}')) as raised,
         bool_or(e.event <> '{AlarmEvent.RAISED}') as cleared
  from alarm_event e
  where e.at >= %(grace)s and e.at < %(until)s and (e.at >= %(since)s or e.alarm_event_id <> all(%(told_events)s))
    and (e.at < %(until_grace)s or (e.alarm_event_id = any(%(tells_events)s::int8[])) is not false)
    and e.event in {TURNS}
  group by e.alarm_id),
grouped as (
  select a.rule collate "C" as rule, a.station collate "C" as station, min(a.raised_at) as first,
         max(a.raised_at) as at, max({_RANK}) as rank, max(a.alarm_id) as newest,
         array_agg(a.acknowledged_by) filter (where a.acknowledged_by is not null) as by, count(*) as alarms,
         count(*) filter (where told.raised) as raised, count(*) filter (where told.cleared) as cleared,
         count(*) filter (where a.cleared_at is null and not a.late) as standing,
         count(*) filter (where a.acknowledged_at is not null) as acknowledged,
         count(*) filter (where a.false_at is not null) as refuted, count(*) filter (where a.late) as late
  from told join alarm a using (alarm_id)
  where a.alarm_id = any(array(select alarm_id from told))
  group by 1, 2)
select 'alarms ' || rule || ' ' || coalesce(station, '') as key, grouped.* from grouped
"""  # noqa: S608  # words of ours
OF_ALARMS: Final = f"""
(select jsonb_build_object('rule', a.rule, 'title', {_TITLE}, 'severity', (array{_SEVERITIES})[listed.rank],
          'alarm_id', a.alarm_id, 'first', listed.first, 'last', listed.at,
          'by', (array(select distinct unnest(listed.by) as by order by by))[1:3],
          'alarms', listed.alarms, 'raised', listed.raised, 'cleared', listed.cleared, 'standing', listed.standing,
          'acknowledged', listed.acknowledged, 'false', listed.refuted, 'late', listed.late)
 from alarm a where a.alarm_id = listed.newest)
"""  # noqa: S608  # words of ours
"""Facts of alarms of a rule: the newest one has the title."""
ALARM_COUNTS: Final = """
select station, c.what, c.count
from (select station, count(*) as every, sum(alarms) as alarms, sum(raised) as raised, sum(cleared) as cleared,
             sum(standing) as standing, sum(acknowledged) as acknowledged, sum(refuted) as refuted, sum(late) as late
      from item group by station) s
cross join lateral (
  values ('all', every), ('alarms', alarms), ('raised', raised), ('cleared', cleared), ('standing', standing),
         ('acknowledged', acknowledged), ('false', refuted), ('late', late)) c (what, count)
"""
ASIDE: Final = f"""
select 'shelf ' || s.subject as key, s.station, s.since as at, 0 as rank,
       jsonb_build_object('what', 'shelved', 'title', coalesce(n.title, jsonb_build_object('vi', s.rule, 'en', s.rule)),
         'alarm_id', n.alarm_id, 'channel', c.channel, 'person', s.person, 'reason', s.reason, 'since', s.since,
         'until', s.until) as facts,
       '{{"shelved": 1}}'::jsonb as counts
from shelf s left join channel c using (channel_id) left join lateral (
  select a.alarm_id, {_TITLE} as title from alarm a where a.subject = s.subject
  order by a.raised_at desc limit 1) n on true
where s.until > %(until)s
union all
select 'out ' || o.out_of_service_id, o.station, o.since, 1,
       jsonb_build_object('what', case when o.since > %(until)s then 'planned' else 'out' end, 'device', o.device,
         'person', o.person, 'reason', o.reason, 'since', o.since, 'until', o.until), '{{"out": 1}}'
from out_of_service o where o.ended_at is null and o.until > %(until)s
"""  # noqa: S608  # words of ours
SINCE: Final = """w.at >= %(grace)s and w.at < %(until)s
  and (w.at >= %(since)s or w.audit_id <> all(%(told_audit)s))
  and (w.at < %(until_grace)s or (w.audit_id = any(%(tells_audit)s::int8[])) is not false)"""
PLACE: Final = r"""
case when w.subject ~ '^alarm [0-9]{1,18}$' then (
       select a.station from alarm a where a.alarm_id = substr(w.subject, 7)::int8)
     when w.subject ~ '^(station|device|channel|days) ' then split_part(split_part(w.subject, ' ', 2), '/', 1)
     when w.subject ~ '^file stations/[^/]+[.]yaml$' then substring(w.subject from '/(.+)[.]yaml$')
     when w.subject ~ '^[a-z]+ [0-9]+ of ' then split_part(split_part(w.subject, ' ', 4), '/', 1) end
"""
"""Station of what an act was done to; what belongs to none is read by whoever may read all."""
COMMANDS: Final = f"""
select 'command ' || w.audit_id as key, {PLACE} as station, w.at, 0 as rank,
       jsonb_build_object('order', w.detail->'order', 'person', w.person, 'reason', w.reason, 'answered_at', o.at,
         'ok', o.detail->'outcome'->'ok', 'error', o.detail->'outcome'->'error') as facts,
       case when o.at is null then '{{"waiting": 1}}'::jsonb when o.detail->'outcome'->>'ok' = 'true' then '{{}}'
         else '{{"failed": 1}}' end as counts
from (
  select w.* from audit w where w.action = '{commands.ISSUED}' and {SINCE}
  union
  select asked.* from audit w cross join lateral (
    select a.* from audit a where a.action = '{commands.ISSUED}' and a.subject = w.subject
      and a.at < %(since)s and a.at > w.at - interval '1 day' and a.detail->>'id' = w.detail->>'id' limit 1) asked
  where w.action = '{commands.ANSWERED}' and {SINCE} and w.at < %(since)s + interval '1 day') w
left join (
  select distinct on (a.detail->>'id') a.detail->>'id' as id, a.at, a.detail from audit a
  where a.action = '{commands.ANSWERED}' and a.at >= %(grace)s and a.at < %(until)s
  order by a.detail->>'id', a.at) o on o.id = w.detail->>'id'
"""  # noqa: S608  # words of ours
_DONE: Final = "jsonb_build_object('act', w.action, 'person', w.person, 'object', w.subject, 'reason', w.reason)"
_ACT: Final = f"""
select 'act ' || w.audit_id as key, {PLACE} as station, w.at, 0 as rank, {_DONE} as facts, '{{}}'::jsonb as counts
from audit w where {SINCE}
"""  # noqa: S608  # words of ours
OF_CONFIGURATION: Final = ["apply", "confirmed", "edit", "take back"]
CONFIGURATION: Final = f"""
{_ACT} and w.action = any(%(of_configuration)s)
union all
select concat_ws(' ', 'event', e.station, e.epoch, e.seq, e.index), e.station, e.received_at, 0,
       jsonb_build_object('device', e.device, 'detail', e.detail), '{{}}'
from v_event e where e.kind = 'configuration' and e.time >= %(since)s - interval '1 day' and e.time < %(until)s
  and e.received_at >= %(grace)s and e.received_at < %(until_grace)s
"""  # noqa: S608  # words of ours
OF_REVIEW: Final = ["review", "days"]
"""What acts of review are done to."""
REVIEWS: Final = f"""
{_ACT} and split_part(w.subject, ' ', 1) = any(%(of_review)s)
union all
select concat_ws(' ', 'reopened', c.station, s.reopened_cause, min(s.sign_off_id)), c.station, max(s.reopened_at), 1,
       jsonb_build_object('cause', s.reopened_cause, 'days', count(*), 'first', min(s.day), 'last', max(s.day)),
       jsonb_build_object('reopened', count(*))
from sign_off s join channel c using (channel_id)
where s.reopened_at >= %(grace)s and s.reopened_at < %(until_grace)s and s.reopened_cause <> 'person'
group by c.station, s.reopened_cause
"""  # noqa: S608  # words of ours
MESSAGES: Final = f"""
select 'message ' || min(n.notification_id) as key, a.station, max(m.failed_at) as at, 0 as rank,
       jsonb_build_object('medium', n.medium, 'carrier', n.carrier, 'error', n.error, 'messages', count(*),
         'to', (array_agg(distinct n.contact_masked))[1:3]) as facts,
       jsonb_build_object('messages', count(*)) as counts
from v_notification n join notification m using (notification_id) left join alarm a on a.alarm_id = n.alarm_id
where m.failed_at >= %(grace)s and m.failed_at < %(until_grace)s and m.status = '{MessageStatus.FAILED}'
group by a.station, n.medium, n.carrier, n.error
"""  # noqa: S608  # words of ours
DEAD_LETTERS: Final = """
select 'dead letter ' || min(d.dead_letter_id) as key, d.station, max(d.received_at) as at, 0 as rank,
       jsonb_build_object('reason', d.reason, 'letters', count(*),
         'open', count(*) filter (where d.status in ('open', 'partial')), 'first', min(d.received_at)) as facts,
       jsonb_build_object('letters', count(*)) as counts
from dead_letter d where d.received_at >= %(grace)s and d.received_at < %(until_grace)s group by d.station, d.reason
"""
NOT_HERE: Final = [
    *OF_CONFIGURATION, commands.ISSUED, commands.ANSWERED, "sign in", "sign out", "prove second factor",
]  # fmt: skip
"""Acts that stand elsewhere on the page, and coming and going."""
ADMINISTRATION: Final = ["account", "token", "role", "contact", "stranger", "shift"]
"""What acts on these were done to is told by the audit alone: not everybody who reads the page may know."""
ACTS: Final = f"""
{_ACT.replace(_DONE, "null::jsonb")}
  and w.action <> all(%(not_here)s) and split_part(w.subject, ' ', 1) <> all(%(elsewhere)s)
"""  # words of ours
ACT: Final = f"(select {_DONE} from audit w where w.audit_id = substr(listed.key, 5)::int8)"  # noqa: S608
SHARES: Final = """
with due as (
  select c.station, sum(extract(epoch from %(high)s - greatest(%(low)s, s.in_service)) / c.interval_s)::int8 as expected
  from channel c join station s using (station)
  where c.active and s.active and not c.derived and c.parameter <> all(%(housekeeping)s) and s.in_service < %(high)s
  group by c.station),
heard as (
  select c.station, sum(h.received)::int8 as received, sum(h.count)::int8 as counted
  from channel c join {rollup} h using (channel_id)
  where c.active and not c.derived and c.parameter <> all(%(housekeeping)s) and h.time >= %(low)s and h.time < %(high)s
  group by c.station)
select 'station ' || v.station as key, v.station, coalesce(v.last_message_at, v.in_service) as at,
       (not v.online)::int * 1000 + round(1000 * (1 - least(1, share.of)))::int as rank,
       jsonb_build_object('online', v.online, 'last_message_at', v.last_message_at, 'expected', d.expected,
         'received', coalesce(h.received, 0), 'counted', coalesce(h.counted, 0)) as facts,
       case when v.online then '{{}}'::jsonb else '{{"silent": 1}}' end as counts
from v_station v left join due d using (station) left join heard h using (station)
cross join lateral (select coalesce(coalesce(h.counted, 0) / nullif(d.expected, 0)::float8, 1) as of) share
where v.in_service < %(until)s and (not v.online or share.of < %(fewest)s)
"""
KINDS: Final[Mapping[ItemKind, str]] = {
    ItemKind.STANDING: STANDING,
    ItemKind.ALARMS: ALARMS,
    ItemKind.ASIDE: ASIDE,
    ItemKind.COMMANDS: COMMANDS,
    ItemKind.CONFIGURATION: CONFIGURATION,
    ItemKind.REVIEWS: REVIEWS,
    ItemKind.MESSAGES: MESSAGES,
    ItemKind.DEAD_LETTERS: DEAD_LETTERS,
    ItemKind.ACTS: ACTS,
}
FACTS: Final[Mapping[ItemKind, str]] = {ItemKind.ALARMS: OF_ALARMS, ItemKind.ACTS: ACT}
"""Of kinds whose items have no facts of their own."""
TOTALS: Final[Mapping[ItemKind, str]] = {ItemKind.ALARMS: ALARM_COUNTS}
"""Of kinds whose items have their counts in columns."""


class LastMinute(NamedTuple):
    """What a page tells of the last minute before it was signed, by numbers."""

    audit: list[int]
    events: list[int]
    """Lines of alarms."""


def read_items(
    conn: Connection, since: datetime, until: datetime, told: LastMinute, tells: LastMinute | None, explained: int
) -> tuple[list[ShiftItem], list[ShiftCount]]:
    """Return what happened in a shift until now, by kind, and how many there are of each.

    `told`: what the page before has. `tells`: what the page has that is being signed now; None: none is.
    """
    asked = {
        "since": since, "until": until, "grace": since - GRACE, "until_grace": until - GRACE,
        "told_audit": told.audit, "told_events": told.events,
        "tells_audit": tells and tells.audit, "tells_events": tells and tells.events,
        "most_a_station": MOST_A_STATION, "most": MOST, "of_configuration": OF_CONFIGURATION, "of_review": OF_REVIEW,
        "not_here": NOT_HERE, "elsewhere": [*OF_REVIEW, *ADMINISTRATION],
    }  # fmt: skip
    found: dict[ItemKind, tuple[list[ShiftItem], list[ShiftCount]]] = {
        kind: _read(conn, kind, statement, asked) for kind, statement in KINDS.items()
    }
    found[ItemKind.GAPS] = _read_gaps(conn, asked, explained)
    found[ItemKind.STANDING] = _with_remarks(conn, found[ItemKind.STANDING][0], until), found[ItemKind.STANDING][1]
    return [item for kind in ItemKind for item in found[kind][0]], [n for kind in ItemKind for n in found[kind][1]]


def _read(
    conn: Connection, kind: ItemKind, statement: str, asked: Mapping[str, Any]
) -> tuple[list[ShiftItem], list[ShiftCount]]:
    facts, totals = FACTS.get(kind, "facts"), TOTALS.get(kind, COUNTS)
    sql, items, counts = BOUNDED.format(items=statement, facts=facts, totals=totals), [], []
    for key, station, at, _, facts, what, count in conn.execute(sql, asked).fetchall():
        if key is None:
            counts.append(ShiftCount(kind, station, what, int(count)))
        else:
            items.append(ShiftItem(key, kind, station, at, plain(facts)))
    return items, counts


def _with_remarks(conn: Connection, items: list[ShiftItem], until: datetime) -> list[ShiftItem]:
    """Return standing alarms with the newest three remarks of people on each, the oldest first."""
    asked = {"alarms": [item.facts["alarm_id"] for item in items], "until": until}
    remarks: dict[int, list[Any]] = dict(conn.execute(REMARKS, asked).fetchall())
    return [replace(one, facts={**one.facts, "remarks": remarks.get(one.facts["alarm_id"], [])}) for one in items]


def _read_gaps(conn: Connection, asked: Mapping[str, Any], explained: int) -> tuple[list[ShiftItem], list[ShiftCount]]:
    since, until = asked["since"], asked["until"]
    calendar = Calendar(time_zone(conn))
    is_short = until - since <= HOURS_FOR
    ends = calendar.hour_end if is_short else calendar.day_end
    starts = calendar.hour_start if is_short else calendar.day_start
    low, high = ends(since), starts(until + INSTANT)
    span = {"low": low, "high": max(low, high), "fewest": FEWEST, "housekeeping": [one.id for one in HOUSEKEEPING]}
    statement = SHARES.format(rollup="hourly" if is_short else "daily")
    items, counts = _read(conn, ItemKind.GAPS, statement, {**asked, **span})
    worst = [str(item.station) for item in items[:explained]]
    return with_causes(items, {station: read_causes(conn, station, since, until) for station in worst}), counts


def read_causes(conn: Connection, station: str, since: datetime, until: datetime) -> Causes:
    """Return the causes of a station's gaps in a shift until now, those of its last hours."""
    found = gaps_between(conn, station, max(since, until - GAPS_FOR), until)
    return causes_of((one.gap.channel, one.cause, one.gap.after, one.gap.until, one.gap.readings) for one in found)
