-- The outbox of messages to people, and what became of each message, part by part.

create table notification (
  notification_id  bigint generated always as identity primary key,
  alarm_id         bigint references alarm,
  alarm_event_id   bigint references alarm_event,
  contact_id       int4 not null references contact,
  medium           text not null,
  purpose          text not null,
  status           text not null default 'queued',
  subject          text,
  body             text not null,
  queued_at        timestamptz not null,
  sent_at          timestamptz,
  failed_at        timestamptz,
  delivered_at     timestamptz,
  attempts         int4 not null default 0,
  due_at           timestamptz,
  next_attempt_at  timestamptz,
  key              uuid not null unique default gen_random_uuid(),  -- idempotency key for the provider
  provider_ref     text,
  error            text,
  carrier          text,
  facts            jsonb,
  held_for         text,
  held_until       timestamptz,
  unique (alarm_id, alarm_event_id, contact_id, medium)
);
comment on column notification.carrier is 'who took it or failed last: esms, speedsms, modem, smtp';
comment on column notification.facts is 'the message as data: numbers, UTC times, and words for the placeholders of templates';
comment on column notification.failed_at is 'since when no carrier takes it; null: none has refused it, or one took it since';
comment on column notification.due_at is 'since when its hand-over is due; from here on counts when it is given up';
comment on column notification.next_attempt_at is 'null: it is not handed over again';
comment on column notification.held_for is 'storm, grouping, cap or quiet hours';
create index notification_due on notification (medium, next_attempt_at) where status in ('queued', 'failed');
create index notification_queued on notification (queued_at);
create index notification_failed on notification (failed_at) where status = 'failed';
create index notification_held on notification (held_until) where status = 'held';
create index notification_person on notification (contact_id, queued_at);

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
  contact_id   int4 references contact,  -- who wrote it; null: nobody whom we know
  unique (carrier, from_number, sent_at, body)
);
create index sms_inbound_person on sms_inbound (contact_id, received_at);

create table carrier (
  carrier        text primary key,
  medium         text not null,
  ok_at          timestamptz,
  failing_since  timestamptz,
  needs_person   boolean not null default false,
  error          text
);

create view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       case n.medium when 'email' then masked(c.email) when 'webhook' then masked_address(c.webhook)
         when 'apprise' then masked_address(c.apprise) else masked(c.phone_e164) end as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, without_addresses(n.error) as error, n.purpose, n.carrier,
       case when n.status in ('queued', 'failed') then n.next_attempt_at when n.status = 'held' then n.held_until end
         as next_attempt_at,
       n.held_for, n.alarm_event_id
from notification n join contact c using (contact_id);

create view v_carrier as
select carrier, medium, ok_at, failing_since, needs_person, without_addresses(error) as error from carrier;
