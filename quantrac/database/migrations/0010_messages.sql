-- People, the outbox of messages to them, and what became of each message, part by part.

-- The addresses of programs hold secrets, so views show only where they lead.
create table contact (
  contact_id  int4 generated always as identity primary key,
  name        text not null,
  phone_e164  text check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
  email       text,
  language    text not null default 'vi' check (language in ('vi', 'en')),
  groups      text[] not null default '{}',
  stations    text[] not null default '{}',
  active      boolean not null default true,
  stopped_at  timestamptz,
  webhook     text check (webhook ~ '^https?://'),          -- a program that is told by signed JSON
  apprise     text check (apprise ~ '^[a-z][a-z0-9+.-]*://'),  -- any service that Apprise knows
  tags        text[] not null default '{}',
  parameters  text[] not null default '{}',
  media       text[] not null default '{}',
  severity    text check (severity in ('low', 'medium', 'high', 'critical')),
  quiet_from  time,
  quiet_to    time,
  wake        text check (wake in ('low', 'medium', 'high', 'critical')),
  cap         int4 check (cap > 0),
  consent     text check (consent in ('given', 'refused')),
  consent_on  date,
  accented    boolean not null default false,
  constraint contact_has_an_address check (coalesce(phone_e164, email, webhook, apprise) is not null),
  constraint contact_quiet check ((quiet_from is null) = (quiet_to is null))
);
comment on column contact.stations is 'stations this person is told about; empty: all';
comment on column contact.stopped_at is 'the person asked for no more short messages (STOP)';
comment on column contact.tags is 'only alarms of stations with one of these tags (area, species); empty: all';
comment on column contact.parameters is 'only alarms of these parameters; empty: all';
comment on column contact.media is 'only by these media; empty: all that routes say';
comment on column contact.severity is 'only alarms as bad as this; null: all';
comment on column contact.wake is 'the least severity that goes through the own quiet hours; null: as the level says';
comment on column contact.cap is 'short messages within a day; more are held for the digest; null: as network.yaml says';
comment on column contact.consent is 'refused: told nothing; null: not recorded';
comment on column contact.accented is 'short messages in Vietnamese with diacritics (UCS-2: 70 signs a part, not 160)';
create unique index contact_phone on contact (phone_e164) where active;
create unique index contact_email on contact (lower(email)) where active;
create unique index contact_webhook on contact (webhook) where active;
create unique index contact_apprise on contact (apprise) where active;

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
comment on column notification.due_at is 'since when its hand-over is due; from here on counts when it is given up';
comment on column notification.next_attempt_at is 'null: it is not handed over again';
comment on column notification.held_for is 'storm, grouping, cap or quiet hours';
create index notification_due on notification (medium, next_attempt_at) where status in ('queued', 'failed');
create index notification_queued on notification (queued_at);
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

create view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       case n.medium when 'email' then masked(c.email) when 'webhook' then masked_address(c.webhook)
         when 'apprise' then masked_address(c.apprise) else masked(c.phone_e164) end as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, n.error, n.purpose, n.carrier,
       case when n.status in ('queued', 'failed') then n.next_attempt_at when n.status = 'held' then n.held_until end
         as next_attempt_at,
       n.held_for
from notification n join contact c using (contact_id);

create view v_carrier as
select carrier, medium, ok_at, failing_since, needs_person, error from carrier;
