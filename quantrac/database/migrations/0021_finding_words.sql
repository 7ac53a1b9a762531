-- What a test says of a reading: how far its evidence goes, and words for people in both languages.
alter table reading_flag add column score real, add column words jsonb,
  add constraint reading_flag_words check (test is not null or (score is null and words is null));
comment on column reading_flag.score is 'how far the evidence of a test goes: 1 where a reading becomes suspect; null: a person, or a withdrawal';
comment on column reading_flag.words is 'what the test says: a text by language, vi and en; null: a person, whose reason says why';

create or replace view v_flag as
select g.time, c.station, c.channel, g.test, g.flag, coalesce(g.reason, g.words ->> 'en') as reason, g."by", g.at,
       g.review_id, g.flag_id, g.score,
       coalesce(g.words ->> 'vi', case when g.test is not null then g.reason end) as words,
       coalesce(g.words ->> 'en', case when g.test is not null then g.reason end) as words_en
from reading_flag g join channel c using (channel_id);
