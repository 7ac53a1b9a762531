-- What rules remember, the alarms they raise, and what people said of these.

-- Only of rules that are not at rest: something is pending, standing, late.
create table rule_state (
  rule        text not null,
  channel_id  int4 not null references channel,
  state       jsonb not null,
  primary key (rule, channel_id)
) with (fillfactor = 50);

-- Up to which reading rules have evaluated each channel of a station: a row moves with every message of its station.
create table rule_cursor (
  station   text primary key references station,
  channels  int4[] not null,
  until_ms  int8[] not null                      -- time of the newest reading evaluated, ms since 1970
) with (fillfactor = 50);

create table composite_state (
  rule     text not null,
  station  text not null references station,
  state    jsonb not null,
  cursor   timestamptz,
  primary key (rule, station)
) with (fillfactor = 50);

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

-- What an alarm is about, as one word: at most one alarm of a subject stands. Channels that tell one story are one.
create function subject_key(rule text, station text, channel_id int4, story text) returns text
  language sql immutable parallel safe
  return rule || ' ' || coalesce(station, '') || ' ' || coalesce(story, channel_id::text, '');

create table alarm (
  alarm_id         bigint generated always as identity primary key,
  rule             text not null,
  level            text not null,
  station          text references station,       -- null: about the centre itself, such as a carrier that fails
  channel_id       int4 references channel,
  story            text,
  subject          text not null generated always as (subject_key(rule, station, channel_id, story)) stored,
  severity         text not null,
  state            text not null check (state in (
    'unacknowledged', 'acknowledged', 'shelved', 'out of service', 'suppressed by design', 'latched', 'returned',
    'cleared')),
  raised_at        timestamptz not null,
  cleared_at       timestamptz,
  acknowledged_at  timestamptz,
  acknowledged_by  text,
  late             boolean not null default false,
  value            float8,
  "limit"          float8,
  texts            jsonb not null default '{}',
  latched          boolean not null default false,
  returned_at      timestamptz,
  ended_by         text,
  unanswered_since timestamptz,
  called_at        timestamptz,
  call_at          timestamptz,
  call_to          text[],
  call_by          text[],
  false_at         timestamptz,
  false_by         text,
  parent           bigint references alarm,
  check (cleared_at >= raised_at),
  check ((cleared_at is null) = (state not in ('returned', 'cleared'))),
  check ((acknowledged_at is null) = (acknowledged_by is null)),
  constraint alarm_marked_false check ((false_at is null) = (false_by is null))
);
comment on column alarm.story is 'the parameter, where other channels that measure it tell of the same';
comment on column alarm.latched is 'stands until a person resets it';
comment on column alarm.returned_at is 'a latched alarm: when its readings returned to normal';
comment on column alarm.ended_by is 'what ended it, where its readings had not returned to normal; null: they had';
comment on column alarm.unanswered_since is 'since when people have been told and nobody has acknowledged';
comment on column alarm.call_at is 'when the next step of escalation or the next repeat is due';
comment on column alarm.call_to is 'groups that the next step of escalation calls; null: a repeat to whoever was told';
comment on column alarm.call_by is 'by these media';
comment on column alarm.false_at is 'when a person marked it as a false alarm';
comment on column alarm.state is 'the words of ISA-18.2; alerts/alarm/life.py has the steps between them';
comment on column alarm.parent is 'the alarm that explains this one, of which nobody is told then';
-- A change of level is an event under the same alarm_id.
create unique index alarm_standing on alarm (subject) where cleared_at is null and not late;
create index alarm_raised on alarm (raised_at, alarm_id);
create index alarm_station on alarm (station, raised_at, alarm_id);
create index alarm_rule on alarm (rule, raised_at);
create index alarm_subject on alarm (subject, raised_at);
create index alarm_cleared on alarm (cleared_at);
create index alarm_severity on alarm (severity, raised_at, alarm_id);
create index alarm_channel on alarm (channel_id, raised_at, alarm_id);
create index alarm_false on alarm (raised_at, alarm_id) where false_at is not null;
create index alarm_late on alarm (alarm_id) where late;
create index alarm_call on alarm (call_at) where call_at is not null;

create table alarm_event (
  alarm_event_id  bigint generated always as identity primary key,
  alarm_id        bigint not null references alarm,
  time            timestamptz not null,
  event           text not null,
  person          text,
  reason          text,
  detail          jsonb,
  at              timestamptz not null,
  state           text not null,           -- of the alarm after it
  acknowledged    boolean not null         -- whether it is after it; a worse level must be acknowledged again
);
create index alarm_event_alarm on alarm_event (alarm_id);
create index alarm_event_turn on alarm_event (at) include (alarm_id, event, alarm_event_id)
  where event in ('raised', 'cleared', 'reset', 'late');
create index alarm_event_withheld on alarm_event (alarm_id) where event = 'withheld';

create table shelf (
  rule        text not null,
  station     text,
  channel_id  int4 references channel,
  story       text,
  person      text not null,
  reason      text not null,
  since       timestamptz not null,
  until       timestamptz not null,
  subject     text not null unique generated always as (subject_key(rule, station, channel_id, story)) stored,
  check (until > since)
);

