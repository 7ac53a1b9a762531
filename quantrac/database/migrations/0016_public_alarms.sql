-- Alarms that an operator let the public read, and what the public reads of them: nobody's name, no remark.
create table alarm_publication (
  alarm_id      bigint primary key references alarm,
  published_at  timestamptz not null,
  ended_at      timestamptz,
  check (ended_at >= published_at)
);
comment on column alarm_publication.ended_at is 'when a person took it from the public; null: it is public';
create index alarm_publication_at on alarm_publication (published_at);

create view v_public_alarm as
select p.alarm_id, a.station, a.severity, a.raised_at, a.cleared_at, p.published_at, p.ended_at,
       a.texts->'title' as title, a.texts->'consequence' as consequence, a.texts->'response' as response
from alarm_publication p join alarm a using (alarm_id);
