-- Readings are written once and never updated, but for a null that nobody measured, which a measured value fills; findings, corrections and conflicts are rows beside them.

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
create index reading_blamed on reading (channel_id, time) where state <> 0 or tests <> 0;  -- few of a year's readings

create table latest (
  channel_id   int4 primary key,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  tests        int2 not null,
  received_at  timestamptz not null
) with (fillfactor = 50);

-- One act of a person over the readings of a channel: a verdict, the end of verdicts, or a correction: value, or
-- raw * factor + added + drift * share, where share grows in a line from 0 at drift_from to 1 at drift_to.
create table review (
  review_id         bigint generated always as identity primary key,
  channel_id        int4 not null references channel,
  kind              text not null check (kind in ('flag', 'unflag', 'correction')),
  from_t            timestamptz not null,      -- of the first and the last reading, both inclusive
  to_t              timestamptz not null,
  readings          int4 not null check (readings > 0),
  flag              int2 check (flag in (1, 2, 3, 4, 9)),
  value             float8,
  factor            float8,
  added             float8,
  drift             float8,
  drift_from        timestamptz,               -- of two calibrations: the earlier, after which the probe drifted, and the later
  drift_to          timestamptz,
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
  check ((drift is null) = (drift_from is null) and (drift is null) = (drift_to is null) and drift_from < drift_to),
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

-- A verdict is a person's: whoever writes only findings of tests (the group quantrac_ingest) cannot write one.
-- Looked at once a statement: a check of each of a review's 10,000 rows took more than half of its time.
create function refuse_forged_verdict() returns trigger language plpgsql as $$
begin
  if not exists (select from pg_class t where t.oid = tg_relid and pg_has_role(t.relowner, 'member'))
     and not exists (select from pg_roles r where r.rolname = 'quantrac_console' and pg_has_role(r.oid, 'member'))
     and exists (select from added where test is null) then
    raise insufficient_privilege using message = 'a verdict of a person is written by the console or the owner alone';
  end if;
  return null;
end $$;
create trigger reading_flag_verdict after insert on reading_flag referencing new table as added for each statement
  execute function refuse_forged_verdict();

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

-- A second value for a key that is already stored: the first stays in reading, the other is kept here; so is a null that
-- gave way to a value, with the message that brought the value.
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

create function refuse_what_is_kept(what text, before timestamptz) returns void language plpgsql stable as $$
declare
  kept interval;
begin
  select case what when 'readings' then readings_kept when 'hourly' then hourly_kept else daily_kept end into kept from network;
  if kept is null then
    raise exception 'network.yaml, as it was applied, keeps % for good: set retention there, then quantrac stations apply', what;
  end if;
  if before > now() - kept + interval '1 hour' then       -- an hour: our clock and that of the services may differ
    raise exception 'network.yaml, as it was applied, keeps % of the last % (asked for: before %)', what, kept, before;
  end if;
end $$;

-- Put a measured value in the place of a null that nobody measured (states comm, warmup, fault); returns the null's state,
-- or null where there is no such null. The one way to change a reading, hence with the owner's rights.
create function fill_reading(channel int4, at timestamptz, measured float8, its_state int2, its_tests int2, received timestamptz)
returns int2 language plpgsql security definer set search_path = public, pg_temp as $$
declare
  was int2;
begin
  select r.state into was from reading r
  where r.channel_id = channel and r.time = at and r.value is null and state_word(r.state) in ('comm', 'warmup', 'fault');
  if was is not null and measured is not null then
    update reading r set value = measured, state = its_state, tests = its_tests, received_at = received
    where r.channel_id = channel and r.time = at;
  end if;
  return was;
end $$;
revoke execute on function fill_reading(int4, timestamptz, float8, int2, int2, timestamptz) from public;

-- Drop the chunks of readings that lie wholly before a time, and what was derived from them; returns their names. Runs
-- with the owner's rights, because only the owner of a hypertable may drop its chunks; so it refuses whatever could hurt
-- a running network, and whatever network.yaml keeps, as it was applied last.
create function drop_readings_before(before timestamptz) returns setof text language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  "end" timestamptz;
begin
  if before > now() - interval '90 days' then
    raise exception 'readings of the last 90 days are never dropped (asked for: before %)', before;
  end if;
  perform refuse_what_is_kept('readings', before);
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

-- A signature under one local day of a channel, and, where the network wants four eyes, a second one. Rows stay: what
-- reopened the day stands in them.
create table sign_off (
  sign_off_id       bigint generated always as identity primary key,
  channel_id        int4 not null references channel,
  day               date not null,
  from_t            timestamptz not null,      -- the day holds from_t < t <= to_t
  to_t              timestamptz not null,
  content           bigint[] not null,         -- see day_content
  person            text not null,
  account           text,
  note              text,
  at                timestamptz not null,
  approved_by       text,
  approved_account  text,
  approved_at       timestamptz,
  reopened_by       text,
  reopened_cause    text check (reopened_cause in ('person', 'reading', 'finding', 'correction')),
  reopened_reason   text,
  reopened_at       timestamptz,
  check (from_t < to_t),
  check ((approved_by is null) = (approved_at is null)),
  check ((reopened_cause is null) = (reopened_at is null)),
  check ((reopened_cause = 'person') = (reopened_by is not null and reopened_reason is not null))
);
comment on column sign_off.account is 'login of the account that signed; null: nobody had to sign in';
comment on column sign_off.approved_at is 'since when the day counts as reviewed; null: a second person has still to sign';
comment on column sign_off.reopened_cause is 'a person, or data that came or changed after the signature';
create unique index sign_off_standing on sign_off (channel_id, day) where reopened_at is null;
create index sign_off_day on sign_off (channel_id, day, sign_off_id);
create index sign_off_newest on sign_off (to_t) where reopened_at is null;
create index sign_off_touched on sign_off (channel_id, to_t) where reopened_at is null;
create index sign_off_reopened on sign_off (reopened_at) where reopened_at is not null;
create index sign_off_to_do on sign_off (channel_id, day)
  where reopened_at is null and approved_at is null or reopened_cause <> 'person';

-- What a stretch of a measured channel holds: its readings, those with a value, its newest finding or verdict, the
-- corrections in force, and its newest receipt (microseconds since 1970). Raw values never change, findings are only
-- added: as long as these numbers are the same, so is the stretch.
create function day_content(of_channel int4, low timestamptz, high timestamptz) returns bigint[] language sql stable
security definer set search_path = public, pg_temp as $$
  select array[count(*), count(r.value),
    (select coalesce(max(f.flag_id), 0) from reading_flag f
     where f.channel_id = of_channel and f.time > low and f.time <= high),
    (select coalesce(sum(k.correction_id), 0)::bigint from correction k
     where k.channel_id = of_channel and k.time > low and k.time <= high
       and k.approved_at is not null and k.revoked_at is null),
    coalesce(extract(epoch from max(r.received_at)) * 1000000, 0)::bigint]
  from reading r where r.channel_id = of_channel and r.time > low and r.time <= high
$$;
revoke execute on function day_content(int4, timestamptz, timestamptz) from public;

-- Readings of a measured channel, low < t <= high, as the views would have shown them at an earlier moment: what had been
-- received by then, with the findings, verdicts and corrections of then. A null that gave way to a value later is absent.
create function readings_as_of(of_channel int4, low timestamptz, high timestamptz, moment timestamptz)
returns table ("time" timestamptz, value float8, raw_value float8, state text, quality int2, tests text,
               received_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select r.time, case when k.correction_id is null then r.value else k.value end, r.value, state_word(r.state),
         coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)),
         (test_words(r.tests) || coalesce(f.words, '{}'))::text, r.received_at
  from reading r
  left join lateral (
    select c.correction_id, c.value from correction c
    where c.channel_id = r.channel_id and c.time = r.time and c.approved_at <= moment
      and (c.revoked_at is null or c.revoked_at > moment)
    order by c.correction_id desc limit 1) k on true
  left join lateral (
    select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found,
           array_agg(g.test order by g.test) filter (where g.flag >= 3 and g.test is not null) as words
    from (select distinct on (g.test) g.test, g.flag from reading_flag g
          where g.channel_id = r.channel_id and g.time = r.time and g.at <= moment order by g.test, g.flag_id desc) g
  ) f on true
  where r.channel_id = of_channel and r.time > low and r.time <= high and r.received_at <= moment
  order by r.time
