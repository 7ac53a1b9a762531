"""SQL conditions under which an alarm `a` is withheld from people at the time `%(now)s`."""

from __future__ import annotations

from typing import Final

from alerts.alarm.life import AlarmState

IS_SHELVED: Final = "exists (select from shelf s where s.subject = a.subject and s.until > %(now)s)"
IS_OUT: Final = """
exists (select from out_of_service o left join channel c on c.channel_id = a.channel_id
        where o.station = a.station and o.ended_at is null and o.since <= %(now)s and o.until > %(now)s
        and (o.channels = '{}' or c.name = any(o.channels)))
"""
STATE_AT_RISE: Final = f"""
case when {IS_SHELVED} then '{AlarmState.SHELVED}' when {IS_OUT} then '{AlarmState.OUT_OF_SERVICE}'
     else '{AlarmState.UNACKNOWLEDGED}' end
"""
