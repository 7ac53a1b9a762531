"""A database as a large department would have it after a year, for the console's pages and updates.

200 stations of 30 channels a minute; 1,000 past alarms a day for a year, of which few are critical or marked as false,
with their history, and 600 that stand; 5,000 contacts; a year of days of every channel, two days of hours, three hours
of readings; one station with a month of readings, one of its channels with 400 days of which one in a hundred is blamed
by a test. What people wrote in a year: visits, certificates, samples, signed days, verdicts, shifts, the audit; a shift
is open for 31 days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from benchmarks.servers import PROJECT
from quantrac.config.loader import load_network
from quantrac.database.edition import tune
from quantrac.database.pool import Connection
from quantrac.desks.network import apply_network
from quantrac.desks.shift_content import ShiftContent, written
from quantrac.telemetry.parameters import CATALOGUE

STATIONS, CHANNELS = 200, 30
STATION: Final = "st-00007"
CHANNEL: Final = f"{STATION}/{next(iter(CATALOGUE))}"
LONG: Final = "st-00001"
"""The station with a month of readings; its first channel has 400 days of them."""

MORE_STATIONS: Final = """
insert into station (
  station, name_vi, name_en, latitude, longitude, tags, in_service, config, config_applied, applied_at)
select 'st-' || lpad(n::text, 5, '0'), 'Trạm ' || n, 'Station ' || n, 9.3 + n %% 20 / 40.0, 105.7 + n / 400.0,
       '{water,river}', '2020-01-01Z', '{}', 'x', %(now)s
from generate_series(1, %(stations)s) n
"""
MORE_CHANNELS: Final = """
insert into channel (station, name, parameter, unit, kind, interval_s, device)
select s.station, p.id, p.id, p.unit, p.kind, 60, 'sonde'
from station s, unnest(%(ids)s::text[], %(units)s::text[], %(kinds)s::text[]) p(id, unit, kind)
where s.station ~ '^st-[0-9]'
"""
READINGS: Final = """
insert into reading
select c.channel_id, t,
       round((5 + sin(extract(epoch from t) / 3000 + c.channel_id) + random() * 0.1)::numeric, 2)::float8, 0, 0, t
from channel c, generate_series(date_trunc('minute', %(now)s::timestamptz) - %(back)s::interval,
                                date_trunc('minute', %(now)s::timestamptz), interval '1 minute') t
where not c.derived and c.station = any(%(of)s) and c.parameter = any(%(parameters)s)
on conflict do nothing
"""
LATEST: Final = """
insert into latest select distinct on (channel_id) channel_id, time, value, state, tests, received_at
from reading where time > %(now)s::timestamptz - interval '5 minutes' order by channel_id, time desc
on conflict do nothing
"""
DAYS: Final = """
insert into daily (channel_id, time, value, mean, min, max, count, received, expected)
select c.channel_id, d, 5, 5, 4, 6, 1430 - (c.channel_id + d::date - date '2020-01-01') %% 400, 1440, 1440
from channel c, generate_series(%(midnight)s::timestamptz - interval '365 days', %(midnight)s::timestamptz,
                                interval '1 day') d
where not c.derived
"""
HOURS: Final = """
insert into hourly (channel_id, time, value, mean, min, max, count, received, expected)
select c.channel_id, t, 5 + sin(extract(epoch from t) / 7116), 5, 4, 6, 60, 60, 60
from channel c, generate_series(date_trunc('hour', %(now)s::timestamptz) - interval '400 days',
                                date_trunc('hour', %(now)s::timestamptz), interval '1 hour') t
where c.channel = %(channel)s or not c.derived and t > %(now)s::timestamptz - interval '2 days'
"""
BLAMED: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", at)
select r.channel_id, r.time, 'spike', 3, 'quality', r.time from reading r join channel c using (channel_id)
where c.channel = %(channel)s and extract(epoch from r.time)::int8 / 60 %% 100 = 0
"""
ALARMS: Final = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, acknowledged_at,
                   acknowledged_by, false_at, false_by, value, "limit", texts)
select 'rule-' || n %% 40, 'act', c.station, c.channel_id,
       case when n %% 5000 = 0 then 'critical' when n %% 3 = 0 then 'high' when n %% 3 = 1 then 'medium' else 'low' end,
       case when n %% 4 = 0 then 'returned' else 'cleared' end, t, t + interval '10 minutes',
       case when n %% 4 <> 0 then t end, case when n %% 4 <> 0 then 'An' end,
       case when n %% 9000 = 0 then t end, case when n %% 9000 = 0 then 'An' end, 2.5, 3.0, %(texts)s
