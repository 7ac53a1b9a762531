-- When a public alarm reached another level: programs that took its warning are told of it by an update.
create or replace view v_public_alarm as
select p.alarm_id, a.station, a.severity, a.raised_at, a.cleared_at, p.published_at, p.ended_at,
       a.texts->'title' as title, a.texts->'consequence' as consequence, a.texts->'response' as response,
       a.level, array(
         select e.at from (
           select e.at, e.alarm_event_id,
                  (e.detail->>'level', e.detail->>'severity') is distinct from
                  lag((e.detail->>'level', e.detail->>'severity')) over (order by e.alarm_event_id) as is_other
           from alarm_event e
           where e.alarm_id = p.alarm_id and e.event in ('raised', 'level') and e.detail->>'level' <> 'lull') e
         where e.is_other and e.at > p.published_at and e.at <= coalesce(p.ended_at, 'infinity')
         order by e.alarm_event_id) as changed_at,
       case when a.cleared_at is not null then (
         select max(e.at) from alarm_event e where e.alarm_id = p.alarm_id and e.event in ('cleared', 'reset')
       ) end as noticed_over_at
from alarm_publication p join alarm a using (alarm_id);
comment on column v_public_alarm.changed_at is
  'when it reached another level while it was public, in order; a lull is no level';
comment on column v_public_alarm.noticed_over_at is
  'when its end was recorded: after `cleared_at` where the readings that tell it came late; null: it stands';
