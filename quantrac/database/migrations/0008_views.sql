-- The public face. Columns are fixed by the design; a view may gain columns, never rename one.

create view v_station as
select s.station, s.name_vi as name, s.latitude, s.longitude,
       coalesce(seen.at > now() - interval '150 seconds'                       -- two of the edge's status minutes, and 30 s
                and not (s.status_online is false and s.status_at >= seen.at), false) as online,
       seen.at as last_message_at, s.config_applied, s.config_reported,
       s.name_en, s.tags, s.in_service, s.silent_since
from station s
left join lateral (select max(l.last_seen_at) as at from ledger l where l.station = s.station) seen on true
where s.active;

create view v_channel as
select c.station, c.channel, c.parameter, c.unit, c.interval_s, c.derived, c.span_low, c.span_high,
       c.expect_low, c.expect_high, c.name, c.kind, c.plausible_low, c.plausible_high
from channel c join station s using (station)
where c.active and s.active;

-- Quality: the worst of state, stateless tests and findings; "not evaluated" while the consumer `quality` has the
-- reading still before it on a channel that has tests with a history; a person's verdict stands above all.
create view v_reading as
select r.time, c.station, c.channel, c.parameter,
       case when k.correction_id is null then r.value else k.value end as value,
       r.value as raw_value, c.unit, state_word(r.state) as state,
       coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found,
                                   case when r.time <@ w.waiting then 2::int2 end)) as quality,
       (test_words(r.tests) || coalesce(f.words, '{}'))::text as tests,
       r.received_at,
       r.received_at - r.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late
from channel c
left join lateral (
  select case when q.position is null then '{(,)}'::tstzmultirange else (
    select range_agg(tstzrange(n.from_t, n.to_t, '[]')) from change n
    where n.channel_id = c.channel_id and n.id > q.position and n.cause = 'reading') end as waiting
  from (select (select position from consumer where consumer = 'quality') as position) q
) w on c.history_tests <> '{}'
join reading r using (channel_id)
left join correction k on k.channel_id = r.channel_id and k.time = r.time
                      and k.approved_at is not null and k.revoked_at is null
left join lateral (
  select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found,
         array_agg(g.test order by g.test) filter (where g.flag >= 3 and g.test is not null) as words
  from (select distinct on (g.test) g.test, g.flag from reading_flag g
        where g.channel_id = r.channel_id and g.time = r.time order by g.test, g.flag_id desc) g
) f on true;

create view v_latest as
select r.time, c.station, c.channel, c.parameter,
       case when k.correction_id is null then r.value else k.value end as value,
       r.value as raw_value, c.unit, state_word(r.state) as state,
       coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found,
                                   case when r.time <@ w.waiting then 2::int2 end)) as quality,
       (test_words(r.tests) || coalesce(f.words, '{}'))::text as tests,
       r.received_at,
       r.received_at - r.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late,
       extract(epoch from now() - r.time)::float8 as age_s
from channel c
join station s on s.station = c.station
left join lateral (
  select case when q.position is null then '{(,)}'::tstzmultirange else (
    select range_agg(tstzrange(n.from_t, n.to_t, '[]')) from change n
    where n.channel_id = c.channel_id and n.id > q.position and n.cause = 'reading') end as waiting
  from (select (select position from consumer where consumer = 'quality') as position) q
) w on c.history_tests <> '{}'
join latest r using (channel_id)
left join correction k on k.channel_id = r.channel_id and k.time = r.time
                      and k.approved_at is not null and k.revoked_at is null
left join lateral (
  select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found,
         array_agg(g.test order by g.test) filter (where g.flag >= 3 and g.test is not null) as words
  from (select distinct on (g.test) g.test, g.flag from reading_flag g
        where g.channel_id = r.channel_id and g.time = r.time order by g.test, g.flag_id desc) g
) f on true
where c.active and s.active;

-- Both books. By sequence: highest_seq = stored + dead + lost + missing. A tail that is only reported belongs to the
-- book once it has stood above the highest arrived for 60 s: until then its messages may be on their way.
create view v_ledger as
select station, epoch, highest_seq, seq_count(stored) as stored, seq_count(dead) as dead, seq_count(lost) as lost,
       seq_count(case when highest_seq > 0 then int8multirange(int8range(1, highest_seq + 1)) else '{}' end
                 - stored - dead - lost) as missing,
       received, new, duplicate, rejected, conflict, first, last, tail_since, last_seen_at, reported_at
from (
  select sets.*, greatest(highest_arrived, upper(stored + dead + lost) - 1,
                          case when tail_since <= now() - interval '60 seconds' then last end) as highest_seq
  from (
    select l.station, l.epoch, l.first, l.last, l.tail_since, l.highest_arrived, l.stored,
           l.dead + l.refused_reported - l.stored as dead,
           l.lost + case when l.first > 1 then int8multirange(int8range(1, l.first)) else '{}' end
             - l.stored - l.dead - l.refused_reported as lost,
           l.received, l.new, l.duplicate, l.rejected, l.conflict, l.last_seen_at, l.reported_at
    from ledger l
  ) sets
) book;

create view v_dead_letter as
select dead_letter_id, received_at, topic, payload, reason, status, count,
       first_received_at, station, epoch, seq, length, encode(sha256, 'hex') as sha256, detail,
       closed_by, closed_reason, closed_at
from dead_letter;

create view v_event as
select time, station, device, kind, detail, received_at, epoch, seq, index from station_event;

create view v_feed as
select c.consumer, c.position, greatest(head.id, c.position) as head,
       (select count(*) from change n where n.id > c.position) as lag_rows,
       coalesce((select extract(epoch from now() - n.at)::float8 from change n
                 where n.id > c.position order by n.id limit 1), 0) as lag_s,
       c.after, c.moved_at
from consumer c cross join (select max(id) as id from change) head;

create view v_service as
select service, worker, started_at, beat_at, connected, backlog_lag_s from service;

create view v_ingest_health as
select from_t, to_t, healthy from ingest_health;

create view v_alarm as
select a.alarm_id, a.rule, a.level, a.station, c.channel, a.severity, a.state, a.raised_at, a.cleared_at,
       a.acknowledged_at, a.acknowledged_by, a.late, c.parameter, c.unit, a.value, a."limit", a.texts
from alarm a left join channel c using (channel_id);

create view v_alarm_event as
select alarm_id, time, event, person, reason, alarm_event_id, at from alarm_event;

create view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       masked(case when n.medium = 'email' then c.email else c.phone_e164 end) as contact_masked,
       n.medium, n.status, n.queued_at, n.sent_at, n.delivered_at, n.attempts, n.error, n.purpose
from notification n join contact c using (contact_id);
