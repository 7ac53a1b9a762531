"""SQL conditions under which an alarm `a` is withheld from people at the time `%(now)s`."""

from __future__ import annotations

from typing import Final

from alerts.alarm.life import AlarmState

IS_SHELVED: Final = "exists (select from shelf s where s.subject = a.subject and s.until > %(now)s)"
IS_OUT: Final = """
(select bool_and(exists (
   select from out_of_service o
   where o.station = a.station and o.ended_at is null and o.since <= %(now)s and o.until > %(now)s
   and (o.channels = '{}' or stands.name = any(o.channels))))
 from (with twins as (
         select c.name from channel c join rule_state s using (channel_id)
         where c.station = a.station and c.parameter = a.story and s.rule = a.rule and s.state->>'level' is not null)
       select name from twins union all
       select (select c.name from channel c where c.channel_id = a.channel_id) where not exists (select from twins)
      ) stands)
"""
"""Each channel at which it stands is out: of twins all those that do, so that one in service is heard."""
STATE_AT_RISE: Final = f"""
case when {IS_SHELVED} then '{AlarmState.SHELVED}' when {IS_OUT} then '{AlarmState.OUT_OF_SERVICE}'
     else '{AlarmState.UNACKNOWLEDGED}' end
"""
