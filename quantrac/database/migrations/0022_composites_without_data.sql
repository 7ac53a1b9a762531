-- A standing alarm of a composite rule says since when nothing is known, as those of channels do.

create or replace view v_alarm as
select a.alarm_id, a.rule, a.level, a.station, c.channel, a.severity, a.state, a.raised_at, a.cleared_at,
       a.acknowledged_at, a.acknowledged_by, a.late, c.parameter, c.unit, a.value, a."limit", a.texts,
       case when a.cleared_at is null and not a.late
              and known.at < now() - greatest(3 * coalesce(c.interval_s, 0) * interval '1 s',
                                              case when c.channel_id is null then interval '15 minutes' end)
         then known.at end as no_data_since,
       a.latched, a.returned_at, a.unanswered_since, a.call_at, a.false_at, a.false_by
from alarm a left join channel c using (channel_id)
left join lateral (
  select to_timestamp((s.state ->> 'counted_ms')::float8 / 1000) as at from rule_state s
  where s.rule = a.rule and s.channel_id = a.channel_id
  union all
  select to_timestamp((s.state -> 'machine' ->> 'counted_ms')::float8 / 1000) from composite_state s
  where a.channel_id is null and s.rule = a.rule and s.station = a.station) known on true;
comment on view v_alarm is 'no_data_since: a standing alarm of whose channel nothing that counts has come since';
