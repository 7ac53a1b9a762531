-- What tests and people say of the readings of a channel, for charts, exports and programs: the names of the tests that
-- blame a reading, the greatest score of their findings, their words, the strongest first; the verdict of a person that
-- stands, with who gave it and why. Readings of which nothing is said are left out. MOMENT: as it was said then; null: now.
create function reading_words(of_channel text, low timestamptz, high timestamptz, moment timestamptz)
returns table ("time" timestamptz, tests text[], score real, words text, words_en text, verdict smallint, "by" text,
               reason text)
language sql stable security definer set search_path = 'public', 'pg_temp' as $$
  with own as materialized (select channel_id from channel where channel = of_channel),
  alone as (
    select r.time, test_words(r.tests) as tests from own join reading r using (channel_id)
    where r.time > low and r.time <= high and r.tests <> 0),
  newest as (
    select distinct on (g.time, g.test) g.* from own join reading_flag g using (channel_id)
    where g.time > low and g.time <= high and (moment is null or g.at <= moment)
    order by g.time, g.test, g.flag_id desc),
  said as (
    select "time", array_agg(test order by test) filter (where test is not null) as tests, max(score) as score,
           string_agg(coalesce(words ->> 'vi', reason), '; ' order by score desc nulls last, test)
             filter (where test is not null) as words,
           string_agg(coalesce(words ->> 'en', reason), '; ' order by score desc nulls last, test)
             filter (where test is not null) as words_en,
           max(flag) filter (where test is null) as verdict, max("by") filter (where test is null) as "by",
           max(reason) filter (where test is null) as reason
    from newest where case when test is null then flag is not null else flag >= 3 end group by "time")
  select "time", coalesce(a.tests, '{}') || coalesce(s.tests, '{}'), s.score, s.words, s.words_en, s.verdict, s."by", s.reason
  from alone a full join said s using ("time")
$$;
revoke execute on function reading_words(text, timestamptz, timestamptz, timestamptz) from public;

-- A verdict on a whole device is a review of each of its channels, all of them one act; a person's no to what the service
-- ledger proposes is a review, too, so that it is kept, seen and can be taken back.
alter table review
  add column device text,
  add column part_of bigint,
  drop constraint review_kind_check,
  drop constraint review_check1,
  add constraint review_kind_check check (kind in ('flag', 'unflag', 'correction', 'rejection')),
  add constraint review_check1 check (case kind when 'flag' then flag is not null when 'rejection' then true else flag is null end),
  add constraint review_part_of check (part_of is null or device is not null);
comment on column review.device is 'the device whose channels were all judged in one act; null: this channel alone';
comment on column review.part_of is 'the first review of that act; null in the first itself';
create index review_part_of on review (part_of) where part_of is not null;

create or replace view v_review as
select v.review_id, c.station, c.channel, v.kind,
       case when v.withdrawn_at is not null then 'withdrawn' when v.approved_at is null then 'proposed' else 'in force' end as state,
       v.from_t, v.to_t, v.readings, v.flag, v.value, v.factor, v.added, v.person, v.reason, v.at, v.approved_by, v.approved_at,
       v.withdrawn_by, v.withdrawn_reason, v.withdrawn_at, v.drift, v.drift_from, v.drift_to, v.device, v.part_of
from review v join channel c using (channel_id);
