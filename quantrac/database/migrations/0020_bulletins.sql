-- Bulletins: figures and words of a draft, and the documents of one that a person has approved, which never change.
create table bulletin (
  bulletin_id  bigint generated always as identity primary key,
  kind         text not null,
  period       text not null,
  version      int not null check (version >= 1),
  figures      jsonb not null,
  words        jsonb not null,
  made_at      timestamptz not null,
  made_by      text not null,
  edition      int not null default 1,
  edited_at    timestamptz,
  edited_by    text,
  approved_at  timestamptz,
  approved_by  text,
  digest       text,
  sent_at      timestamptz,
  sent_by      text,
  unique (kind, period, version),
  check ((approved_at is null) = (digest is null) and (approved_at is null) = (approved_by is null)),
  check (sent_at is null or approved_at is not null)
);
comment on column bulletin.words is 'language → part → text, as the templates wrote it or a person changed it';
comment on column bulletin.edition is 'how often its words were changed, from 1 on';
comment on column bulletin.digest is 'sha256 over all its documents';

create table bulletin_document (
  bulletin_id  bigint not null references bulletin,
  language     text not null check (language in ('vi', 'en')),
  part         text not null,
  content      bytea not null,
  primary key (bulletin_id, language, part)
);

create function refuse_approved_bulletin() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and (old.approved_at is null
       or to_jsonb(old) - array['sent_at', 'sent_by'] = to_jsonb(new) - array['sent_at', 'sent_by']) then
    return new;
  end if;
  raise exception 'a bulletin that was approved is never changed' using errcode = 'insufficient_privilege';
end
$$;
create trigger bulletin_approved before update or delete on bulletin
  for each row execute function refuse_approved_bulletin();
create trigger bulletin_kept before truncate on bulletin for each statement execute function refuse_change();
create trigger bulletin_document_kept before update or delete or truncate on bulletin_document
  for each statement execute function refuse_change();

alter table notification add column bulletin_id bigint references bulletin;
create unique index notification_bulletin on notification (bulletin_id, contact_id, medium) where bulletin_id is not null;

create view v_bulletin as
select bulletin_id, kind, period, version,
       case when approved_at is null then 'draft' when sent_at is null then 'approved' else 'sent' end as state,
       figures, words, made_at, made_by, edition, edited_at, edited_by, approved_at, approved_by, digest, sent_at, sent_by
from bulletin;
create view v_bulletin_document as
select bulletin_id, language, part, content, encode(sha256(content), 'hex') as sha256 from bulletin_document;

create or replace view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       case n.medium when 'email' then masked(c.email) when 'webhook' then masked_address(c.webhook)
         when 'apprise' then masked_address(c.apprise) else masked(c.phone_e164) end as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, without_addresses(n.error) as error, n.purpose, n.carrier,
       case when n.status in ('queued', 'failed') then n.next_attempt_at when n.status = 'held' then n.held_until end
         as next_attempt_at,
       n.held_for, n.alarm_event_id, n.bulletin_id
from notification n join contact c using (contact_id);
