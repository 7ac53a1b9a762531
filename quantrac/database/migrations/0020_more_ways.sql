-- Two more ways to a contact: a program that is told by signed JSON, and any service that Apprise knows. Their addresses
-- hold secrets, so views show only where they lead. A message is kept as data too, for programs and registered templates.

alter table contact add column webhook text check (webhook ~ '^https?://');
alter table contact add column apprise text check (apprise ~ '^[a-z][a-z0-9+.-]*://');
alter table contact drop constraint contact_check;
alter table contact add constraint contact_has_an_address
  check (coalesce(phone_e164, email, webhook, apprise) is not null);
create unique index contact_webhook on contact (webhook) where active;
create unique index contact_apprise on contact (apprise) where active;

alter table notification add column facts jsonb;
comment on column notification.facts is 'the message as data: numbers, UTC times, and words for the slots of templates';

create function masked_address(address text) returns text language sql immutable parallel safe as $$
  select case when address like 'http%' then split_part(address, '/', 3) else split_part(address, ':', 1) end
$$;
comment on function masked_address is 'where an address leads, without its secret: the host, or the kind of service';

create or replace view v_notification as
select n.notification_id, n.alarm_id, n.contact_id,
       case n.medium when 'email' then masked(c.email) when 'webhook' then masked_address(c.webhook)
         when 'apprise' then masked_address(c.apprise) else masked(c.phone_e164) end as contact_masked,
       n.medium,
       case when n.status = 'queued' and n.attempts = 0 and n.next_attempt_at > n.queued_at then 'held' else n.status end
         as status,
       n.queued_at, n.sent_at, n.delivered_at, n.attempts, n.error, n.purpose, n.carrier,
       case when n.status = 'queued' then n.next_attempt_at end as next_attempt_at
from notification n join contact c using (contact_id);
