-- The stations of several workers of ingest. Stations move between the slots; with several slots every station has a
-- lease. Slot 0 watches every station and drops what is `subscribed` elsewhere.

create table ingest_lease (
  station     text primary key,
  slot        int4 not null check (slot >= 0),
  subscribed  boolean not null default false,
  leaves      int4 check (leaves <> slot)
);
comment on column ingest_lease.slot is 'the slot that receives the station, or shall';
comment on column ingest_lease.subscribed is 'the broker has granted the slot every filter of the station';
comment on column ingest_lease.leaves is 'the slot that received it before, until its subscriptions have ended';

-- Slots above 0 that may have a session at the broker: each is served until it is empty and its session has ended.
create table ingest_slot (
  slot       int4 primary key check (slot > 0),
  opened_at  timestamptz not null default now()
);

create view v_ingest_slot as
select n.slot, count(l.station) filter (where l.slot = n.slot) as stations,
       count(l.station) filter (where l.slot = n.slot and not l.subscribed) as arriving,
       count(l.station) filter (where l.leaves = n.slot) as leaving
from (select slot from ingest_slot union select 0 union select slot from ingest_lease) n
left join ingest_lease l on n.slot in (l.slot, l.leaves)
group by n.slot;
comment on view v_ingest_slot is 'with one slot no station has a lease: slot 0 receives all';
