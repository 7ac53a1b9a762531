-- Who is running, what has run, who did what.

create table service (
  service        text not null,
  worker         text not null,
  started_at     timestamptz not null,
  beat_at        timestamptz not null,
  connected      boolean not null,
  backlog_lag_s  float8,
  primary key (service, worker)
) with (fillfactor = 50);

create table ingest_health (
  from_t   timestamptz primary key,
  to_t     timestamptz not null,
  healthy  boolean not null,
  check (from_t <= to_t)
);

create table job_run (
  job          text not null,
  due_at       timestamptz not null,
  started_at   timestamptz not null,
  finished_at  timestamptz,
  outcome      text not null check (outcome in ('running', 'done', 'failed')),
  detail       text,
  primary key (job, due_at)
);

-- People who get messages. What they do bears their number, `contact 12`, in the place of a name; views look the name up,
-- so erasing it here erases it everywhere.
-- The addresses of programs hold secrets, so views show only where they lead.
create table contact (
  contact_id  int4 generated always as identity primary key,
  name        text not null,
  phone_e164  text check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
  email       text,
  language    text not null default 'vi' check (language in ('vi', 'en')),
  groups      text[] not null default '{}',
  stations    text[] not null default '{}',
  active      boolean not null default true,
  stopped_at  timestamptz,
  webhook     text check (webhook ~ '^https?://'),          -- a program that is told by signed JSON
  apprise     text check (apprise ~ '^[a-z][a-z0-9+.-]*://'),  -- any service that Apprise knows
  tags        text[] not null default '{}',
  parameters  text[] not null default '{}',
  media       text[] not null default '{}',
  severity    text check (severity in ('low', 'medium', 'high', 'critical')),
  quiet_from  time,
  quiet_to    time,
  wake        text check (wake in ('low', 'medium', 'high', 'critical')),
  cap         int4 check (cap > 0),
  consent     text check (consent in ('given', 'refused')),
  consent_on  date,
  accented    boolean not null default false,
  consent_source text,
  erased_at   timestamptz,
  constraint contact_has_an_address check (
    (coalesce(phone_e164, email, webhook, apprise) is not null) = (erased_at is null)),
  constraint contact_erased check (erased_at is null or not active and name = ''),
  constraint contact_quiet check ((quiet_from is null) = (quiet_to is null))
);
comment on column contact.stations is 'stations this person is told about; empty: all';
comment on column contact.stopped_at is 'the person asked for no more short messages (STOP)';
comment on column contact.tags is 'only alarms of stations with one of these tags (area, species); empty: all';
comment on column contact.parameters is 'only alarms of these parameters; empty: all';
comment on column contact.media is 'only by these media; empty: all that routes say';
comment on column contact.severity is 'only alarms as bad as this; null: all';
comment on column contact.wake is 'the least severity that goes through the own quiet hours; null: as the level says';
comment on column contact.cap is 'short messages within a day; more are held for the digest; null: as network.yaml says';
comment on column contact.consent is 'refused: told nothing; null: not recorded';
comment on column contact.consent_source is 'how the person said it: on paper, by telephone';
comment on column contact.erased_at is 'since when nothing of the person is kept but the number of the contact';
comment on column contact.accented is 'short messages in Vietnamese with diacritics (UCS-2: 70 signs a part, not 160)';
create unique index contact_phone on contact (phone_e164) where active;
create unique index contact_email on contact (lower(email)) where active;
create unique index contact_webhook on contact (webhook) where active;
create unique index contact_apprise on contact (apprise) where active;

create table audit (
  audit_id  bigint generated always as identity primary key,
  at        timestamptz not null,
  person    text not null,
  action    text not null,
  subject   text not null,
  reason    text,
  detail    jsonb,
  way       text not null default 'service' check (way in ('command', 'console', 'link', 'sms', 'token', 'service')),
  account   text,
  role      text,
  address   text
);
comment on column audit.person is 'name, or a contact by number: contact 12';
comment on column audit.account is 'login of the account, name of the token, or the contact who answered a message; null: nobody had to sign in';
comment on column audit.role is 'by which role the account might do it';
create index audit_subject on audit (subject, at);
create index audit_at on audit (at);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function refuse_change();

