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

create table audit (
  audit_id  bigint generated always as identity primary key,
  at        timestamptz not null,
  person    text not null,
  action    text not null,
  subject   text not null,
  reason    text,
  detail    jsonb
);
create index audit_subject on audit (subject, at);

create view v_service as
select service, worker, started_at, beat_at, connected, backlog_lag_s from service;

create view v_ingest_health as
select from_t, to_t, healthy from ingest_health;

create view v_job as
select job, due_at, started_at, finished_at, outcome, detail from job_run;
