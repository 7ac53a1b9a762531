-- Readings are written once and never updated; findings, corrections and conflicts are rows beside them.

create table reading (
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null check (state between 0 and 7),
  tests        int2 not null check (tests >= 0),
  received_at  timestamptz not null,
  primary key (channel_id, time)
);
select create_hypertable('reading', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);

create table latest (
  channel_id   int4 primary key,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  tests        int2 not null,
  received_at  timestamptz not null
) with (fillfactor = 50);

-- Append only. Of each (channel, time, test) the newest row counts; test null = a person's verdict, which overrides.
create table reading_flag (
  flag_id     bigint generated always as identity primary key,
  channel_id  int4 not null,
  time        timestamptz not null,
  test        text,
  flag        int2 not null check (flag in (1, 2, 3, 4, 9)),
  "by"        text not null,
  reason      text,
  at          timestamptz not null
);
create index reading_flag_reading on reading_flag (channel_id, time);

create table correction (
  correction_id   bigint generated always as identity primary key,
  channel_id      int4 not null,
  time            timestamptz not null,
  value           float8,
  "by"            text not null,
  reason          text not null,
  at              timestamptz not null,
  approved_by     text,
  approved_at     timestamptz,
  revoked_by      text,
  revoked_reason  text,
  revoked_at      timestamptz,
  check ((approved_by is null) = (approved_at is null)),
  check ((revoked_by is null) = (revoked_at is null))
);
create unique index correction_in_force on correction (channel_id, time) where approved_at is not null and revoked_at is null;

-- A second value for a key that is already stored: the first stays in reading, the other is kept here.
create table conflict (
  conflict_id  bigint generated always as identity primary key,
  channel_id   int4 not null,
  time         timestamptz not null,
  value        float8,
  state        int2 not null,
  epoch        text not null,
  seq          bigint not null,
  received_at  timestamptz not null,
  count        bigint not null default 1 check (count > 0),
  unique nulls not distinct (channel_id, time, value, state)
);

create table station_event (
  station      text not null references station,
  epoch        text not null,
  seq          bigint not null,
  index        int4 not null check (index >= 0),
  time         timestamptz not null,
  device       text,
  kind         text not null,
  detail       text,
  received_at  timestamptz not null,
  primary key (station, epoch, seq, index)
);
create index station_event_time on station_event (time);
