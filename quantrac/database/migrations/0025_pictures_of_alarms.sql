-- Pictures that alarms ask of the cameras of their station: a row for each raise and camera.

create table alarm_picture (
  alarm_picture_id  bigint generated always as identity primary key,
  alarm_id          bigint not null references alarm,
  alarm_event_id    bigint not null references alarm_event,
  station           text not null,
  camera            text not null,
  wanted_at         timestamptz not null,
  expires_at        timestamptz not null,
  asked_at          timestamptz,
  outcome           text check (outcome in ('taken', 'failed', 'expired', 'shared')),
  error             text,
  unique (alarm_event_id, camera)
);
comment on column alarm_picture.asked_at is 'committed before the station is asked: it is asked at most once';
comment on column alarm_picture.outcome is 'null: waits, or was asked and nobody knows; shared: the camera was asked for another alarm just before';
create index alarm_picture_waiting on alarm_picture (wanted_at) where asked_at is null and outcome is null;
create index alarm_picture_camera on alarm_picture (station, camera, wanted_at);
create index alarm_picture_alarm on alarm_picture (alarm_id);

-- What the camera saw: its picture nearest to the time at which the alarm asked, whatever made it take it.
create view v_alarm_picture as
select p.alarm_id, p.station, p.camera, p.wanted_at, p.asked_at,
       coalesce(p.outcome, case when p.asked_at is null then 'waits' else 'asked' end) as outcome, p.error,
       seen.time, seen.jpeg as bytes
from alarm_picture p left join lateral (
  select i.time, i.jpeg from image i
  where i.station = p.station and i.camera = p.camera
    and i.time between p.wanted_at - interval '1 minute' and p.wanted_at + interval '5 minutes'
  order by abs(extract(epoch from i.time - p.wanted_at)), i.time limit 1) seen on true;
