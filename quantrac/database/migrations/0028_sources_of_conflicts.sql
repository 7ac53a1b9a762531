-- A second value is kept once for each import that brought it, and once for all other sources together: so an import that
-- is undone takes its own along, and no other, however many overlap. What a null was that gave way is known of all its sources.

alter table conflict add column import_id int4 references import, add column first_at timestamptz;
comment on column conflict.import_id is 'the import that brought this value or null; null: any other source';
comment on column conflict.first_at is 'when it first came from there; of a null that gave way, the receipt of the null';
create index conflict_import on conflict (import_id) where import_id is not null;

-- Of rows that several sources shared the first is known; a null that gave way has the message that brought the value.
update conflict k set import_id = i.import_id, first_at = i.started_at
from channel c join import i using (station)
where c.channel_id = k.channel_id and i.epoch = k.epoch and i.undone_at is null
  and not (k.value is null and exists (
    select from reading r where r.channel_id = k.channel_id and r.time = k.time and r.value is not null
    and r.received_at = k.received_at));
update conflict k set import_id = i.import_id, first_at = i.started_at
from import i
where k.import_id is null and i.started_at = k.received_at and i.undone_at is null and i.epoch <> k.epoch
  and exists (select from import u where u.epoch = k.epoch and u.undone_at is not null);
update conflict k set first_at = k.received_at
where k.import_id is null and not exists (select from import i where i.started_at = k.received_at);

alter table conflict drop constraint conflict_channel_id_time_value_state_key;
alter table conflict add unique nulls not distinct (channel_id, time, value, state, import_id);

-- A null that nobody measured (states comm, warmup, fault) gives way to a measured value.
create function gives_way(value float8, state int2) returns boolean language sql immutable parallel safe as $$
  select value is null and state_word(state) in ('comm', 'warmup', 'fault')
$$;

-- Put a measured value in the place of a null that gives way; returns the null's state and
-- the receipts of all who had sent it, the first one first, or no row where there is no such null. One of two ways to change a
-- reading, hence with the owner's rights.
drop function fill_reading(int4, timestamptz, float8, int2, int2, timestamptz);
create function fill_reading(channel int4, at timestamptz, measured float8, its_state int2, its_tests int2, received timestamptz)
returns table (null_state int2, sent timestamptz[]) language plpgsql security definer set search_path = public, pg_temp as $$
declare
  was reading;
  alike timestamptz[];
begin
  select * into was from reading r
  where r.channel_id = channel and r.time = at and gives_way(r.value, r.state);
  if was is null or measured is null then
    return;
  end if;
  update reading r set value = measured, state = its_state, tests = its_tests, received_at = received
  where r.channel_id = channel and r.time = at;
  with gone as (delete from seconded_reading s where s.channel_id = channel and s.time = at returning s.received_at)
  select array_agg(g.received_at order by g.received_at) into alike from gone g;
  return query select was.state, was.received_at || coalesce(alike, '{}');
end $$;
revoke execute on function fill_reading(int4, timestamptz, float8, int2, int2, timestamptz) from public;

alter table withdrawn_reading add column withdrawn_at timestamptz;
update withdrawn_reading w set withdrawn_at = i.undone_at from import i where i.import_id = w.import_id;
alter table withdrawn_reading alter column withdrawn_at set not null;

-- Take back the readings of an undone import, low < t <= high, and the findings of tests on them. Of what other sources have
-- sent for the same instant the first stands now, as if the import had never come; a null that gives way, only where there is
-- no value. Where it is what was withdrawn, the reading stays and is that source's; else a row is returned for each source that
-- sent it, the first one first, for whoever calls to judge and store. A row without a time says how many readings of a channel
-- went, from when to when; one without a channel, how many stay. `moment`: when they go. Nothing but this takes a reading away,
-- hence with the owner's rights.
drop function withdraw_readings(int4, timestamptz, timestamptz);
create function withdraw_readings(undone int4, low timestamptz, high timestamptz, moment timestamptz)
returns table (channel_id int4, "time" timestamptz, value float8, state int2, received_at timestamptz,
               readings int8, first_t timestamptz, last_t timestamptz)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  its import;
  stayed int8;
