-- Readings of inputs, raw or derived, merged as v_reading merges them. Parameters: channel_id, low, high (windows
-- low <= t <= high), first and last time of them all, suspecting (tests that may merely doubt). A raw reading waits while the consumer `quality` has yet to pass it:
-- looked up once a station, and only among changes that it has yet to take. `offset 0` as in ingest/stored_readings.py.
with asked as materialized (
  select u.nr, u.channel_id, u.low, u.high, c.station, c.derived, c.history_tests <> '{}' as tested
  from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as u(channel_id, low, high, nr) join channel c using (channel_id)
), unread as materialized (
  select k.channel_id, range_agg(tstzrange(n.from_t, n.to_t, '[]')) as waiting
  from (select distinct station from asked where tested) s
  cross join lateral (
    select * from change n where n.station = s.station
    and n.id > (select position from consumer where consumer = 'quality') and n.cause = 'reading' offset 0) n
  cross join unnest(n.channels) as k(channel_id)
  where k.channel_id in (select channel_id from asked where tested)
  group by k.channel_id
), w as materialized (
  select asked.*, unread.waiting from asked left join unread using (channel_id)
), flagged as materialized (
  select channel_id, time,
         max(flag) filter (where test is null) as person, max(flag) filter (where test is not null) as found,
         max(flag) filter (where test is not null and (flag <> 3 or test <> all(%(suspecting)s))) as sure
  from (select distinct on (g.channel_id, g.time, g.test) g.channel_id, g.time, g.test, g.flag
        from w join reading_flag g on g.channel_id = w.channel_id and g.time between w.low and w.high
        order by g.channel_id, g.time, g.test, g.flag_id desc) newest
  group by channel_id, time
)
select w.nr::int4 - 1 as place, r.time,
       coalesce(case when k.correction_id is null then r.value else k.value end, 'NaN') as value, r.state,
       coalesce(nullif(f.person, 2), greatest(quality_of(r.state, r.tests), f.found))::int2 as quality, r.received_at,
       coalesce(nullif(f.person, 2), greatest(quality_of(r.state, r.tests), f.sure))::int2 as undoubted,
       coalesce(r.time <@ w.waiting, false)::int4::int2 as waits
from w cross join lateral (
  select r.* from reading r where r.channel_id = w.channel_id and r.time between w.low and w.high
  and r.time between %(first)s and %(last)s offset 0) r
left join correction k on k.channel_id = r.channel_id and k.time = r.time
                      and k.approved_at is not null and k.revoked_at is null
left join flagged f on f.channel_id = r.channel_id and f.time = r.time
where not w.derived
union all
select w.nr::int4 - 1, d.time, coalesce(d.value, 'NaN'), d.state, d.quality, d.received_at, coalesce(d.undoubted, d.quality),
       0::int2
from w cross join lateral (
  select d.* from derived_reading d where d.channel_id = w.channel_id and d.time between w.low and w.high
  and d.time between %(first)s and %(last)s offset 0) d
where w.derived
order by 1, 2
