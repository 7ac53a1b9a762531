-- What became of each message, part by part; what came back; carriers in trouble; shelved alarms; who said stop.

alter table notification add column carrier text;
comment on column notification.carrier is 'who took it or failed last: esms, speedsms, modem, smtp';

-- A carrier without an idempotency key: "begun" is committed before the last byte goes out. A part that was begun and
-- has neither a reference nor a refusal may have arrived or not, and nobody can know.
create table sms_part (
  key          uuid not null,  -- that of the notification
  part         int2 not null check (part >= 1),
  parts        int2 not null,
  carrier      text not null,
  to_number    text not null,
  begun_at     timestamptz not null,
  sent_at      timestamptz,
  reference    int2,           -- TP-MR of the modem
  refused      text,
  report       int2,           -- TP-ST of the status report
  reported_at  timestamptz,
  primary key (key, part)
);
create index sms_part_open on sms_part (to_number, begun_at) where reported_at is null;

create table sms_inbound (
  inbound_id   bigint generated always as identity primary key,
  carrier      text not null,
  from_number  text not null,
  body         text not null,
  sent_at      timestamptz not null,
  received_at  timestamptz not null,
  meaning      text,           -- what was made of it
  unique (carrier, from_number, sent_at, body)
);

create table carrier (
  carrier        text primary key,
  medium         text not null,
  ok_at          timestamptz,
  failing_since  timestamptz,
  needs_person   boolean not null default false,
  error          text
);

create table shelf (
  rule        text not null,
  station     text,
  channel_id  int4 references channel,
  person      text not null,
  reason      text not null,
  since       timestamptz not null,
  until       timestamptz not null,
  check (until > since),
  unique nulls not distinct (rule, station, channel_id)
);

create index alarm_event_withheld on alarm_event (alarm_id) where event = 'withheld';

alter table contact add column stopped_at timestamptz;
comment on column contact.stopped_at is 'the person asked for no more short messages (STOP)';

-- An alarm about the centre itself, such as a carrier that fails, has no station.
alter table alarm alter column station drop not null;

create or replace view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       masked(case when n.medium = 'email' then c.email else c.phone_e164 end) as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, n.error, n.purpose, n.carrier,
       case when n.status = 'queued' then n.next_attempt_at end as next_attempt_at
from notification n join contact c using (contact_id);

create view v_shelf as
select s.rule, s.station, c.channel, s.person, s.reason, s.since, s.until
from shelf s left join channel c using (channel_id);

create view v_carrier as
select carrier, medium, ok_at, failing_since, needs_person, error from carrier;
