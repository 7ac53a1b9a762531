-- What is normal for a channel by month and tide phase, and what composite rules remember.

create table channel_normal (
  channel_id  int4 not null references channel,
  month       int2 not null check (month between 1 and 12),
  phase       int2 not null check (phase between 0 and 4),   -- high, falling, low, rising; 4: the month as a whole
  median      float8 not null,
  mad         float8 not null check (mad >= 0),              -- median absolute deviation
  count       int4 not null,                                 -- good readings that say so
  from_t      timestamptz not null,
  to_t        timestamptz not null,
  made_at     timestamptz not null,
  primary key (channel_id, month, phase)
);
comment on table channel_normal is 'made by quantrac rules normals; read by rules of departure';

create table composite_state (
  rule     text not null,
  station  text not null references station,
  state    jsonb not null,
  cursor   timestamptz,
  primary key (rule, station)
) with (fillfactor = 50);
