-- The second values that arrived for a key, beside those that stay.

create view v_conflict as
select k.time, c.station, c.channel, k.value, state_word(k.state) as state, r.value as kept_value,
       state_word(r.state) as kept_state, c.unit, k.epoch, k.seq, k.received_at, k.count
from conflict k join channel c using (channel_id)
left join reading r on r.channel_id = k.channel_id and r.time = k.time;
comment on view v_conflict is 'kept_value and kept_state are null where the reading has been dropped since';
