-- Roll-ups of readings over hours and local days, the share that makes one valid, and where imported readings came from.

-- quantrac.telemetry.slots.bucket_start: the bucket labelled h holds h < t <= h + width, aligned to 1970 UTC.
create function bucket_start("time" timestamptz, width interval) returns timestamptz language sql immutable parallel safe as $$
  select date_bin(width, "time" - interval '1 microsecond', '1970-01-01 00:00:00+00'::timestamptz)
$$;

-- quantrac.telemetry.slots.local_day: the local midnight at which the day of a reading begins (UTC+7, no summer time).
create function local_day("time" timestamptz) returns timestamptz language sql immutable parallel safe as $$
  select date_bin('1 day', "time" - interval '1 microsecond', '1970-01-01 00:00:00+07'::timestamptz)
$$;

-- What holds for the whole network; written by `quantrac stations apply`.
create table network (
  singleton    boolean primary key default true check (singleton),
  valid_share  float8 not null default 0.75 check (valid_share > 0 and valid_share <= 1)
);
comment on column network.valid_share is 'share of the expected readings that makes an hour or a day valid';
insert into network default values;

-- Times in which a channel reported in another interval than it does now: before a change of configuration, in imports.
create table channel_interval (
  channel_id  int4 not null references channel,
  interval_s  float8 not null check (interval_s > 0),
  during      tstzmultirange not null,
  primary key (channel_id, interval_s)
);

create function channel_interval_kept() returns trigger language plpgsql as $$
begin
  insert into channel_interval as i (channel_id, interval_s, during)
  values (old.channel_id, old.interval_s, tstzmultirange(tstzrange(null, now(), '(]')) - coalesce(
    (select range_agg(o.during) from channel_interval o where o.channel_id = old.channel_id), '{}'))
  on conflict (channel_id, interval_s) do update set during = i.during + excluded.during;
  return null;
end $$;
create trigger channel_interval_kept after update of interval_s on channel
  for each row when (old.interval_s <> new.interval_s) execute function channel_interval_kept();

-- Readings expected of a channel in low < t <= high, by the intervals it had.
create function expected_readings(of_channel int4, low timestamptz, high timestamptz) returns int4 language sql stable as $$
  select round(coalesce(sum(extract(epoch from upper(part) - lower(part)) / i.interval_s), 0)
           + (extract(epoch from high - low) - coalesce(sum(extract(epoch from upper(part) - lower(part))), 0))
             / (select interval_s from channel where channel_id = of_channel))::int4
  from channel_interval i, unnest(i.during * tstzmultirange(tstzrange(low, high, '(]'))) part
  where i.channel_id = of_channel
$$;

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
  primary key (channel_id, time)
) with (fillfactor = 80);
select create_hypertable('hourly', 'time', chunk_time_interval => interval '90 days', create_default_indexes => false);

create table daily (like hourly including all);
alter table daily set (fillfactor = 80);
select create_hypertable('daily', 'time', chunk_time_interval => interval '1000 days', create_default_indexes => false);

-- Up to when chunks were dropped: what was made of them must not be made again from what is left.
create table dropped (
  relation  text primary key,
  before    timestamptz not null
);

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
  return query select chunk::text from drop_chunks('public.reading', older_than => "end") chunk;
end $$;

create function drop_rollups_before(relation text, before timestamptz) returns setof text language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  if relation not in ('hourly', 'daily') then
    raise exception 'found %, expected hourly or daily', relation;
  end if;
  if before > now() - interval '400 days' then
    raise exception 'roll-ups of the last 400 days are never dropped (asked for: before %)', before;
  end if;
  return query select chunk::text from drop_chunks(('public.' || relation)::regclass, older_than => before) chunk;
end $$;
revoke execute on function drop_rollups_before(text, timestamptz) from public;

-- Readings from files. All readings of one import bear its `started_at` as their time of receipt, and no others do.
create table import (
  import_id    int4 generated always as identity primary key,
  station      text not null references station,
  epoch        text not null,              -- its book in the ledger
  format       text not null,
  source       text not null,
  sha256       text not null,
  interval_s   float8 not null check (interval_s > 0),
  person       text not null,
  started_at   timestamptz not null unique,
  finished_at  timestamptz,
  lines        bigint not null default 0,  -- read and settled; where an interrupted import goes on
  messages     bigint not null default 0,
  readings     bigint not null default 0,  -- added by it
  refused      bigint not null default 0,  -- lines
  first_t      timestamptz,
  last_t       timestamptz,
  unique (station, sha256)
);

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

create view v_import as
select i.import_id, i.station, i.epoch, i.format, i.source, i.sha256, i.person, i.started_at, i.finished_at, i.lines,
       i.readings, i.refused, i.first_t, i.last_t
from import i;
