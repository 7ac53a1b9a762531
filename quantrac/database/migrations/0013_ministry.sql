-- Files for the ministry and their fate. A row is made for five minutes of a station that has receivers; its bytes are replaced
-- when readings, findings or corrections change them, and then each receiver is owed them again.
create table ministry_file (
  station   text not null references station,
  time      timestamptz not null,
  name      text not null,
  content   bytea not null,
  sha256    text not null generated always as (encode(sha256(content), 'hex')) stored,
  made_at   timestamptz not null,
  withdrawn boolean not null default false,
  primary key (station, time)
);
comment on column ministry_file.time is 'end of its five minutes';
comment on column ministry_file.name is 'path below the root of a receiver';
comment on column ministry_file.withdrawn is 'its readings give no figure any more; a receiver that has it keeps it';

create table ministry_sending (
  station   text not null,
  time      timestamptz not null,
  receiver  text not null,
  owed      boolean not null default true,
  owed_at   timestamptz not null,
  due_at    timestamptz not null,
  sent      text,
  sent_at   timestamptz,
  sends     int not null default 0,
  attempts  int not null default 0,
  error     text,
  primary key (station, time, receiver),
  foreign key (station, time) references ministry_file on delete cascade
);
comment on column ministry_sending.owed is 'the receiver has other bytes than the file, or none';
comment on column ministry_sending.owed_at is 'since when it is, or was for the last time';
comment on column ministry_sending.sent is 'sha256 of the bytes that the receiver has acknowledged';
comment on column ministry_sending.attempts is 'since the bytes changed or the last success';
create index ministry_sending_owed on ministry_sending (receiver, time) where owed;

create view v_ministry_file as
select f.station, f.time, f.name, f.sha256,
       case when f.withdrawn then 'withdrawn' when s.failed then 'failed' when s.owed then 'made' when s.sends > 1 then 'replaced'
            when s.sends > 0 then 'sent' else 'made' end as status,
       f.made_at, s.sent_at, coalesce(s.attempts, 0) as attempts, s.error, coalesce(s.receivers, 0) as receivers
from ministry_file f
cross join lateral (
  select bool_or(owed) as owed, bool_or(owed and error is not null) as failed, max(sends) as sends,
         case when bool_and(not owed) then max(sent_at) end as sent_at, max(attempts) as attempts,
         string_agg(receiver || ': ' || error, '; ' order by receiver) filter (where owed) as error,
         count(*)::int4 as receivers
  from ministry_sending s where s.station = f.station and s.time = f.time) s;
comment on view v_ministry_file is
  'status: made (not sent yet, or to nobody), failed (tried), sent, replaced (sent again with other bytes), withdrawn (no figures any more)';
