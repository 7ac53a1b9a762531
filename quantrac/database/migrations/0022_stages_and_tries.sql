-- Stages of derived days, found by the few sources of each channel: as pairs of a recursive view, of which the planner expects
-- a million, each day was held against every channel of the network.
create or replace view v_stage as
select c.station, c.channel, l.day,
       case when s.approved_at is not null and s.reopened_at is null then 'reviewed'
            when l.ends > now() or c.history_tests <> '{}' and (q.position is null or exists (
              select from change n where n.station = c.station and n.id > q.position and n.cause = 'reading'
                and n.channels @> array[c.channel_id] and n.from_t <= l.ends and n.to_t > d.time)) then 'raw'
            else 'unreviewed' end as stage,
       case when s.reopened_at is null then coalesce(s.approved_by, s.person) else s.reopened_by end as by,
       coalesce(s.reopened_at, s.approved_at, s.at) as at,
       case when s.reopened_at is null then s.note else s.reopened_reason end as reason,
       s.person as signed_by, s.at as signed_at, s.approved_by, s.approved_at, s.reopened_by, s.reopened_cause,
       s.reopened_at, d.time, s.sign_off_id, c.parameter
from network w
cross join (select (select position from consumer where consumer = 'quality') as position) q
cross join channel c
join daily d using (channel_id)
cross join lateral (select (d.time at time zone w.time_zone)::date as day,
                           ((d.time at time zone w.time_zone)::date + 1)::timestamp at time zone w.time_zone as ends) l
left join lateral (
  select n.* from sign_off n where n.channel_id = c.channel_id and n.day = l.day order by n.sign_off_id desc limit 1
) s on true
where not c.derived
union all
(with made_of as materialized (select channel_id, array_agg(source) as sources from channel_made_of group by channel_id)
select c.station, c.channel, l.day,
       case when o.reviewed then 'reviewed' when l.ends > now() or o.waits then 'raw' else 'unreviewed' end as stage,
       null, null, null, null, null, null, null, null, null, null, d.time, null, c.parameter
from network w
cross join (select (select position from consumer where consumer = 'quality') as position) q
cross join channel c
left join made_of m using (channel_id)
join daily d using (channel_id)
cross join lateral (select (d.time at time zone w.time_zone)::date as day,
                           ((d.time at time zone w.time_zone)::date + 1)::timestamp at time zone w.time_zone as ends) l
cross join lateral (
  select bool_and(exists (
           select from sign_off n where n.channel_id = t.channel_id and n.day = l.day and n.approved_at is not null
             and n.reopened_at is null)) as reviewed,
         bool_or(t.history_tests <> '{}' and (q.position is null or exists (
           select from change n where n.station = t.station and n.id > q.position and n.cause = 'reading'
             and n.channels @> array[t.channel_id] and n.from_t <= l.ends and n.to_t > d.time))) as waits
  from unnest(m.sources) source join channel t on t.channel_id = source
  where exists (select from daily i where i.channel_id = source and i.time = d.time)
) o
where c.derived);

-- A job that failed is tried again, so often.
alter table job_run add column tries int4 not null default 0;
comment on column job_run.tries is 'how often it was begun; a failed one is begun again after a while';
create or replace view v_job as
select job, due_at, started_at, finished_at, outcome, detail, rows, asked_by, reason, tries from job_run;
