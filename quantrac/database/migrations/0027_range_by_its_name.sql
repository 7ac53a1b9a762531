-- A value outside its instrument's span fails the range test (QARTOD: gross range), and `tests` in the views says so.
create or replace function test_words(tests int2) returns text[] language sql immutable parallel safe as $$
  select case when tests = 0 then '{}'::text[] else array_remove(array[
    case when tests & 1 > 0 then 'null' end, case when tests & 2 > 0 then 'range' end,
    case when tests & 4 > 0 then 'plausible' end, case when tests & 8 > 0 then 'expect' end], null) end
$$;
