-- Alarms and the outbox of messages to people.

create table contact (
  contact_id  int4 generated always as identity primary key,
  name        text not null,
  phone_e164  text check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
  email       text,
  language    text not null default 'vi' check (language in ('vi', 'en')),
  groups      text[] not null default '{}',
  stations    text[] not null default '{}',
  active      boolean not null default true,
  check (phone_e164 is not null or email is not null)
);
comment on column contact.stations is 'stations this person is told about; empty: all';
create unique index contact_phone on contact (phone_e164) where active;
create unique index contact_email on contact (lower(email)) where active;

create table rule_state (
  rule        text not null,
  channel_id  int4 not null references channel,
  state       jsonb not null,
  cursor      timestamptz,
  primary key (rule, channel_id)
) with (fillfactor = 50);

create table alarm (
  alarm_id         bigint generated always as identity primary key,
  rule             text not null,
  level            text not null,
  station          text not null references station,
  channel_id       int4 references channel,
  severity         text not null,
  state            text not null,
  raised_at        timestamptz not null,
  cleared_at       timestamptz,
  acknowledged_at  timestamptz,
  acknowledged_by  text,
  late             boolean not null default false,
  value            float8,
  "limit"          float8,
  texts            jsonb not null default '{}',
  check (cleared_at >= raised_at),
  check ((acknowledged_at is null) = (acknowledged_by is null))
);
-- One alarm per rule and channel: a change of level is an event under the same alarm_id.
create unique index alarm_standing on alarm (rule, station, channel_id) nulls not distinct
  where cleared_at is null and not late;
create index alarm_raised on alarm (raised_at);

create table alarm_event (
  alarm_event_id  bigint generated always as identity primary key,
  alarm_id        bigint not null references alarm,
  time            timestamptz not null,
  event           text not null,
  person          text,
  reason          text,
  detail          jsonb,
  at              timestamptz not null
);
create index alarm_event_alarm on alarm_event (alarm_id);

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
  next_attempt_at  timestamptz,
  key              uuid not null unique default gen_random_uuid(),  -- idempotency key for the provider
  provider_ref     text,
  error            text,
  unique (alarm_id, alarm_event_id, contact_id, medium)
);
create index notification_due on notification (medium, next_attempt_at) where status = 'queued';