begin
  select * into strict its from import i where i.import_id = undone and i.undone_at is not null;
  drop table if exists pg_temp.withdrawn_now;  -- fails where it is the caller's own, who might have put a trigger on it
  create temp table withdrawn_now (
    channel_id int4, time timestamptz, value float8, state int2, tests int2, primary key (channel_id, time)
  ) on commit drop;
  drop table if exists pg_temp.standing_now;
  create temp table standing_now (
    channel_id int4, time timestamptz, value float8, state int2, received_at timestamptz, alike boolean,
    primary key (channel_id, time)
  ) on commit drop;
  delete from seconded_reading s using channel c
  where c.station = its.station and s.channel_id = c.channel_id and s.time > low and s.time <= high
    and s.received_at = its.started_at;
  insert into withdrawn_now
  select r.channel_id, r.time, r.value, r.state, r.tests from channel c
  join reading r on r.channel_id = c.channel_id and r.time > low and r.time <= high
  where c.station = its.station and not c.derived and r.received_at = its.started_at;
  analyze withdrawn_now;
  perform from latest l where l.channel_id in (select w.channel_id from withdrawn_now w)
  order by l.channel_id for update;  -- in the order in which ingest moves them
  insert into withdrawn_reading (channel_id, time, import_id, value, state, tests, withdrawn_at)
  select w.channel_id, w.time, undone, w.value, w.state, w.tests, moment from withdrawn_now w;
  with own as (delete from conflict k where k.import_id = undone and k.time > low and k.time <= high returning k.*)
  insert into withdrawn_reading (channel_id, time, import_id, value, state, tests, withdrawn_at)
  select distinct on (o.channel_id, o.time) o.channel_id, o.time, undone, null, o.state, 1, moment
  from own o where gives_way(o.value, o.state) order by o.channel_id, o.time, o.conflict_id
  on conflict do nothing;  -- nulls that have given way, or would have
  with sent as (
    select w.channel_id, w.time, w.value, w.state, s.received_at, true as alike
    from withdrawn_now w join seconded_reading s using (channel_id, time)
    union all
    select n.channel_id, n.time, n.value, n.state, coalesce(n.first_at, its.undone_at), false
    from withdrawn_now w join conflict n using (channel_id, time)),
  judged as (
    select s.*, first_value(gives_way(s.value, s.state)) over (
      partition by s.channel_id, s.time order by s.received_at) and s.value is null as gave_way
    from sent s)
  insert into standing_now
  select distinct on (j.channel_id, j.time) j.channel_id, j.time, j.value, j.state, j.received_at, j.alike from judged j
  order by j.channel_id, j.time, j.gave_way, j.received_at;
  analyze standing_now;
  with taken as (
    delete from seconded_reading s using standing_now n
    where s.channel_id = n.channel_id and s.time = n.time and (n.received_at = s.received_at or not n.alike)
    returning s.channel_id, s.time, s.received_at, s.tests, n.alike),
  kept as (
    update reading r set received_at = t.received_at, tests = t.tests from taken t
    where t.alike and r.channel_id = t.channel_id and r.time = t.time and r.time > low and r.time <= high
    returning r.channel_id, r.time),
  shown as (
    update latest l set received_at = t.received_at, tests = t.tests from taken t
    where t.alike and l.channel_id = t.channel_id and l.time = t.time),
  second_values as (  -- of which message, is not known any more
    insert into conflict (channel_id, time, value, state, epoch, seq, received_at, import_id, first_at)
    select w.channel_id, w.time, w.value, w.state, coalesce(i.epoch, ''), 0, t.received_at, i.import_id, t.received_at
    from taken t join withdrawn_now w using (channel_id, time) left join import i on i.started_at = t.received_at
    where not t.alike
    on conflict do nothing)
  delete from withdrawn_now w using kept k where w.channel_id = k.channel_id and w.time = k.time;
  get diagnostics stayed = row_count;
  delete from reading r using withdrawn_now w
  where r.channel_id = w.channel_id and r.time = w.time and r.time > low and r.time <= high;
  delete from latest l using withdrawn_now w
  where l.channel_id = w.channel_id and l.time = w.time;
  insert into reading_flag (channel_id, time, test, flag, "by", reason, at)
  select f.channel_id, f.time, f.test, 1, its.undone_by, 'import ' || undone || ' was undone', its.undone_at
  from (select distinct on (g.channel_id, g.time, g.test) g.channel_id, g.time, g.test, g.flag
        from withdrawn_now w join reading_flag g on g.channel_id = w.channel_id and g.time = w.time
        where g.test is not null order by g.channel_id, g.time, g.test, g.flag_id desc) f
  where f.flag >= 3;
  update import i set withdrawn = i.withdrawn + (select count(*) from withdrawn_now) where i.import_id = undone;
  return query
  with back as (
    delete from conflict k using standing_now n
    where not n.alike and k.channel_id = n.channel_id and k.time = n.time and k.state = n.state
      and k.value is not distinct from n.value
    returning k.channel_id, k.time, k.value, k.state, coalesce(k.first_at, its.undone_at) as received_at),
  said as (
    select b.channel_id, b.time, b.value, b.state, b.received_at, null::int8, null::timestamptz, null::timestamptz
    from back b
    union all
    select w.channel_id, null, null, null, null, count(*), min(w.time), max(w.time) from withdrawn_now w
    group by w.channel_id
    union all
    select null, null, null, null, null, stayed, null, null)
  select * from said s order by s.channel_id, s.time, s.received_at;
end $$;
revoke execute on function withdraw_readings(int4, timestamptz, timestamptz, timestamptz) from public;

-- As before; what was withdrawn after the moment, and nulls that gave way after it, are in their places.
create or replace function readings_as_of(of_channel int4, low timestamptz, high timestamptz, moment timestamptz)
returns table ("time" timestamptz, value float8, raw_value float8, state text, quality int2, tests text,
               received_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  with sent as (
    select w.time, w.value, w.state, w.tests, i.started_at as received_at
    from withdrawn_reading w join import i using (import_id)
    where w.channel_id = of_channel and w.time > low and w.time <= high
      and i.started_at <= moment and w.withdrawn_at > moment
    union all
    select r.time, r.value, r.state, r.tests, r.received_at from reading r
    where r.channel_id = of_channel and r.time > low and r.time <= high and r.received_at <= moment
    union all
    select k.time, k.value, k.state, 1::int2, k.first_at from conflict k
    where k.channel_id = of_channel and k.time > low and k.time <= high and gives_way(k.value, k.state)
      and k.first_at <= moment),
  judged as (
    select s.*, first_value(gives_way(s.value, s.state)) over (partition by s.time order by s.received_at)
      and s.value is null as gave_way
    from sent s),
  stood as (
    select distinct on (j.time) of_channel as channel_id, j.time, j.value, j.state, j.tests, j.received_at from judged j
    order by j.time, j.gave_way, j.received_at)
  select r.time, case when k.correction_id is null then r.value else k.value end, r.value, state_word(r.state),
         coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)),
         (test_words(r.tests) || coalesce(f.words, '{}'))::text, r.received_at
  from stood r
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
  order by r.time
$$;
