-- Jobs: which ones `jobs run` has, when each is due, and runs that a person asked for.
create table job (
  job            text primary key,
  due            text not null,
  registered_at  timestamptz not null
);
comment on column job.due is 'as quantrac.telemetry.due_times writes it, by the clocks of the network';

alter table job_run drop constraint job_run_outcome_check,
  add constraint job_run_outcome_check check (outcome in ('asked', 'running', 'done', 'failed')),
  add column rows int,
  add column asked_by text,
  add column reason text,
  add check ((asked_by is not null) or (outcome <> 'asked'));
comment on column job_run.asked_by is 'null: its due time asked for it';
comment on column job_run.rows is 'how many rows, files or other things it made, changed or removed';
create index job_run_asked on job_run (job) where outcome in ('asked', 'running') and asked_by is not null;

create or replace view v_job as
select job, due_at, started_at, finished_at, outcome, detail, rows, asked_by, reason from job_run;
create view v_schedule as select job, due, registered_at from job;
