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
