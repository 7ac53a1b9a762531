-- The books of ingest, and the messages that it refused. Station has no foreign key: an unknown station's messages are
-- counted too.

create table ledger (
  station           text not null,
  epoch             text not null,                         -- '' holds what could not be parsed
  first             bigint,                                -- range of seq that the spool reports to hold
  last              bigint,
  tail_since        timestamptz,                           -- since when `last` stands above highest_arrived (trigger)
  highest_arrived   bigint not null default 0,
  stored            int8multirange not null default '{}',
  dead              int8multirange not null default '{}',
  lost              int8multirange not null default '{}',
  refused_reported  int8multirange not null default '{}',  -- what the edge has set aside as refused
  received          bigint not null default 0,
  new               bigint not null default 0,
  duplicate         bigint not null default 0,
  rejected          bigint not null default 0,
  conflict          bigint not null default 0,
  last_seen_at      timestamptz,
  reported_at       timestamptz,
  missing_since     timestamptz,                           -- since when the oldest gap is known (trigger)
  lost_at           timestamptz,                           -- when something was lost last (trigger)
  primary key (station, epoch)
) with (fillfactor = 50);

create function ledger_tail() returns trigger language plpgsql as $$
begin
  if new.last > new.highest_arrived then
    if tg_op = 'UPDATE' then
      new.tail_since := coalesce(old.tail_since, new.reported_at, now());
    else
      new.tail_since := coalesce(new.tail_since, new.reported_at, now());
    end if;
  else
    new.tail_since := null;
  end if;
  return new;
end $$;
create trigger ledger_tail before insert or update on ledger for each row execute function ledger_tail();

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

create table dead_letter (
  dead_letter_id     bigint generated always as identity primary key,
  first_received_at  timestamptz not null,
  received_at        timestamptz not null,                 -- of the last equal one
  topic              text not null,
  station            text,
  epoch              text,
  seq                bigint,
  payload            bytea not null check (length(payload) <= 65536),
  length             bigint not null check (length >= 0),
  sha256             bytea not null check (length(sha256) = 32),
  reason             text not null,
  detail             jsonb,
  status             text not null check (status in ('open', 'partial', 'replayed', 'discarded')),
  count              bigint not null default 1 check (count > 0),
  closed_by          text,
  closed_reason      text,
  closed_at          timestamptz,
  unique (topic, sha256, reason)
);
create index dead_letter_received on dead_letter (received_at);

-- Limits that a station broke, and sessions at the broker that another client took (station '': one of ingest).
create table breach (
  station   text not null,
  kind      text not null,
  day       date not null,                                  -- UTC
  first_at  timestamptz not null,
  last_at   timestamptz not null,
  count     bigint not null check (count > 0),
  bytes     bigint not null default 0,
  detail    text,                                           -- of the last
  primary key (station, kind, day)
);
create index station_event_taken on station_event (received_at) where kind = 'session_taken';

-- Readings from files. All readings of one import bear its `started_at` as their time of receipt, and no others do.
create table import (
  import_id    int4 generated always as identity primary key,
  station      text not null references station,
  epoch        text not null,              -- its book in the ledger
  format       text not null,
  source       text not null,
  sha256       text not null,
  interval_s   float8 not null check (interval_s > 0),
  person       text not null,
  started_at   timestamptz not null unique,
  finished_at  timestamptz,
  lines        bigint not null default 0,  -- read and settled; where an interrupted import goes on
  messages     bigint not null default 0,
  readings     bigint not null default 0,  -- added by it
  refused      bigint not null default 0,  -- lines
  first_t      timestamptz,
  last_t       timestamptz,
  unique (station, sha256)
);

-- Both books. By sequence: highest_seq = stored + dead + lost + missing. A tail that is only reported belongs to the
-- book once it has stood above the highest arrived for 60 s: until then its messages may be on their way.
create view v_ledger as
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

create view v_dead_letter as
select dead_letter_id, received_at, topic, payload, reason, status, count,
       first_received_at, station, epoch, seq, length, encode(sha256, 'hex') as sha256, detail,
       closed_by, closed_reason, closed_at
from dead_letter;

create view v_breach as
select nullif(station, '') as station, kind, first_at, last_at, count, bytes, detail from breach
union all
select station, kind, min(received_at), max(received_at), count(*), 0, max(detail) from station_event
where kind = 'session_taken' group by station, kind, (received_at at time zone 'UTC')::date;
comment on view v_breach is 'one row a station (null: the centre), kind and day; what was refused beyond a limit, counted';

create view v_import as
select i.import_id, i.station, i.epoch, i.format, i.source, i.sha256, i.person, i.started_at, i.finished_at, i.lines,
       i.readings, i.refused, i.first_t, i.last_t
from import i;

create view v_station as
select s.station, s.name_vi as name, s.latitude, s.longitude,
       coalesce(seen.at > now() - interval '150 seconds'                       -- two of the edge's status minutes, and 30 s
                and not (s.status_online is false and s.status_at >= seen.at), false) as online,
       seen.at as last_message_at, s.config_applied, s.config_reported,
       s.name_en, s.tags, s.in_service, s.silent_since
from station s
left join lateral (select max(l.last_seen_at) as at from ledger l where l.station = s.station) seen on true
where s.active;
