-- Compression of old readings, by the clock of `quantrac jobs run`; does nothing until `db tune` has switched it on.

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
