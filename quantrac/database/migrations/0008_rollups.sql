-- Roll-ups of readings over hours and local days.

-- `time` is the start of the bucket. Only readings that count are in it: a value, and quality neither fail nor missing.
create table hourly (
  channel_id  int4 not null,
  time        timestamptz not null,
  value       float8,                  -- what the parameter's kind makes of the hour
  mean        float8,
  min         float8,
  max         float8,
  sd          float8,
  total       float8,
  east        float8,                  -- of a direction: sum of sines
  north       float8,                  -- of a direction: sum of cosines
  count       int4 not null,
  received    int4 not null,           -- readings that arrived, whatever their quality
  expected    int4 not null,
  newest      timestamptz,             -- of the readings that are in it; with what follows it goes on with later ones
  pivot       float8,                  -- the first value that counts
  offsets     float8,                  -- sum of what values differ from it
  squares     float8,                  -- sum of the squares of that
  primary key (channel_id, time)
) with (fillfactor = 80);
select create_hypertable('hourly', 'time', chunk_time_interval => interval '90 days', create_default_indexes => false);

create table daily (like hourly including all);
alter table daily set (fillfactor = 80);
alter table daily drop column newest, drop column pivot, drop column offsets, drop column squares;
select create_hypertable('daily', 'time', chunk_time_interval => interval '1000 days', create_default_indexes => false);
create index daily_time on daily (time);  -- a month of all channels, of which the table holds years

-- Days to be made again from their hours, which still grow: made a little later, for many hours at once.
create table owed_day (
  channel_id  int4 not null,
  time        timestamptz not null,    -- when the day begins
  since       timestamptz not null default clock_timestamp(),
  primary key (channel_id, time)
);

create function drop_rollups_before(relation text, before timestamptz) returns setof text language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  if relation not in ('hourly', 'daily') then
    raise exception 'found %, expected hourly or daily', relation;
  end if;
  if before > now() - interval '400 days' then
    raise exception 'roll-ups of the last 400 days are never dropped (asked for: before %)', before;
  end if;
  perform refuse_what_is_kept(relation, before);
  insert into dropped as d
  select relation, max(range_end) from timescaledb_information.chunks
  where hypertable_schema = 'public' and hypertable_name = relation and range_end <= drop_rollups_before.before
  having count(*) > 0
  on conflict on constraint dropped_pkey do update set before = greatest(d.before, excluded.before);
  return query select chunk::text from drop_chunks(('public.' || relation)::regclass, older_than => before) chunk;
end $$;
revoke execute on function drop_rollups_before(text, timestamptz) from public;

-- What cannot be made again cannot be changed: hours whose readings were dropped, days whose hours were. Arguments: what
-- was dropped, and how far a bucket at that edge reaches. Each row is asked for its age alone, most are young.
create function refuse_change_of_rollup() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if old.time < (select min(before) - tg_argv[1]::interval from dropped where relation = any(tg_argv[0]::text[])
                 having count(*) = cardinality(tg_argv[0]::text[])) then
    raise exception 'what the value of % was made of has been dropped: it is neither changed nor deleted', old.time
      using errcode = 'insufficient_privilege';
  end if;
  return null;
end $$;
create trigger hourly_kept after update or delete on hourly for each row
  when (old.time < now() - interval '89 days') execute function refuse_change_of_rollup('{reading}', '1 hour');
create trigger daily_kept after update or delete on daily for each row
  when (old.time < now() - interval '89 days') execute function refuse_change_of_rollup('{reading,hourly}', '25 hours');

-- Hours of a year of one channel lie in order of their making, each on another page. What is old is put in order of its
-- key once: a year of one channel then lies on a fortieth of the pages.
--
-- Order the chunk of hourly values that begins at `start`. Returns its name, or null where there is none or it is in
-- order. Only the owner of a table may do so, hence with the owner's rights. Nobody can read or write the chunk meanwhile
-- (0.2 s for 90 days of 90 channels); the limit keeps a long query from holding up everybody behind it.
create function order_hourly(start timestamptz) returns text language plpgsql security definer
set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
  chunk regclass;
  key text;
begin
  select format('%I.%I', chunk_schema, chunk_name)::regclass into chunk from timescaledb_information.chunks
  where hypertable_schema = 'public' and hypertable_name = 'hourly' and range_start = start and range_end < now();
  select c.relname into key from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = chunk and i.indisprimary and not i.indisclustered;
  if key is null then
    return null;
  end if;
  execute format('cluster %s using %I', chunk, key);
  execute format('analyze %s', chunk);
  return chunk::text;
end $$;
revoke execute on function order_hourly(timestamptz) from public;

create view v_hourly as
select h.time, c.station, c.channel, c.parameter, h.value, h.mean, h.min, h.max, h.sd, h.count, h.expected,
       least(1, h.count / nullif(h.expected, 0)::float8) as completeness,
       h.count > 0 and h.count >= (select valid_share from network) * h.expected as valid, c.unit, h.received
from channel c join hourly h using (channel_id);

