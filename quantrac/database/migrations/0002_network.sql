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
  history_limits  jsonb not null default '{}',
  device          text,
  unique (station, name)
);
comment on column channel.history_tests is 'quality tests with a history that run on this channel; empty: the stateless verdict is final';
comment on column channel.history_limits is 'limits of the tests in history_tests, by test; absent: those built in';
comment on column channel.device is 'the device of the station that measures it, by its name there; null: the agent or the centre';

-- What holds for the whole network; written by `quantrac stations apply`.
create table network (
  singleton    boolean primary key default true check (singleton),
  valid_share  float8 not null default 0.75 check (valid_share > 0 and valid_share <= 1),
  time_zone    text not null default 'Asia/Ho_Chi_Minh',
  readings_kept  interval,
  hourly_kept    interval,
  daily_kept     interval,
  quotas         jsonb not null default '{}',
  four_eyes      boolean not null default false
);
comment on column network.four_eyes is 'whether a day of a channel is reviewed only when two persons have signed it';
comment on column network.quotas is 'how much of ingest a station may take; what is absent is as built in';
comment on column network.readings_kept is 'retention of network.yaml; null: for good. Nobody can drop what is younger';
comment on column network.valid_share is 'share of the expected readings that makes an hour or a day valid';
comment on column network.time_zone is 'whose hours and days the roll-ups and the derived values have, and whose clock people see';
insert into network default values;

-- Times in which a channel reported in another interval than it does now: before a change of configuration, in imports.
create table channel_interval (
  channel_id  int4 not null references channel,
  interval_s  float8 not null check (interval_s > 0),
  during      tstzmultirange not null,
  primary key (channel_id, interval_s)
);

create function channel_interval_kept() returns trigger language plpgsql as $$
begin
  insert into channel_interval as i (channel_id, interval_s, during)
  values (old.channel_id, old.interval_s, tstzmultirange(tstzrange(null, now(), '(]')) - coalesce(
    (select range_agg(o.during) from channel_interval o where o.channel_id = old.channel_id), '{}'))
  on conflict (channel_id, interval_s) do update set during = i.during + excluded.during;
  return null;
end $$;
create trigger channel_interval_kept after update of interval_s on channel
  for each row when (old.interval_s <> new.interval_s) execute function channel_interval_kept();

-- Readings expected of a channel in low < t <= high, by the intervals it had.
create function expected_readings(of_channel int4, low timestamptz, high timestamptz) returns int4 language sql stable as $$
  select round(coalesce(sum(extract(epoch from upper(part) - lower(part)) / i.interval_s), 0)
           + (extract(epoch from high - low) - coalesce(sum(extract(epoch from upper(part) - lower(part))), 0))
             / (select interval_s from channel where channel_id = of_channel))::int4
  from channel_interval i, unnest(i.during * tstzmultirange(tstzrange(low, high, '(]'))) part
  where i.channel_id = of_channel
$$;

-- How a derived channel is made; written by `quantrac stations apply`.
create table derived_channel (
  channel_id  int4 primary key references channel,
  formula     text not null,
  inputs      jsonb not null,               -- input of the formula -> channel_id
  options     jsonb not null default '{}',
  made        jsonb                         -- what its values were made with; anything else: they are made anew
);

create view v_channel as
select c.station, c.channel, c.parameter, c.unit, c.interval_s, c.derived, c.span_low, c.span_high,
       c.expect_low, c.expect_high, c.name, c.kind, c.plausible_low, c.plausible_high, c.device
from channel c join station s using (station)
where c.active and s.active;
