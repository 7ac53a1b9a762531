-- What a person wants to hear, and when; alarms that wait for a person, flap, latch or are out of service; held messages.

alter table contact
  add column tags text[] not null default '{}',
  add column parameters text[] not null default '{}',
  add column media text[] not null default '{}',
  add column severity text check (severity in ('low', 'medium', 'high', 'critical')),
  add column quiet_from time,
  add column quiet_to time,
  add column wake text check (wake in ('low', 'medium', 'high', 'critical')),
  add column cap int4 check (cap > 0),
  add column consent text check (consent in ('given', 'refused')),
  add column consent_on date,
  add constraint contact_quiet check ((quiet_from is null) = (quiet_to is null));
comment on column contact.tags is 'only alarms of stations with one of these tags (area, species); empty: all';
comment on column contact.parameters is 'only alarms of these parameters; empty: all';
comment on column contact.media is 'only by these media; empty: all that routes say';
comment on column contact.severity is 'only alarms as bad as this; null: all';
comment on column contact.wake is 'the least severity that goes through the own quiet hours; null: as the level says';
comment on column contact.cap is 'short messages within a day; more are held for the digest; null: as network.yaml says';
comment on column contact.consent is 'refused: told nothing; null: not recorded';

alter table alarm
  add column latched boolean not null default false,
  add column returned_at timestamptz,
  add column unanswered_since timestamptz,
  add column called_at timestamptz,
  add column call_at timestamptz,
  add column false_at timestamptz,
  add column false_by text,
  add constraint alarm_marked_false check ((false_at is null) = (false_by is null));
comment on column alarm.latched is 'stands until a person resets it';
comment on column alarm.returned_at is 'a latched alarm: when its readings returned to normal';
comment on column alarm.unanswered_since is 'since when people have been told and nobody has acknowledged';
comment on column alarm.call_at is 'when the next step of escalation or the next repeat is due';
comment on column alarm.false_at is 'when a person marked it as a false alarm';
create index alarm_call on alarm (call_at) where call_at is not null;

create table out_of_service (
  out_of_service_id  int4 generated always as identity primary key,
  station            text not null references station,
  device             text,
  channels           text[] not null default '{}',  -- of the device; empty: the whole station
  person             text not null,
  reason             text not null,
  since              timestamptz not null,
  until              timestamptz not null,
  ended_at           timestamptz,
  ended_by           text,
  check (until > since),
  check ((device is null) = (channels = '{}'))
);
create index out_of_service_open on out_of_service (station) where ended_at is null;

create table flapping (
  rule        text not null,
  station     text,
  channel_id  int4 references channel,
  alarm_id    bigint not null references alarm,  -- whose rise made it so, and of which people were told
  since       timestamptz not null,
  unique nulls not distinct (rule, station, channel_id)
);

alter table notification add column held_for text, add column held_until timestamptz;
comment on column notification.held_for is 'storm, grouping, cap or quiet hours';
update notification set held_for = 'storm', held_until = queued_at where status = 'held';
drop index notification_held;
create index notification_held on notification (held_until) where status = 'held';
create index notification_person on notification (contact_id, queued_at);

create or replace view v_alarm as
select a.alarm_id, a.rule, a.level, a.station, c.channel, a.severity, a.state, a.raised_at, a.cleared_at,
       a.acknowledged_at, a.acknowledged_by, a.late, c.parameter, c.unit, a.value, a."limit", a.texts,
       case when a.cleared_at is null and not a.late and known.at < now() - 3 * c.interval_s * interval '1 s'
         then known.at end as no_data_since,
       a.latched, a.returned_at, a.unanswered_since, a.call_at, a.false_at, a.false_by
from alarm a left join channel c using (channel_id)
left join lateral (
  select to_timestamp((s.state ->> 'counted_ms')::float8 / 1000) as at from rule_state s
  where s.rule = a.rule and s.channel_id = a.channel_id) known on true;

create or replace view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       case n.medium when 'email' then masked(c.email) when 'webhook' then masked_address(c.webhook)
         when 'apprise' then masked_address(c.apprise) else masked(c.phone_e164) end as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, n.error, n.purpose, n.carrier,
       case n.status when 'queued' then n.next_attempt_at when 'held' then n.held_until end as next_attempt_at,
       n.held_for
from notification n join contact c using (contact_id);

create view v_out_of_service as
select out_of_service_id, station, device, channels, person, reason, since, until, ended_at, ended_by,
       ended_at is null and since <= now() and until > now() as in_force
from out_of_service;

create view v_flapping as
select f.rule, f.station, c.channel, f.alarm_id, f.since from flapping f left join channel c using (channel_id);
