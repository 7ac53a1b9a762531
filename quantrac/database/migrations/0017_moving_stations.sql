-- Stations move between the slots of ingest. With several slots every station has a lease, in slot 0 too.
alter table ingest_lease drop constraint ingest_lease_slot_check, add check (slot >= 0);
alter table ingest_lease add column leaves int4 check (leaves <> slot);
comment on column ingest_lease.slot is 'the slot that receives the station, or shall';
comment on column ingest_lease.leaves is 'the slot that received it before, until its subscriptions have ended';

-- Slots above 0 that may have a session at the broker: each is served until it is empty and its session has ended.
create table ingest_slot (
  slot       int4 primary key check (slot > 0),
  opened_at  timestamptz not null default now()
);
insert into ingest_slot (slot) select distinct slot from ingest_lease where slot > 0;

create view v_ingest_slot as
select n.slot, count(l.station) filter (where l.slot = n.slot) as stations,
       count(l.station) filter (where l.slot = n.slot and not l.subscribed) as arriving,
       count(l.station) filter (where l.leaves = n.slot) as leaving
from (select slot from ingest_slot union select 0 union select slot from ingest_lease) n
left join ingest_lease l on n.slot in (l.slot, l.leaves)
group by n.slot;
comment on view v_ingest_slot is 'with one slot no station has a lease: slot 0 receives all';
