-- The books of ingest. Station has no foreign key: an unknown station's messages are counted too.

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
