-- The yearly disclosure: archives of a year, in versions that never change.
create table disclosure (
  disclosure_id  int4 generated always as identity primary key,
  year           int4 not null,
  version        int4 not null check (version > 0),
  sha256         text not null,
  bytes          int8 not null,
  unsigned_days  int4 not null,
  days           int4 not null,
  person         text not null,
  reason         text not null,
  made_at        timestamptz not null,
  unique (year, version)
);
comment on column disclosure.unsigned_days is 'days of channels in it that nobody had signed as reviewed, of so many days';

create table disclosure_part (
  disclosure_id  int4 not null references disclosure,
  number         int4 not null,
  content        bytea not null,
  primary key (disclosure_id, number)
);
alter table disclosure_part alter column content set storage external;
comment on table disclosure_part is 'the bytes of an archive, in order of their numbers';

create trigger disclosure_append_only before update or delete or truncate on disclosure
  for each statement execute function refuse_change();
create trigger disclosure_part_append_only before update or delete or truncate on disclosure_part
  for each statement execute function refuse_change();

create view v_disclosure as
select year, version, sha256, bytes, unsigned_days, days, person, reason, made_at from disclosure;
