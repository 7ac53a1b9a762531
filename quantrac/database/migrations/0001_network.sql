-- The network as the station files describe it; written by `quantrac stations apply` only.

create table station (
  station          text primary key check (station ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  name_vi          text not null,
  name_en          text not null,
  latitude         float8 check (latitude between -90 and 90),
  longitude        float8 check (longitude between -180 and 180),
  tags             text[] not null default '{}',
  in_service       timestamptz not null,
  active           boolean not null default true,
  config           jsonb not null,
  config_applied   text not null,
  applied_at       timestamptz not null,
  config_reported  text,           -- from the newest birth
  status_online    boolean,        -- from the newest status or last will: a hint only
  status_at        timestamptz,
  silent_since     timestamptz     -- set and cleared by the silence job
);
comment on column station.config_applied is 'sha256 of the resolved station that was applied here';

create table channel (
  channel_id      int4 generated always as identity primary key,
  station         text not null references station,
  name            text not null check (name ~ '^[a-z0-9_]+$'),
  channel         text generated always as (station || '/' || name) stored unique,
  parameter       text not null,
  unit            text not null,
  kind            text not null check (kind in ('mean', 'vector', 'sum', 'last')),
  interval_s      float8 not null check (interval_s > 0),
  derived         boolean not null default false,
  span_low        float8,
  span_high       float8,
  plausible_low   float8,
  plausible_high  float8,
  expect_low      float8,
  expect_high     float8,
  history_tests   text[] not null default '{}',
  active          boolean not null default true,
  unique (station, name)
);
comment on column channel.history_tests is 'quality tests with a history that run on this channel; empty: the stateless verdict is final';
