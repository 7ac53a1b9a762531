-- Readings are written once and never updated; findings, corrections and conflicts are rows beside them.

create table reading (
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null check (state between 0 and 7),
  tests        int2 not null check (tests >= 0),
  received_at  timestamptz not null,
  primary key (channel_id, time)
);
select create_hypertable('reading', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);

create table latest (
  channel_id   int4 primary key,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  tests        int2 not null,
  received_at  timestamptz not null
) with (fillfactor = 50);

-- One act of a person over the readings of a channel: a verdict, or a correction (value, or raw * factor + added).
create table review (
  review_id         bigint generated always as identity primary key,
  channel_id        int4 not null references channel,
  kind              text not null check (kind in ('flag', 'correction')),
  from_t            timestamptz not null,      -- of the first and the last reading, both inclusive
  to_t              timestamptz not null,
  readings          int4 not null check (readings > 0),
  flag              int2 check (flag in (1, 2, 3, 4, 9)),
  value             float8,
  factor            float8,
  added             float8,
  person            text not null,
  reason            text not null,
  at                timestamptz not null,
  approved_by       text,
  approved_at       timestamptz,
  withdrawn_by      text,
  withdrawn_reason  text,
  withdrawn_at      timestamptz,
  check (from_t <= to_t),
  check ((kind = 'flag') = (flag is not null)),
  check ((approved_by is null) = (approved_at is null)),
  check ((withdrawn_by is null) = (withdrawn_at is null))
);
create index review_channel on review (channel_id, from_t);

-- Append only. Of each (channel, time, test) the newest row counts; test null = a person's verdict, which overrides; a
-- person's row without a flag: no verdict stands any more, the tests speak again.
create table reading_flag (
  flag_id     bigint generated always as identity primary key,
  channel_id  int4 not null,
  time        timestamptz not null,
  test        text,
  flag        int2 check (flag in (1, 2, 3, 4, 9)),
  "by"        text not null,
  reason      text,
  at          timestamptz not null,
  review_id   bigint references review,
  check (flag is not null or test is null)
);
create index reading_flag_reading on reading_flag (channel_id, time);

create table correction (
  correction_id   bigint generated always as identity primary key,
  channel_id      int4 not null,
  time            timestamptz not null,
  value           float8,
  "by"            text not null,
  reason          text not null,
  at              timestamptz not null,
  approved_by     text,
  approved_at     timestamptz,
  revoked_by      text,
  revoked_reason  text,
  revoked_at      timestamptz,
  review_id       bigint references review,
  check ((approved_by is null) = (approved_at is null)),
  check ((revoked_by is null) = (revoked_at is null))
);
create unique index correction_in_force on correction (channel_id, time) where approved_at is not null and revoked_at is null;

-- A second value for a key that is already stored: the first stays in reading, the other is kept here.
create table conflict (
  conflict_id  bigint generated always as identity primary key,
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  epoch        text not null,
  seq          bigint not null,
  received_at  timestamptz not null,
  count        bigint not null default 1 check (count > 0),
  unique nulls not distinct (channel_id, time, value, state)
);

-- Stretches of receipts over which a station's clock was wrong by more than a minute, as its live messages showed;
-- `sure` false: it may as well be their way.
create table station_clock (
  station   text not null references station,
  since     timestamptz not null,
  until     timestamptz,
  ahead_ms  bigint not null,
  sure      boolean not null,
  primary key (station, since)
);

-- What a station with a wrong clock said live and what has no place among the readings: its slot is taken by what was
-- measured before the clock was set, or lies too far ahead. Rules see it, nothing else does.
create table unplaced_reading (
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  tests        int2 not null,
  received_at  timestamptz not null,
  primary key (channel_id, time, received_at)
);

create table station_event (
  station      text not null references station,
  epoch        text not null,
  seq          bigint not null,
  index        int4 not null check (index >= 0),
  time         timestamptz not null,
  device       text,
  kind         text not null,
  detail       text,
  received_at  timestamptz not null,
  primary key (station, epoch, seq, index)
);
create index station_event_time on station_event (time);

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

