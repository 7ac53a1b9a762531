-- The domain's words in SQL. Each has one twin in quantrac.telemetry; tests compare the two over all inputs.

create function state_word(state int2) returns text language sql immutable parallel safe as $$
  select (array['ok', 'suspect', 'range', 'warmup', 'maint', 'cal', 'fault', 'comm'])[state + 1]
$$;

-- A value outside its instrument's span fails the range test (QARTOD: gross range), and `tests` in the views says so.
create or replace function test_words(tests int2) returns text[] language sql immutable parallel safe as $$
  select case when tests = 0 then '{}'::text[] else array_remove(array[
    case when tests & 1 > 0 then 'null' end, case when tests & 2 > 0 then 'range' end,
    case when tests & 4 > 0 then 'plausible' end, case when tests & 8 > 0 then 'expect' end], null) end
$$;

-- quantrac.telemetry.quality.quality_of: the worse of what the device says and what the stateless tests say.
create function quality_of(state int2, tests int2) returns int2 language sql immutable parallel safe as $$
  select greatest(
    (array[1, 3, 4, 4, 4, 4, 4, 9])[state + 1],
    case when tests & 1 > 0 then 9 when tests & 6 > 0 then 4 when tests & 8 > 0 then 3 else 1 end)::int2
$$;

-- quantrac.telemetry.slots.bucket_end: the bucket labelled h holds h - width < t <= h, aligned to 1970 UTC.
create function bucket_end("time" timestamptz, width interval) returns timestamptz language sql immutable parallel safe as $$
  select date_bin(width, "time" - interval '1 microsecond', '1970-01-01 00:00:00+00'::timestamptz) + width
$$;

-- quantrac.telemetry.slots.bucket_start: the bucket labelled h holds h < t <= h + width, aligned to 1970 UTC.
create function bucket_start("time" timestamptz, width interval) returns timestamptz language sql immutable parallel safe as $$
  select date_bin(width, "time" - interval '1 microsecond', '1970-01-01 00:00:00+00'::timestamptz)
$$;

create function seq_count(ranges int8multirange) returns bigint language sql immutable parallel safe as $$
  select coalesce(sum(upper(part) - lower(part)), 0)::bigint from unnest(ranges) part
$$;

-- What of a contact may be shown: enough to recognise, not enough to call.
create function masked(contact text) returns text language sql immutable parallel safe as $$
  select case when contact like '%@%' then left(contact, 1) || '•••@' || split_part(contact, '@', 2)
              else left(contact, 3) || '•••' || right(contact, 3) end
$$;

create function masked_address(address text) returns text language sql immutable parallel safe as $$
  select case when address like 'http%' then split_part(address, '/', 3) else split_part(address, ':', 1) end
$$;
-- Errors of carriers repeat whom they could not reach: addresses of mail, telephone numbers, and what stands behind the host
-- of a web address.
create function without_addresses(words text) returns text language sql immutable parallel safe as $$
  select regexp_replace(regexp_replace(regexp_replace(words,
    '([a-z][a-z0-9+.-]*://)([^\s/@]*@)?([^\s/?#]*)[^\s]*', '\1\3/…', 'gi'),
    '[^\s@<>"'':;,()]+@[^\s@<>"'':;,()]+', '…@…', 'g'),
    '(\+|\m00?|\m84)([ .()-]{0,2}[0-9]){8,14}', '…', 'g')
$$;

comment on function masked_address is 'where an address leads, without its secret: the host, or the kind of service';
