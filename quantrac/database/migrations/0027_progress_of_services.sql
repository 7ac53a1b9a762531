-- How far a worker is that makes everything anew which its consumer derives, before it follows the feed again.
alter table service add column making_share float8 check (making_share between 0 and 1),
  add column making_rate float8, add column making_until timestamptz;
comment on column service.making_share is 'how much of it is done; null: it makes nothing anew';
comment on column service.making_rate is 'readings (of roll-ups hours, of derived channels values) a second';
comment on column service.making_until is 'when it will be done at this rate; null: not known yet';

create or replace view v_service as
select service, worker, started_at, beat_at, connected, backlog_lag_s, making_share, making_rate, making_until from service;

-- A consumer that makes everything anew has no position: it is shown with what it has still to follow then.
create or replace view v_feed as
select c.consumer, c.position, greatest(head.id, c.position) as head,
       (select count(*) from change n where n.id > c.position) as lag_rows,
       coalesce((select extract(epoch from now() - n.at)::float8 from change n
                 where n.id > c.position order by n.id limit 1), 0) as lag_s,
       c.after, c.moved_at, null::float8 as making_share, null::float8 as making_rate, null::timestamptz as making_until
from consumer c cross join (select max(id) as id from change) head
union all
select s.service, 0, coalesce(head.id, 0), (select count(*) from change n where n.at > s.started_at),
       coalesce((select extract(epoch from now() - n.at)::float8 from change n
                 where n.at > s.started_at order by n.id limit 1), 0),
       null, s.beat_at, s.making_share, s.making_rate, s.making_until
from service s cross join (select max(id) as id from change) head
where s.making_share is not null and not exists (select from consumer c where c.consumer = s.service)
  and not exists (select from service n where n.service = s.service and n.making_share is not null
                  and (n.beat_at, n.worker) > (s.beat_at, s.worker));  -- another was killed at it