$$;
revoke execute on function readings_as_of(int4, timestamptz, timestamptz, timestamptz) from public;

-- Readings of a channel, low < t <= high, that their device, a test, or both blame, as the views show state and tests.
-- The views look up findings and corrections of each reading: of a year without blame that took seconds.
create function blamed_readings(of_channel text, low timestamptz, high timestamptz)
returns table ("time" timestamptz, state text, tests text[])
language sql stable security definer set search_path = public, pg_temp as $$
  with own as materialized (select channel_id from channel where channel = of_channel),
  said as (
    select r.time, r.state, r.tests from own join reading r using (channel_id)
    where r.time > low and r.time <= high and (r.state <> 0 or r.tests <> 0)
    union all
    select d.time, d.state, 0::int2 from own join derived_reading d using (channel_id)
    where d.time > low and d.time <= high and d.state <> 0),
  judged as (
    select distinct on (g.time, g.test) g.time, g.test, g.flag from own join reading_flag g using (channel_id)
    where g.time > low and g.time <= high and g.test is not null order by g.time, g.test, g.flag_id desc),
  found as (select "time", array_agg(test order by test) as words from judged where flag >= 3 group by "time")
  select "time", state_word(coalesce(s.state, 0::int2)), test_words(coalesce(s.tests, 0::int2)) || coalesce(f.words, '{}')
  from said s full join found f using ("time")
