-- What programs read: limits of decrees as the files have them, completeness of days with the causes of what lacks, readings
-- in pages.
create table decree_limit (
  name       text not null,
  decree     text not null,
  article    text not null,
  parameter  text not null,
  class      text not null,
  title      jsonb not null,
  average    text not null,
  low        float8,
  high       float8,
  unit       text not null,
  valid_from date,
  valid_to   date,
  confirmed  boolean not null,
  check (low is not null or high is not null)
);
comment on table decree_limit is 'as `stations apply` found them in station_configs/limits; replaced whole';
comment on column decree_limit.name is '<file>/<parameter>/<case>';
comment on column decree_limit.average is 'over which time a value is a mean: value (none), 1h, 8h, 24h, year';
create unique index decree_limit_period on decree_limit (name, coalesce(valid_from, '-infinity'));

create view v_limit as
select l.decree, l.article, l.parameter, l.class, l.low, l.high, l.average, l.valid_from, l.valid_to, l.confirmed, l.name,
       l.title->>'vi' as title, l.title->>'en' as title_en, l.unit,
       coalesce(l.valid_from <= today.day, true) and coalesce(l.valid_to >= today.day, true) as in_force
from decree_limit l cross join (select (now() at time zone time_zone)::date as day from network) today;
comment on view v_limit is
  'one row a figure and the local days on which it holds, both inclusive; class: the case of the decree; the value itself is allowed';

create table lacking (
  channel_id int4 not null references channel,
  day        date not null,
  readings   int4 not null,
  causes     jsonb not null,
  explained_at timestamptz not null,
  primary key (channel_id, day)
);
comment on table lacking is 'why readings of a day do not count, as a job found it when so many lacked';
comment on column lacking.causes is 'cause -> readings; they add up to `readings`';

-- Asked by views for a channel that sent nothing on a day: whoever reads them may not read the table of intervals.
create function expected_on_day(of_channel int4, low timestamptz, high timestamptz) returns int4
  language sql stable security definer set search_path = public, pg_temp as $$
  select expected_readings(of_channel, low, high)
$$;

create view v_completeness as
select d.station, d.channel, d.day, d.expected, d.received, d.valid,
       case when d.valid >= d.expected then '{}'::jsonb when k.readings = d.expected - d.valid then k.causes end as causes,
       d.parameter, d."time"
from (
  select c.channel_id, c.station, c.channel, c.parameter, l.day, l.low as "time",
         coalesce(v.expected, expected_on_day(c.channel_id, l.low, l.high)) as expected,
         coalesce(least(v.received, v.expected), 0) as received, coalesce(least(v.count, v.expected), 0) as valid
  from network w
  cross join channel c join station s using (station)
  cross join lateral (select min("time") as first, max("time") as last from daily where channel_id = c.channel_id) own
  cross join lateral (
    select n::date as day, n at time zone w.time_zone as low, (n + interval '1 day') at time zone w.time_zone as high
    from generate_series(date_trunc('day', coalesce(own.first, s.in_service) at time zone w.time_zone),
                         now() at time zone w.time_zone, interval '1 day') n) l
  left join daily v on v.channel_id = c.channel_id and v.time = l.low
  where not c.derived
    and c.parameter <> all ('{battery_v,mains,door,shelter_temp,signal,disk_free,clock_offset,bus_errors,cpu_temp,error_rate,'
                            'sample_count,spool_lost,spool_depth}'::text[])
    and l.high <= now()
    and (l.low between own.first and own.last
         or c.active and s.active and s.in_service < l.high and (own.first is null or l.low > own.last))) d
left join lacking k using (channel_id, day);
comment on view v_completeness is
  'local days that are over of measured channels that count; causes: cause -> readings, which add up to expected less valid; null: not explained yet';

-- When so many readings of a channel have come, low < time <= high, from one end; null: there are fewer. So a page is judged
-- alone, and not all that follows it.
create function reading_time_at(of_channel text, low timestamptz, high timestamptz, number int4, newest_first boolean)
  returns timestamptz language sql stable security definer set search_path = public, pg_temp as $$
  with own as materialized (select channel_id from channel where channel = of_channel)
  select "time" from (
    (select r.time from reading r
     where not newest_first and r.channel_id = (select channel_id from own) and r.time > low and r.time <= high
     order by r.time limit number)
    union all
    (select r.time from reading r
     where newest_first and r.channel_id = (select channel_id from own) and r.time > low and r.time <= high
     order by r.time desc limit number)
    union all
    (select d.time from derived_reading d
     where not newest_first and d.channel_id = (select channel_id from own) and d.time > low and d.time <= high
     order by d.time limit number)
    union all
    (select d.time from derived_reading d
     where newest_first and d.channel_id = (select channel_id from own) and d.time > low and d.time <= high
     order by d.time desc limit number)) found
  order by case when newest_first then "time" end desc, "time" offset number - 1 limit 1
$$;

create function reading_count(of_channel text, low timestamptz, high timestamptz) returns int8
  language sql stable security definer set search_path = public, pg_temp as $$
  select (select count(*) from reading r where r.channel_id = c.channel_id and r.time > low and r.time <= high)
    + (select count(*) from derived_reading d where d.channel_id = c.channel_id and d.time > low and d.time <= high)
  from channel c where c.channel = of_channel
$$;
revoke execute on function reading_time_at(text, timestamptz, timestamptz, int4, boolean) from public;
revoke execute on function reading_count(text, timestamptz, timestamptz) from public;
