-- An import may be undone: its readings go from `reading` to `withdrawn_reading`, and what came from elsewhere for the same
-- instant comes in their place. Files that were undone may be imported again, as another import.

alter table import drop constraint import_station_sha256_key;
alter table import add column undone_by text, add column undone_reason text, add column undone_at timestamptz,
  add column withdrawn bigint not null default 0, add column gone_at timestamptz;
comment on column import.undone_at is 'since when it brings nothing more';
comment on column import.withdrawn is 'readings that were taken back';
comment on column import.gone_at is 'when the last of them was; null with undone_at: begun, and to be gone on with';
alter table import add check ((undone_by is null) = (undone_at is null) and (undone_reason is null) = (undone_at is null));
create unique index import_station_sha256 on import (station, sha256) where undone_at is null;

alter table review add column import_id int4 references import;
comment on column review.import_id is 'the import whose file has this verdict; null: a person gave it';
create index review_import on review (import_id) where import_id is not null;

alter table change drop constraint change_cause_check;
alter table change add constraint change_cause_check
  check (cause in ('reading', 'flag', 'correction', 'configuration', 'clock', 'withdrawn'));

-- What undone imports had brought, as it was stored, with `started_at` of the import as its time of receipt.
create table withdrawn_reading (
  channel_id  int4 not null,
  time        timestamptz not null,
  import_id   int4 not null references import,
  value       float8,
  state       int2 not null,
  tests       int2 not null,
  primary key (channel_id, time, import_id)
);

-- Readings of an import that another source has sent alike: each import that did, and the first that is none.
create table seconded_reading (
  channel_id   int4 not null,
  time         timestamptz not null,
  received_at  timestamptz not null,
  tests        int2 not null,
  primary key (channel_id, time, received_at)
);

-- Take back the readings of an undone import, low < t <= high, and the findings of tests on them. Of each the first other
-- source that sent the same stays; else the first other value that was kept as a conflict, or the null that had given way,
-- comes back: these are returned, for whoever calls to judge and store. A row without a time says how many readings of a
-- channel went, from when to when; one without a channel, how many stay. Nothing but this takes a reading away, hence with the owner's rights.
create function withdraw_readings(undone int4, low timestamptz, high timestamptz)
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
  insert into withdrawn_reading (channel_id, time, import_id, value, state, tests)
  select w.channel_id, w.time, undone, w.value, w.state, w.tests from withdrawn_now w;
  with others as (
    select distinct on (s.channel_id, s.time) s.* from withdrawn_now w join seconded_reading s using (channel_id, time)
    order by s.channel_id, s.time, s.received_at),
  taken as (delete from seconded_reading s using others o
            where s.channel_id = o.channel_id and s.time = o.time and s.received_at = o.received_at),
  kept as (update reading r set received_at = o.received_at, tests = o.tests from others o
           where r.channel_id = o.channel_id and r.time = o.time and r.time > low and r.time <= high
           returning r.channel_id, r.time),
  shown as (update latest l set received_at = o.received_at, tests = o.tests from others o
            where l.channel_id = o.channel_id and l.time = o.time)
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
  with own as (  -- conflicts that only this import brought; a null in the place of which it had come is none of them
    delete from conflict k using channel c
    where c.station = its.station and k.channel_id = c.channel_id and k.time > low and k.time <= high
      and k.epoch = its.epoch and k.received_at = its.started_at
      and not (k.value is null and exists (
        select from withdrawn_now w where w.channel_id = k.channel_id and w.time = k.time and w.value is not null))
    returning k.conflict_id),
  back as (
    delete from conflict k using (
      select distinct on (n.channel_id, n.time) n.conflict_id
      from withdrawn_now w join conflict n using (channel_id, time)
      where n.conflict_id not in (select conflict_id from own)
      order by n.channel_id, n.time, n.value is null, n.conflict_id) chosen
    where k.conflict_id = chosen.conflict_id
    returning k.channel_id, k.time, k.value, k.state,
              case when k.received_at = its.started_at then its.undone_at else k.received_at end as received_at)
  select b.channel_id, b.time, b.value, b.state, b.received_at, null::int8, null::timestamptz, null::timestamptz
  from back b
  union all
  select w.channel_id, null, null, null, null, count(*), min(w.time), max(w.time) from withdrawn_now w
  group by w.channel_id
  union all
  select null, null, null, null, null, stayed, null, null;
end $$;
revoke execute on function withdraw_readings(int4, timestamptz, timestamptz) from public;

drop view v_import;
create view v_import as
select i.import_id, i.station, i.epoch, i.format, i.source, i.sha256, i.person, i.started_at, i.finished_at, i.lines,
       i.readings, i.refused, i.first_t, i.last_t,
       case when i.gone_at is not null then 'undone' when i.undone_at is not null then 'being undone'
            when i.finished_at is not null then 'finished' else 'not finished' end as state,
       i.undone_by, i.undone_reason, i.undone_at, i.withdrawn
from import i;

-- As before, with readings that were withdrawn after the moment in the place of what came for them.
create or replace function readings_as_of(of_channel int4, low timestamptz, high timestamptz, moment timestamptz)
returns table ("time" timestamptz, value float8, raw_value float8, state text, quality int2, tests text,
               received_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  with gone as materialized (
    select distinct on (w.time) w.channel_id, w.time, w.value, w.state, w.tests, i.started_at as received_at
    from withdrawn_reading w join import i using (import_id)
    where w.channel_id = of_channel and w.time > low and w.time <= high
      and i.started_at <= moment and i.undone_at > moment
    order by w.time, i.started_at),
  stood as (
    select * from gone
    union all
    select r.channel_id, r.time, r.value, r.state, r.tests, r.received_at from reading r
    where r.channel_id = of_channel and r.time > low and r.time <= high and r.received_at <= moment
      and r.time not in (select g.time from gone g))
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