$$;
revoke execute on function blamed_readings(text, timestamptz, timestamptz) from public;

-- Readings of a channel, low < t <= high, with value, state and quality as `v_reading` has them. Findings, verdicts and
-- corrections of the stretch are read once; the view looks them up for each reading, which takes four times as long for a
-- month. No nested loop: before statistics know of a review's 10,000 rows, one would compare all with all.
create function judged_readings(of_channel text, low timestamptz, high timestamptz)
returns table ("time" timestamptz, value float8, raw_value float8, state text, quality int2)
language sql stable security definer set search_path = public, pg_temp set enable_nestloop = off as $$
  with own as materialized (
    select c.channel_id, case when c.history_tests <> '{}' then case when q.position is null then '{(,)}'::tstzmultirange
             else (select range_agg(tstzrange(n.from_t, n.to_t, '[]')) from change n
                   where n.station = c.station and n.id > q.position and n.channels @> array[c.channel_id]
                     and n.cause = 'reading') end end as waiting
    from channel c cross join (select (select position from consumer where consumer = 'quality') as position) q
    where c.channel = of_channel),
  flagged as materialized (
    select "time", max(flag) filter (where test is null) as person, max(flag) filter (where test is not null) as found
    from (select distinct on (g.time, g.test) g.time, g.test, g.flag from reading_flag g
          where g.channel_id = (select channel_id from own) and g.time > low and g.time <= high
          order by g.time, g.test, g.flag_id desc) newest
    group by "time"),
  corrected as materialized (
    select k.time, k.value from correction k
    where k.channel_id = (select channel_id from own) and k.time > low and k.time <= high
      and k.approved_at is not null and k.revoked_at is null)
  select r.time, case when k.time is null then r.value else k.value end, r.value, state_word(r.state),
         coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found,
                                     case when r.time <@ (select waiting from own) then 2::int2 end))
  from reading r left join flagged f using ("time") left join corrected k using ("time")
  where r.channel_id = (select channel_id from own) and r.time > low and r.time <= high
  union all
  select d.time, d.value, d.value, state_word(d.state), d.quality from derived_reading d
  where d.channel_id = (select channel_id from own) and d.time > low and d.time <= high
$$;
revoke execute on function judged_readings(text, timestamptz, timestamptz) from public;

-- Quality: the worst of state, stateless tests and findings; "not evaluated" while the consumer `quality` has the
-- reading still before it on a channel that has tests with a history; a person's verdict stands above all. The correction
-- is looked up by its key for each reading: before statistics know of a review's 10,000 rows, a join would compare every
-- reading of a month with every one of them, which took 54 s.
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
left join lateral (
  select k.correction_id, k.value from correction k
  where k.channel_id = r.channel_id and k.time = r.time and k.approved_at is not null and k.revoked_at is null limit 1
) k on true
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
left join lateral (
  select k.correction_id, k.value from correction k
  where k.channel_id = r.channel_id and k.time = r.time and k.approved_at is not null and k.revoked_at is null limit 1
) k on true
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
       v.approved_by, v.approved_at, v.withdrawn_by, v.withdrawn_reason, v.withdrawn_at,
       v.drift, v.drift_from, v.drift_to
from review v join channel c using (channel_id);

-- Of each reading and test the row with the highest flag_id counts; test null: a person.
create view v_flag as
select g.time, c.station, c.channel, g.test, g.flag, g.reason, g."by", g.at, g.review_id, g.flag_id
from reading_flag g join channel c using (channel_id);

create view v_conflict as
select k.time, c.station, c.channel, k.value, state_word(k.state) as state, r.value as kept_value,
       state_word(r.state) as kept_state, c.unit, k.epoch, k.seq, k.received_at, k.count
from conflict k join channel c using (channel_id)
left join reading r on r.channel_id = k.channel_id and r.time = k.time;
comment on view v_conflict is 'kept_value and kept_state are null where the reading has been dropped since';

create view v_event as
select time, station, device, kind, detail, received_at, epoch, seq, index from station_event;
