-- Derived channels: what the centre makes of readings; and the limits of quality tests with a history.

-- How a derived channel is made; written by `quantrac stations apply`.
create table derived_channel (
  channel_id  int4 primary key references channel,
  formula     text not null,
  inputs      jsonb not null,               -- input of the formula -> channel_id
  options     jsonb not null default '{}',
  made        jsonb                         -- what its values were made with; anything else: they are made anew
);

-- Not raw: a row is what the formula gives for the readings as they stand, so it changes with them. Made once, a row
-- never goes while its readings are kept: what can no longer be computed becomes null.
create table derived_reading (
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null check (state between 0 and 7),
  quality      int2 not null check (quality in (1, 2, 3, 4, 9)),
  received_at  timestamptz not null,         -- when the newest of what it is made of came
  primary key (channel_id, time)
) with (fillfactor = 90);
select create_hypertable('derived_reading', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);

alter table channel add column history_limits jsonb not null default '{}';
comment on column channel.history_limits is 'limits of the tests in history_tests, by test; absent: those built in';

create or replace view v_reading as
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
) f on true
union all
select d.time, c.station, c.channel, c.parameter, d.value, d.value as raw_value, c.unit, state_word(d.state) as state,
       d.quality, '{}'::text as tests, d.received_at,
       d.received_at - d.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late
from channel c join derived_reading d using (channel_id);

create or replace view v_latest as
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
where c.active and s.active
union all
select d.time, c.station, c.channel, c.parameter, d.value, d.value as raw_value, c.unit, state_word(d.state) as state,
       d.quality, '{}'::text as tests, d.received_at,
       d.received_at - d.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late,
       extract(epoch from now() - d.time)::float8 as age_s
from channel c
join station s on s.station = c.station
cross join lateral (select * from derived_reading n where n.channel_id = c.channel_id order by n.time desc limit 1) d
where c.derived and c.active and s.active;

-- Derived values go with the readings they were made of.
create or replace function drop_readings_before(before timestamptz) returns setof text language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  "end" timestamptz;
begin
  if before > now() - interval '90 days' then
    raise exception 'readings of the last 90 days are never dropped (asked for: before %)', before;
  end if;
  select max(range_end) into "end" from timescaledb_information.chunks
  where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end <= before;
  if "end" is null then
    return;
  end if;
  insert into dropped as d values ('reading', "end")
  on conflict (relation) do update set before = greatest(d.before, excluded.before);
  delete from reading_flag f where f.time < "end" and f.test is not null;
  perform drop_chunks('public.derived_reading', older_than => "end");
  return query select chunk::text from drop_chunks('public.reading', older_than => "end") chunk;
end $$;
