-- Several workers of ingest, the pictures of cameras, and since when a book misses something.

-- Stations that another slot than 0 receives; slot 0 watches every station and drops what is `subscribed` elsewhere.
create table ingest_lease (
  station     text primary key,
  slot        int4 not null check (slot > 0),
  subscribed  boolean not null default false
);
comment on column ingest_lease.subscribed is 'the broker has granted the slot every filter of the station';

-- A picture may come twice; another one of the same camera and millisecond is kept beside the first.
create table image (
  station      text not null,
  camera       text not null,
  time         timestamptz not null,
  sha256       bytea not null check (length(sha256) = 32),
  cause        text not null,
  epoch        text not null,
  seq          bigint not null,
  received_at  timestamptz not null,
  jpeg         bytea not null,
  primary key (station, camera, time, sha256)
);
alter table image alter column jpeg set storage external;   -- a JPEG does not get smaller
create index image_time on image (time);

create view v_image as
select time, station, camera, cause, jpeg as bytes, length(jpeg) as length, epoch, seq, received_at,
       encode(sha256, 'hex') as sha256
from image;

-- Since when the oldest gap is known, and when something was lost last.
alter table ledger add column missing_since timestamptz, add column lost_at timestamptz;

create function ledger_gap(book ledger) returns bigint language sql immutable as $$
  select lower(case when book.highest_arrived > 0 then int8multirange(int8range(1, book.highest_arrived + 1)) else '{}' end
    - book.stored - book.dead - book.lost - book.refused_reported
    - case when book.first > 1 then int8multirange(int8range(1, book.first)) else '{}' end)
$$;
comment on function ledger_gap(ledger) is 'the lowest seq that is missing below the highest arrived';

create function ledger_gaps() returns trigger language plpgsql as $$
declare
  gap bigint := ledger_gap(new);
begin
  if gap is null then
    new.missing_since := null;
  elsif tg_op = 'INSERT' or gap is distinct from ledger_gap(old) then
    new.missing_since := now();
  end if;
  if new.lost <> '{}' and (tg_op = 'INSERT' or not new.lost <@ old.lost) then
    new.lost_at := now();
  end if;
  return new;
end $$;
create trigger ledger_gaps before insert or update on ledger for each row execute function ledger_gaps();

create or replace view v_ledger as
select station, epoch, highest_seq, seq_count(stored) as stored, seq_count(dead) as dead, seq_count(lost) as lost,
       seq_count(case when highest_seq > 0 then int8multirange(int8range(1, highest_seq + 1)) else '{}' end
                 - stored - dead - lost) as missing,
       received, new, duplicate, rejected, conflict, first, last, tail_since, last_seen_at, reported_at,
       coalesce(missing_since, case when tail_since <= now() - interval '60 seconds' then tail_since end) as missing_since,
       lost_at
from (
  select sets.*, greatest(highest_arrived, upper(stored + dead + lost) - 1,
                          case when tail_since <= now() - interval '60 seconds' then last end) as highest_seq
  from (
    select l.station, l.epoch, l.first, l.last, l.tail_since, l.highest_arrived, l.stored,
           l.dead + l.refused_reported - l.stored as dead,
           l.lost + case when l.first > 1 then int8multirange(int8range(1, l.first)) else '{}' end
             - l.stored - l.dead - l.refused_reported as lost,
           l.received, l.new, l.duplicate, l.rejected, l.conflict, l.last_seen_at, l.reported_at, l.missing_since,
           l.lost_at
    from ledger l
  ) sets
) book;
