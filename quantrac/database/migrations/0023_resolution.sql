-- The smallest step that a channel's instrument tells: a value that rests within it has not stood still.
alter table channel add column resolution float8 check (resolution > 0);
comment on column channel.resolution is 'the smallest step that its instrument tells, in unit; null: nobody knows';
create or replace view v_channel as
select c.station, c.channel, c.parameter, c.unit, c.interval_s, c.derived, c.span_low, c.span_high,
       c.expect_low, c.expect_high, c.name, c.kind, c.plausible_low, c.plausible_high, c.device, c.resolution
from channel c join station s using (station)
where c.active and s.active;
