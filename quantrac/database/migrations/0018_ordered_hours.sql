-- Hours of a year of one channel lie in order of their making, each on another page. What is old is put in order of its
-- key once: a year of one channel then lies on a fortieth of the pages.

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
