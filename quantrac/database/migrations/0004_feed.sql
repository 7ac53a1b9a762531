-- The change feed. Rows are inserted only after the feed's advisory lock is held: id order is commit order.

create table change (
  id          bigint generated always as identity primary key,
  station     text not null,
  channel_id  int4,
  from_t      timestamptz not null,
  to_t        timestamptz not null,
  rows        int4 not null check (rows >= 0),
  cause       text not null check (cause in ('reading', 'flag', 'correction', 'configuration')),
  at          timestamptz not null default clock_timestamp(),
  check (from_t <= to_t),
  check (channel_id is not null or cause = 'configuration')
);
create index change_channel on change (channel_id, id);

create table consumer (
  consumer  text primary key,
  position  bigint not null default 0,
  after     text,                                          -- the consumer whose position this one never passes
  moved_at  timestamptz not null default now(),
  check (after <> consumer)
) with (fillfactor = 50);
