-- What the alarm of the books remembers of a station between two questions of the clock.

create table books_watched (
  station      text primary key references station,
  fewest       bigint not null,             -- missing messages, the fewest since `since`
  since        timestamptz,                 -- since when they have not become fewer, or the books not added up; null: all well
  lost         bigint not null default 0,   -- messages known to be lost
  lost_at      timestamptz                  -- when the last of them was noticed
);