from generate_series(1, 365000) n
cross join lateral (select %(now)s::timestamptz - n * interval '86 seconds' - interval '11 minutes' as t) at
join channel c on c.channel_id = (select min(channel_id) from channel where station ~ '^st-[0-9]') + n %% %(alarming)s
"""
STANDING: Final = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, value, "limit", texts)
select 'standing', 'act', c.station, c.channel_id, case when c.channel_id %% 50 = 0 then 'high' else 'low' end,
       case when c.channel_id %% 3 = 0 then 'acknowledged' else 'unacknowledged' end,
       %(now)s::timestamptz - c.channel_id * interval '1 minute', 2.5, 3.0, %(texts)s
from channel c where c.channel_id %% 10 = 3
"""
"""A channel in ten. Who acknowledged is set after it."""
HISTORY: Final = """
insert into alarm_event (alarm_id, time, event, person, reason, at, state, acknowledged)
select a.alarm_id, coalesce(e.at, a.raised_at), e.event, e.person, e.reason, coalesce(e.at, a.raised_at), a.state, true
from alarm a cross join lateral (values
  ('raised', null, null, a.raised_at), ('acknowledged', 'An', 'đã gọi', a.acknowledged_at),
  ('cleared', null, null, a.cleared_at)) e(event, person, reason, at)
where e.at is not null
"""
CONTACTS: Final = """
insert into contact (name, phone_e164, email, groups, stations)
select 'Người nuôi ' || n, '+849' || lpad(n::text, 8, '0'), 'p' || n || '@example.org', '{farmers}',
       array['st-' || lpad((1 + n %% 190)::text, 5, '0')]
from generate_series(1, 5000) n
"""
MESSAGES: Final = """
insert into notification (alarm_id, alarm_event_id, contact_id, medium, purpose, status, body, queued_at, sent_at)
select e.alarm_id, e.alarm_event_id, 1 + e.alarm_id %% 5000, 'sms', 'raised', 'sent', 'Oxy thap', e.time, e.time
from alarm_event e where e.event = 'raised' and e.alarm_id %% 4 = 0
"""
AUDIT: Final = """
insert into audit (at, person, action, subject, reason, way)
select %(now)s::timestamptz - n * interval '3 minutes', 'An', 'acknowledged', 'alarm ' || n, 'đã gọi', 'console'
from generate_series(1, 150000) n
"""
EVENTS: Final = """
insert into station_event (station, epoch, seq, index, time, device, kind, detail, received_at)
select s.station, 'benchmark', n, 0, t, 'sonde', case when n %% 50 = 0 then 'calibration' else 'mains' end, 'said so', t
from station s, generate_series(1, 1000) n
cross join lateral (select %(now)s::timestamptz - n * interval '8 hours' as t) at
"""
"""Of a year, three a day at a station."""
VISITS: Final = """
with visited as (
  insert into service_visit (version, station, arrived_at, left_at, crew, person, at)
  select 1, s.station, t, t + interval '2 hours', 'An, Bình', 'An', t + interval '3 hours'
  from station s, generate_series(1, 52) n
  cross join lateral (select %(now)s::timestamptz - n * interval '7 days' as t) at
  returning visit_id, station)
insert into service_work (visit_id, version, position, device, kind, channel_id, before, after, reference)
select v.visit_id, 1, n, 'sonde', case n when 0 then 'cleaning' else 'calibration' end, c.channel_id, 4.8, 5, 5
from visited v, generate_series(0, 2) n
left join lateral (select min(channel_id) + n as channel_id from channel where station = v.station and n > 0) c on true
"""
CERTIFICATES: Final = """
insert into certificate (version, station, device, kind, number, issued_by, issued_on, expires_on, person, at)
select 1, s.station, 'sonde', 'calibration', s.station || n, 'Quatest 3', d - 365, d, 'An', %(now)s
from station s, generate_series(-3, 1) n cross join lateral (select (%(now)s::timestamptz)::date + 365 * n + 20 as d) at
"""
SAMPLES: Final = """
with taken as (
  insert into sample (version, station, code, sampled_at, sampled_by, laboratory, person, at)
  select 1, s.station, 'M' || n, t, 'An', 'Quatest 3', 'An', t from station s, generate_series(0, 25) n
  cross join lateral (select %(now)s::timestamptz - interval '1 hour' - n * interval '14 days' as t) at
  returning sample_id, station, sampled_at),
passed as (
  insert into sample_step (sample_id, step, version, done_at, done_by, person, at)
  select sample_id, step, 1, sampled_at, 'An', 'An', sampled_at
  from taken, unnest('{handed_over,received,analysed}'::text[]) step)
insert into sample_result (sample_id, parameter, version, channel_id, value, unit, reported, person, at)
select k.sample_id, c.parameter, 1, c.channel_id, 5, c.unit, '5', 'An', k.sampled_at
from taken k cross join lateral (
  select * from channel o where o.station = k.station and not o.derived order by o.channel_id limit 5) c
"""
SIGNED: Final = """
insert into sign_off (channel_id, day, from_t, to_t, content, person, at, approved_by, approved_at)
select d.channel_id, (d.time + interval '7 hours')::date, d.time, d.time + interval '1 day', '{1440,1440,0,0,0}', 'An',
       %(now)s, 'An', %(now)s
from daily d
where d.time > %(now)s::timestamptz - interval '62 days' and d.time < %(now)s::timestamptz - interval '31 days'
"""
"""A month of every channel."""
REVIEWS: Final = """
insert into review (channel_id, kind, from_t, to_t, readings, flag, person, reason, at, approved_by, approved_at)
select c.channel_id, 'flag', t, t + interval '1 hour', 60, 4, 'An', 'đang vệ sinh', t, 'An', t
from channel c, generate_series(1, 5) n
cross join lateral (select %(now)s::timestamptz - n * interval '6 days' as t) at where not c.derived
"""
LETTERS: Final = """
insert into dead_letter (first_received_at, received_at, topic, station, payload, length, sha256, reason, status)
select t, t, 'quantrac/v1/st-00009/readings', 'st-00009', '', 0, sha256(n::text::bytea), 'bad_json', 'open'
from generate_series(1, 5000) n
cross join lateral (select %(now)s::timestamptz - n * interval '1 hour' as t) at
"""
SHIFTS: Final = """
insert into shift (since, until, person, content, digest, taken_by, taken_at)
select t, t + interval '8 hours', 'An', %(page)s, n, 'Bình', t + interval '8 hours' from generate_series(93, 1200) n
cross join lateral (select %(now)s::timestamptz - (n + 1) * interval '8 hours' as t) at order by n desc
"""
OPEN_SHIFT: Final = "update shift set since = %(now)s::timestamptz - interval '31 days' where until is null"
TEXTS: Final = (
    '{"title": {"vi": "Oxy hòa tan thấp", "en": "Low dissolved oxygen"}, "unit": "mg/l",'
    ' "cause": {"vi": "Tảo chết, nước đứng, thời tiết oi bức", "en": "Algae dying, still water, sultry weather"},'
    ' "consequence": {"vi": "Tôm nổi đầu, chết hàng loạt trong vài giờ", "en": "Shrimp surface and die within hours"},'
    ' "response": {"vi": "Chạy hết quạt nước, ngừng cho ăn, gọi trạm", "en": "Run all aerators, stop feeding"}}'
)
"""Of an alarm, as the shipped rules have them."""


