-- The pictures of cameras.

-- A picture may come twice; another one of the same camera and millisecond is kept beside the first.
create table image (
  station      text not null,
  camera       text not null,
  time         timestamptz not null,
  sha256       bytea not null check (length(sha256) = 32),
  cause        text not null,
  epoch        text not null,
  seq          bigint not null,
  received_at  timestamptz not null,
  jpeg         bytea not null,
  primary key (station, camera, time, sha256)
);
alter table image alter column jpeg set storage external;   -- a JPEG does not get smaller
create index image_time on image (time);

-- Pictures whose refusal can be put right (an unknown station), whole, with the properties they came with.
create table dead_picture (
  dead_letter_id  bigint primary key references dead_letter on delete cascade,
  properties      jsonb not null,
  jpeg            bytea not null
);
alter table dead_picture alter column jpeg set storage external;

create view v_image as
select time, station, camera, cause, jpeg as bytes, length(jpeg) as length, epoch, seq, received_at,
       encode(sha256, 'hex') as sha256
from image;