create table out_of_service (
  out_of_service_id  int4 generated always as identity primary key,
  station            text not null references station,
  device             text,
  channels           text[] not null default '{}',  -- of the device; empty: the whole station
  person             text not null,
  reason             text not null,
  since              timestamptz not null,
  until              timestamptz not null,
  ended_at           timestamptz,
  ended_by           text,
  check (until > since),
  check ((device is null) = (channels = '{}'))
);
create index out_of_service_open on out_of_service (station) where ended_at is null;

create table flapping (
  rule        text not null,
  station     text,
  channel_id  int4 references channel,
  story       text,
  alarm_id    bigint not null references alarm,  -- whose rise made it so, and of which people were told
  since       timestamptz not null,
  subject     text not null unique generated always as (subject_key(rule, station, channel_id, story)) stored
);

-- What the alarm of the books remembers of a station between two questions of the clock.
create table books_watched (
  station      text primary key references station,
  fewest       bigint not null,             -- missing messages, the fewest since `since`
  since        timestamptz,                 -- since when they have not become fewer, or the books not added up; null: all well
  lost         bigint not null default 0,   -- messages known to be lost
  lost_at      timestamptz                  -- when the last of them was noticed
);

-- Pictures that alarms ask of the cameras of their station: a row for each raise and camera.
create table alarm_picture (
  alarm_picture_id  bigint generated always as identity primary key,
  alarm_id          bigint not null references alarm,
  alarm_event_id    bigint not null references alarm_event,
  station           text not null,
  camera            text not null,
  wanted_at         timestamptz not null,
  expires_at        timestamptz not null,
  asked_at          timestamptz,
  outcome           text check (outcome in ('taken', 'failed', 'expired', 'shared')),
  error             text,
  unique (alarm_event_id, camera)
);
comment on column alarm_picture.asked_at is 'committed before the station is asked: it is asked at most once';
comment on column alarm_picture.outcome is 'null: waits, or was asked and nobody knows; shared: the camera was asked for another alarm just before';
create index alarm_picture_waiting on alarm_picture (wanted_at) where asked_at is null and outcome is null;
create index alarm_picture_camera on alarm_picture (station, camera, wanted_at);
create index alarm_picture_alarm on alarm_picture (alarm_id);

create view v_alarm as
select a.alarm_id, a.rule, a.level, a.station, c.channel, a.severity, a.state, a.raised_at, a.cleared_at,
       a.acknowledged_at, coalesce((select nullif(p.name, '') from contact p
         where p.contact_id = substring(a.acknowledged_by from '^contact ([0-9]{1,9})$')::int4), a.acknowledged_by) as acknowledged_by,
       a.late, c.parameter, c.unit, a.value, a."limit", a.texts,
       case when a.cleared_at is null and not a.late
              and known.at < now() - greatest(3 * coalesce(c.interval_s, 0) * interval '1 s',
                                              case when c.channel_id is null then interval '15 minutes' end)
         then known.at end as no_data_since,
       a.latched, a.returned_at, a.unanswered_since, a.call_at, a.false_at, a.false_by, a.parent,
       a.ended_by,
       case when a.late then (select min(e.at) from alarm_event e where e.alarm_id = a.alarm_id and e.event = 'late')
         end as known_at,
       case when a.late then (select e.reason from alarm_event e where e.alarm_id = a.alarm_id and e.event = 'told'
                              order by e.alarm_event_id desc limit 1) end as untold,
       a.call_to, a.call_by
from alarm a left join channel c using (channel_id)
left join lateral (
  select to_timestamp((s.state ->> 'counted_ms')::float8 / 1000) as at from rule_state s
  where s.rule = a.rule and s.channel_id = a.channel_id
  union all
  select to_timestamp((s.state -> 'machine' ->> 'counted_ms')::float8 / 1000) from composite_state s
  where a.channel_id is null and s.rule = a.rule and s.station = a.station) known on true;
comment on view v_alarm is
  'no_data_since: a standing alarm of whose channel nothing that counts has come since; known_at, untold: of an alarm of the past, when late data showed it, and why nobody was told of it';

create view v_alarm_event as
select e.alarm_id, e.time, e.event, coalesce((select nullif(p.name, '') from contact p
         where p.contact_id = substring(e.person from '^contact ([0-9]{1,9})$')::int4), e.person) as person,
       e.reason, e.alarm_event_id, e.at, e.state, e.acknowledged, e.detail
from alarm_event e;

create view v_shelf as
select s.rule, s.station, c.channel, s.person, s.reason, s.since, s.until
from shelf s left join channel c using (channel_id);

create view v_out_of_service as
select out_of_service_id, station, device, channels, person, reason, since, until, ended_at, ended_by,
       ended_at is null and since <= now() and until > now() as in_force
from out_of_service;

create view v_flapping as
select f.rule, f.station, c.channel, f.alarm_id, f.since from flapping f left join channel c using (channel_id);

-- What the camera saw: its picture nearest to the time at which the alarm asked, whatever made it take it.
create view v_alarm_picture as
select p.alarm_id, p.station, p.camera, p.wanted_at, p.asked_at,
       coalesce(p.outcome, case when p.asked_at is null then 'waits' else 'asked' end) as outcome, p.error,
       seen.time, seen.jpeg as bytes
from alarm_picture p left join lateral (
  select i.time, i.jpeg from image i
  where i.station = p.station and i.camera = p.camera
    and i.time between p.wanted_at - interval '1 minute' and p.wanted_at + interval '5 minutes'
  order by abs(extract(epoch from i.time - p.wanted_at)), i.time limit 1) seen on true;
