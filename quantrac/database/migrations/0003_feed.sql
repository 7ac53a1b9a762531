-- The change feed. Rows are inserted only after the feed's advisory lock is held: id order is commit order.

create table change (
  id          bigint generated always as identity primary key,
  station     text not null,
  channels    int4[] not null,                             -- empty with cause `configuration`: the whole station
  from_t      timestamptz not null,
  to_t        timestamptz not null,
  rows        int4 not null check (rows >= 0),
  cause       text not null check (cause in ('reading', 'flag', 'correction', 'configuration', 'clock')),
  at          timestamptz not null default clock_timestamp(),
  check (from_t <= to_t),
  check (channels <> '{}' or cause = 'configuration')
);
create index change_station on change (station, id);
create index change_configuration on change (id) where cause = 'configuration';  -- each batch asks for it

create table consumer (
  consumer  text primary key,
  position  bigint not null default 0,
  after     text,                                          -- the consumer whose position this one never passes
  moved_at  timestamptz not null default now(),
  check (after <> consumer)
) with (fillfactor = 50);

create view v_feed as
select c.consumer, c.position, greatest(head.id, c.position) as head,
       (select count(*) from change n where n.id > c.position) as lag_rows,
       coalesce((select extract(epoch from now() - n.at)::float8 from change n
                 where n.id > c.position order by n.id limit 1), 0) as lag_s,
       c.after, c.moved_at
from consumer c cross join (select max(id) as id from change) head;
