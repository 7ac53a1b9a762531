-- What people say of readings, act by act; what the clock has run; refused pictures that may be replayed.

-- One act of a person over the readings of a channel: a verdict, or a correction (value, or raw * factor + added).
create table review (
  review_id         bigint generated always as identity primary key,
  channel_id        int4 not null references channel,
  kind              text not null check (kind in ('flag', 'correction')),
  from_t            timestamptz not null,      -- of the first and the last reading, both inclusive
  to_t              timestamptz not null,
  readings          int4 not null check (readings > 0),
  flag              int2 check (flag in (1, 2, 3, 4, 9)),
  value             float8,
  factor            float8,
  added             float8,
  person            text not null,
  reason            text not null,
  at                timestamptz not null,
  approved_by       text,
  approved_at       timestamptz,
  withdrawn_by      text,
  withdrawn_reason  text,
  withdrawn_at      timestamptz,
  check (from_t <= to_t),
  check ((kind = 'flag') = (flag is not null)),
  check ((approved_by is null) = (approved_at is null)),
  check ((withdrawn_by is null) = (withdrawn_at is null))
);
create index review_channel on review (channel_id, from_t);

-- A person's row without a flag: no verdict stands any more, the tests speak again.
alter table reading_flag add column review_id bigint references review, alter column flag drop not null,
  add check (flag is not null or test is null);
alter table correction add column review_id bigint references review;

create view v_review as
select v.review_id, c.station, c.channel, v.kind,
       case when v.withdrawn_at is not null then 'withdrawn' when v.approved_at is null then 'proposed'
            else 'in force' end as state,
       v.from_t, v.to_t, v.readings, v.flag, v.value, v.factor, v.added, v.person, v.reason, v.at,
       v.approved_by, v.approved_at, v.withdrawn_by, v.withdrawn_reason, v.withdrawn_at
from review v join channel c using (channel_id);

create view v_job as
select job, due_at, started_at, finished_at, outcome, detail from job_run;

-- Pictures whose refusal can be put right (an unknown station), whole, with the properties they came with.
create table dead_picture (
  dead_letter_id  bigint primary key references dead_letter on delete cascade,
  properties      jsonb not null,
  jpeg            bytea not null
);
alter table dead_picture alter column jpeg set storage external;