def fill(conn: Connection, now: datetime) -> None:
    """Give an empty migrated database all of it; some three minutes."""
    tune(conn)
    apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", now)
    own = [parameter for parameter in CATALOGUE.values() if parameter.kind.value != "vector"][:CHANNELS]
    values = {
        "now": now, "midnight": now.replace(hour=17, minute=0, second=0, microsecond=0) - timedelta(days=1),
        "stations": STATIONS - 6, "channel": f"{LONG}/{own[0].id}", "alarming": (STATIONS - 6) * CHANNELS,
        "ids": [parameter.id for parameter in own], "units": [parameter.unit for parameter in own],
        "kinds": [parameter.kind.value for parameter in own], "texts": TEXTS,
        "page": written(ShiftContent(1, now, now, now, {}, [], [], [], []))[0],
    }  # fmt: skip
    for statement in (MORE_STATIONS, MORE_CHANNELS):
        conn.execute(statement, values)
    every = [station for (station,) in conn.execute("select station from station")]
    parameters = [parameter for (parameter,) in conn.execute("select distinct parameter from channel")]
    conn.execute(READINGS, {**values, "back": "3 hours", "of": every, "parameters": parameters})
    conn.execute(READINGS, {**values, "back": "31 days", "of": [LONG], "parameters": parameters})
    conn.execute(READINGS, {**values, "back": "400 days", "of": [LONG], "parameters": [own[0].id]})
    written_by_people = VISITS, CERTIFICATES, SAMPLES, SIGNED, REVIEWS, LETTERS, SHIFTS, OPEN_SHIFT
    measured = LATEST, DAYS, HOURS, BLAMED, EVENTS
    for statement in (*measured, ALARMS, STANDING, HISTORY, CONTACTS, MESSAGES, AUDIT, *written_by_people):
        conn.execute(statement, values)
    conn.execute("update station set status_online = true, status_at = %(now)s", values)
    conn.execute("vacuum analyze")