-- What people changed in the configuration's files; the files themselves are what holds.
create table config_change (
  config_change_id  bigint generated always as identity primary key,
  at                timestamptz not null,
  person            text not null,
  reason            text not null,
  file              text not null,
  before            bytea,
  after             bytea,
  takes_back        bigint references config_change,
  check (before is distinct from after)
);
comment on column config_change.file is 'path below the folder of the configuration, such as stations/st-a.yaml';
comment on column config_change.before is 'what the file held, byte by byte; null: it was not there';
comment on column config_change.after is 'what it held then; null: it was gone';
comment on column config_change.takes_back is 'the change that this one takes back';
create index config_change_file on config_change (file, config_change_id);
create trigger config_change_append_only before update or delete or truncate on config_change
  for each statement execute function refuse_change();

-- The shift book: what each shift hands over to the next. One shift is open at any time; the first one begins here.
create table shift (
  shift_id       int4 generated always as identity primary key,
  since          timestamptz not null,
  until          timestamptz,
  person         text,
  account        text,
  remark         text,
  alone          boolean not null default false,
  content        text,
  digest         text,
  told_audit     int8[] not null default '{}',
  told_events    int8[] not null default '{}',
  taken_by       text,
  taken_account  text,
  taken_at       timestamptz,
  check (until >= since),
  check ((until is null) = (person is null) and (until is null) = (content is null) and (until is null) = (digest is null)),
  check ((taken_by is null) = (taken_at is null) and (taken_at is null or until is not null))
);
comment on column shift.until is 'when it was handed over; null: it is open';
comment on column shift.person is 'who handed it over';
comment on column shift.alone is 'whoever handed it over was alone: nobody came to take over';
comment on column shift.content is 'the page as it was signed, as JSON';
comment on column shift.digest is 'SHA-256 of the content, as hexadecimal digits; the content has that of the page before';
comment on column shift.told_audit is 'acts of its last minute that the page has: what commits later goes to the next page';
comment on column shift.told_events is 'lines of alarms of its last minute that the page has';
create unique index shift_open on shift ((until is null)) where until is null;
insert into shift (since) values (now());

create function refuse_signed_shift() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and (old.until is null or old.taken_at is null
       and to_jsonb(old) - array['taken_by', 'taken_account', 'taken_at']
         = to_jsonb(new) - array['taken_by', 'taken_account', 'taken_at']) then
    return new;
  end if;
  raise exception 'a shift that was handed over is never changed' using errcode = 'insufficient_privilege';
end
$$;
create trigger shift_signed before update or delete on shift for each row execute function refuse_signed_shift();
create trigger shift_kept before truncate on shift for each statement execute function refuse_change();

create table shift_note (
  shift_note_id  int8 generated always as identity primary key,
  shift_id       int4 not null references shift,
  at             timestamptz not null,
  person         text not null,
  account        text,
  text           text not null,
  mark           text check (mark in ('watch', 'done')),
  station        text,
  item           text,
  about          jsonb,
  check ((item is null) = (about is null))
);
comment on column shift_note.mark is 'watch: what it is about goes on to the next shifts; done: no longer';
comment on column shift_note.station is 'null: it is about the whole network';
comment on column shift_note.item is 'key of what it is about; null: it stands for itself';
comment on column shift_note.about is 'what it is about, as the page showed it then';
create index shift_note_shift on shift_note (shift_id);
create index shift_note_item on shift_note (item) where item is not null;
create index shift_note_watch on shift_note (shift_note_id) where mark = 'watch';
create trigger shift_note_append_only before update or delete or truncate on shift_note
  for each statement execute function refuse_change();

create view v_service as
select service, worker, started_at, beat_at, connected, backlog_lag_s from service;

create view v_ingest_health as
select from_t, to_t, healthy from ingest_health;

create view v_job as
select job, due_at, started_at, finished_at, outcome, detail from job_run;

create view v_audit as
select a.at, coalesce((select nullif(p.name, '') from contact p
         where p.contact_id = substring(a.person from '^contact ([0-9]{1,9})$')::int4), a.person) as person,
       a.role, a.action as act, a.subject as object, a.reason, a.way, a.account, a.address, a.detail, a.audit_id
from audit a;
