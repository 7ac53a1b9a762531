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
  return query select chunk::text from drop_chunks(('public.' || relation)::regclass, older_than => before) chunk;
end $$;
revoke execute on function drop_rollups_before(text, timestamptz) from public;

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