create view v_daily as
select d.time, c.station, c.channel, c.parameter, d.value, d.mean, d.min, d.max, d.sd, d.count, d.expected,
       least(1, d.count / nullif(d.expected, 0)::float8) as completeness,
       d.count > 0 and d.count >= (select valid_share from network) * d.expected as valid, c.unit, d.received
from channel c join daily d using (channel_id);

-- Stretches of a station's measured channels, low < t <= high, in which no reading counts, by channel and time: of one
-- kind each, `absent` where nothing came, `test` where a test or a person failed what came, else the device's state.
-- How far apart readings are is what the channel's interval was at the time: where it changed, the longer one.
create function reading_gaps(of_station text, low timestamptz, high timestamptz)
returns table (channel text, device text, kind text, after timestamptz, until timestamptz, readings int4)
language sql stable security definer set search_path = public, pg_temp as $$
  with own as materialized (
    select c.channel_id, c.channel, c.device, c.interval_s from channel c
    where c.station = of_station and not c.derived),
  changed as materialized (
    select o.channel_id, i.interval_s, i.during * tstzmultirange(tstzrange(low, high, '(]')) as during
    from own o join channel_interval i using (channel_id)),
  spaced as materialized (
    select channel_id, lower(part) as begins, upper(part) as ends, make_interval(secs => interval_s) as width
    from (select channel_id, interval_s, during from changed
          union all
          select o.channel_id, o.interval_s, tstzmultirange(tstzrange(low, high, '(]')) - coalesce(
                   (select range_agg(h.during) from changed h where h.channel_id = o.channel_id), '{}')
          from own o) every
    cross join unnest(during) part),
  judged as (
    select distinct on (g.channel_id, g.time, g.test) g.channel_id, g.time, g.test, g.flag
    from reading_flag g join own using (channel_id) where g.time > low and g.time <= high
    order by g.channel_id, g.time, g.test, g.flag_id desc),
  flagged as (
    select channel_id, "time", max(flag) filter (where test is null) as person,
           max(flag) filter (where test is not null) as found
    from judged group by 1, 2),
  came as (
    select r.channel_id, r.time, case
             when coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)) <= 3 and r.value is not null then ''
             when r.state <= 1 and r.value is not null then 'test' else state_word(r.state) end as kind
    from own join reading r using (channel_id)
    left join flagged f on f.channel_id = r.channel_id and f.time = r.time
    where r.time > low and r.time <= high),
  beside as (
    select channel_id, "time", kind, width, lag("time", 1, low) over w as before, lag(kind, 1, '') over w as kind_before,
           "time" - lag("time", 1, low) over w > 1.5 * greatest(width, lag(width) over w) as apart
    from (select channel_id, "time", kind from came union all select channel_id, high, 'end' from own) every
    join spaced s using (channel_id)
    where "time" > s.begins and "time" <= s.ends
    window w as (partition by channel_id order by "time", kind = 'end')),
  stretch as (
    select channel_id, 'absent' as kind, before as after, case when kind = 'end' then "time" else "time" - width end as until,
           null::int8 as readings
    from beside where apart
    union all
    select channel_id, kind, greatest(min("time" - width), low), max("time"), count(*)
    from (select *, count(*) filter (where kind <> kind_before or apart)
                      over (partition by channel_id order by "time", kind = 'end') as number
          from beside) numbered
    where kind not in ('', 'end') group by channel_id, kind, number),
  counted as (
    select channel_id, kind, after, until, coalesce(readings, expected_readings(channel_id, after, until))::int4 as readings
    from stretch)
  select channel, device, kind, after, until, readings from counted join own using (channel_id)
  where readings > 0 order by channel, after
$$;
revoke execute on function reading_gaps(text, timestamptz, timestamptz) from public;

-- The measured channels that a derived one is made of in the end; one may stand there more than once.
create view channel_made_of as
with recursive made_of (channel_id, source) as (
  select d.channel_id, e.value::int4 from derived_channel d cross join jsonb_each_text(d.inputs) e
  union all                                  -- no circles, the files were checked; and a hash of guessed size is slow
  select m.channel_id, e.value::int4
  from made_of m join derived_channel d on d.channel_id = m.source cross join jsonb_each_text(d.inputs) e)
select m.channel_id, m.source from made_of m join channel c on c.channel_id = m.source and not c.derived;

-- Stages of days: `raw` while the day lasts or tests with a history have readings of it before them, `unreviewed` when
-- they have run, `reviewed` when it was signed. A derived day has the lowest stage of what it is made of.
create view v_stage as
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
(with made_of as materialized (select * from channel_made_of)
select c.station, c.channel, l.day,
       case when o.reviewed then 'reviewed' when l.ends > now() or o.waits then 'raw' else 'unreviewed' end as stage,
       null, null, null, null, null, null, null, null, null, null, d.time, null, c.parameter
from network w
cross join (select (select position from consumer where consumer = 'quality') as position) q
cross join channel c
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
  from made_of m join channel t on t.channel_id = m.source
  where m.channel_id = c.channel_id and exists (select from daily i where i.channel_id = m.source and i.time = d.time)
) o
where c.derived);
comment on view v_stage is
  'signed_by without approved_by: a second person has still to sign; reopened_cause: what reopened the day since';