-- Up to when chunks were dropped: what was made of them must not be made again from what is left.
create table dropped (
  relation  text primary key,
  before    timestamptz not null
);

-- Drop the chunks of readings that lie wholly before a time, and what was derived from them; returns their names. Runs
-- with the owner's rights, because only the owner of a hypertable may drop its chunks; so it refuses whatever could hurt
-- a running network.
create function drop_readings_before(before timestamptz) returns setof text language plpgsql security definer
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
revoke execute on function drop_readings_before(timestamptz) from public;

-- Compress the readings of one week: the chunk that begins at `week`. Returns its name, or null where nothing is to be
-- done: compression is off, no such chunk, all of it compressed already. Readings that came late for a compressed week
-- are taken in. Only the owner of a hypertable may compress its chunks, hence with the owner's rights. Whoever queries
-- the week waits for it, and it for them; the limit keeps a long query or a backup from holding up everybody else.
create function compress_readings(week timestamptz) returns text language plpgsql security definer
set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
  chunk regclass;
  compressed boolean;
  late boolean;
begin
  if week > now() - interval '14 days' then
    raise exception 'readings of the last 14 days are never compressed (asked for: the week from %)', week;
  end if;
  select format('%I.%I', c.chunk_schema, c.chunk_name)::regclass, c.is_compressed into chunk, compressed
  from timescaledb_information.chunks c join timescaledb_information.hypertables h using (hypertable_schema, hypertable_name)
  where c.hypertable_schema = 'public' and c.hypertable_name = 'reading' and c.range_start = week and h.compression_enabled;
  if chunk is null then
    return null;
  end if;
  execute format('select exists (select from only %s)', chunk) into late;
  if compressed and not late then
    return null;
  end if;
  return compress_chunk(chunk)::text;
end $$;
revoke execute on function compress_readings(timestamptz) from public;

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
    where n.station = c.station and n.id > q.position and n.channels @> array[c.channel_id]
      and n.cause = 'reading') end as waiting
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
    where n.station = c.station and n.id > q.position and n.channels @> array[c.channel_id]
      and n.cause = 'reading') end as waiting
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

create view v_review as
select v.review_id, c.station, c.channel, v.kind,
       case when v.withdrawn_at is not null then 'withdrawn' when v.approved_at is null then 'proposed'
            else 'in force' end as state,
       v.from_t, v.to_t, v.readings, v.flag, v.value, v.factor, v.added, v.person, v.reason, v.at,
       v.approved_by, v.approved_at, v.withdrawn_by, v.withdrawn_reason, v.withdrawn_at
from review v join channel c using (channel_id);

create view v_conflict as
select k.time, c.station, c.channel, k.value, state_word(k.state) as state, r.value as kept_value,
       state_word(r.state) as kept_state, c.unit, k.epoch, k.seq, k.received_at, k.count
from conflict k join channel c using (channel_id)
left join reading r on r.channel_id = k.channel_id and r.time = k.time;
comment on view v_conflict is 'kept_value and kept_state are null where the reading has been dropped since';

create view v_event as
select time, station, device, kind, detail, received_at, epoch, seq, index from station_event;

-- When each device with an interval (`calibration: {every: …}` in its station file) was calibrated last, and is due.
create view v_calibration as
select s.station, d.key as device, (d.value #>> '{calibration,every_ms}')::float8 / 1000 as every_s, seen.last_at,
       coalesce(seen.last_at, seen.known_since)
         + make_interval(secs => (d.value #>> '{calibration,every_ms}')::float8 / 1000) as due_at
from station s
cross join lateral jsonb_each(s.config -> 'devices') d
cross join lateral (
  select max(e.time) filter (where e.kind = 'calibration' and coalesce(e.device, d.key) = d.key) as last_at,
         min(e.time) as known_since
  from v_event e where e.station = s.station
) seen
where s.active and d.value #>> '{calibration,every_ms}' is not null;
comment on view v_calibration is
  'last_at: the last on record; without one due_at counts from the station''s first event, and is null before it';
