-- Alarms since when nothing is known, and messages that are held for a summary.

create index notification_queued on notification (queued_at);
create index notification_held on notification (contact_id, medium) where status = 'held';
create index alarm_subject on alarm (rule, station, channel_id, raised_at);
create index alarm_late on alarm (alarm_id) where late;

create or replace view v_alarm as
select a.alarm_id, a.rule, a.level, a.station, c.channel, a.severity, a.state, a.raised_at, a.cleared_at,
       a.acknowledged_at, a.acknowledged_by, a.late, c.parameter, c.unit, a.value, a."limit", a.texts,
       case when a.cleared_at is null and not a.late and known.at < now() - 3 * c.interval_s * interval '1 second'
            then known.at end as no_data_since
from alarm a left join channel c using (channel_id)
left join lateral (
  select to_timestamp((s.state->>'counted_ms')::float8 / 1000) as at
  from rule_state s where s.rule = a.rule and s.channel_id = a.channel_id) known on true;
comment on view v_alarm is 'no_data_since: a standing alarm of whose channel nothing that counts has come since';
