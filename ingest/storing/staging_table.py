"""The slow path: readings whose key may exist go by a staging table, so that a repeat refuses no batch.

Of each key the first reading stays. An equal one is a duplicate; another value or state is kept as a conflict. Only a
null that nobody measured gives way: to the first measured value, and it is the null that is kept.
"""

from __future__ import annotations

from typing import Final

from ingest.receiving.batch import Batch
from ingest.storing import copy_rows
from ingest.storing.plan import Addition, Merged, Rows
from quantrac.database.pool import Connection
from quantrac.telemetry.states import State

UNDO_LOCK: Final = 0x5154_0041
"""Held by whoever undoes an import, and shared by whoever compares with what is stored: nothing is found to be there
that goes meanwhile."""
# All at once: on a busy machine each statement costs a turn of the processor. Without statistics the planner takes the
# staging table for a small one, and may compare each row with each.
STAGE: Final = f"""
select pg_advisory_xact_lock_shared({UNDO_LOCK});
create temp table if not exists staged_reading (
  channel_id int4 not null, time timestamptz not null, value float8, state int2 not null, tests int2 not null,
  received_at timestamptz not null, ordinal int4 not null, message int4 not null, new boolean not null default false,
  known boolean not null default false, conflict boolean not null default false, fills boolean not null default false,
  filled_state int2, null_sent timestamptz[], kept_at timestamptz
) on commit delete rows;
truncate staged_reading;
set local enable_nestloop = off
"""
MATCHED: Final = "set local enable_nestloop = on"
COPY: Final = """
copy staged_reading (channel_id, time, value, state, tests, received_at, ordinal, message) from stdin (format binary)
"""
SPREAD = """
select low, high, exists (select from import i where i.first_t <= last and i.last_t >= first)
from (
  select min(time) filter (where not new and not known) as low, max(time) filter (where not new and not known) as high,
         min(time) as first, max(time) as last
  from staged_reading) s
"""
# `part` spans the staged times of a channel within ten minutes. `offset 0` keeps it a loop over the key: whole chunks
# are never read for a few rows, and what is compressed is unpacked once for ten minutes, not once for a reading.
COMPARE = """
with stored as materialized (
  select r.* from (
    select channel_id, min(time) as low, max(time) as high from staged_reading where not new and not known
    group by channel_id, date_bin('10 minutes', time, '1970-01-01 00:00Z')
  ) part cross join lateral (
    select channel_id, time, value, state, received_at from reading
    where channel_id = part.channel_id and time between part.low and part.high and time between %s and %s offset 0
  ) r
)
update staged_reading s set known = true, conflict = r.value is distinct from s.value or r.state <> s.state,
  fills = s.value is not null and r.value is null and r.state = any(%s), kept_at = r.received_at
from stored r where s.channel_id = r.channel_id and s.time = r.time and not s.new and not s.known
"""
NOT_MEASURED: Final = [int(state) for state in (State.COMM, State.WARMUP, State.FAULT)]
FILL = """
with firsts as (
  select distinct on (channel_id, time) channel_id, time, ordinal, value, state, tests, received_at
  from staged_reading where fills order by channel_id, time, ordinal
), filled as materialized (
  select channel_id, time, ordinal, null_state, sent
  from firsts cross join lateral fill_reading(channel_id, time, value, state, tests, received_at)
)
update staged_reading s
set fills = false, known = false, conflict = false, new = s.ordinal = filled.ordinal,
    filled_state = case when s.ordinal = filled.ordinal then filled.null_state end,
    null_sent = case when s.ordinal = filled.ordinal then filled.sent end
from filled where s.channel_id = filled.channel_id and s.time = filled.time and s.ordinal >= filled.ordinal
"""
INSERT = """
with added as (
  insert into reading (channel_id, time, value, state, tests, received_at)
  select channel_id, time, value, state, tests, received_at from staged_reading
  where not known and not new order by channel_id, time, ordinal
  on conflict do nothing
  returning channel_id, time
), firsts as (
  select distinct on (channel_id, time) channel_id, time, ordinal from staged_reading
  order by channel_id, time, ordinal
)
update staged_reading s set new = true from firsts join added using (channel_id, time) where s.ordinal = firsts.ordinal
"""
# Of an import that is undone, what another source has sent alike stays: each import that did is noted, and the first
# source that is none. `offset 0` keeps the look a loop over the key: all that was noted is never read for a few rows.
SECOND = """
with alike as materialized (
  select s.* from staged_reading s join import i on i.started_at = s.kept_at
  where s.known and not s.conflict and not s.new and s.received_at <> s.kept_at
)
insert into seconded_reading (channel_id, time, received_at, tests)
select distinct on (s.channel_id, s.time) s.channel_id, s.time, s.received_at, s.tests from alike s
where not exists (
  select from seconded_reading o where o.channel_id = s.channel_id and o.time = s.time
  and o.received_at not in (select started_at from import) offset 0)
order by s.channel_id, s.time, s.ordinal
on conflict do nothing
"""
CONFLICTS = """
select k.channel_id, k.time, k.value, k.state, i.import_id, k.first_at, k.received_at, k.message, k.conflict
from (
  select channel_id, time, value, state, received_at as first_at, received_at, message, conflict, ordinal
  from staged_reading where conflict
  union all
  select channel_id, time, null, filled_state, unnest(null_sent), received_at, message, conflict, ordinal
  from staged_reading where filled_state is not null
) k left join import i on i.started_at = k.first_at
order by k.channel_id, k.time, k.ordinal, k.first_at
"""
KEEP_CONFLICT = """
insert into conflict (channel_id, time, value, state, import_id, first_at, epoch, seq, received_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (channel_id, time, value, state, import_id) do update
set count = conflict.count + 1, received_at = excluded.received_at
"""
NEW_MESSAGES = "select distinct message from staged_reading where new"
ADDED = """
select channel_id, (extract(epoch from min(time)) * 1000000)::int8, (extract(epoch from max(time)) * 1000000)::int8,
       count(*)::int4
from staged_reading where new group by channel_id, date_trunc('hour', time) order by 1, 2
"""
NEWEST = """
select distinct on (channel_id) channel_id, (extract(epoch from time) * 1000000)::int8, value, state, tests,
       (extract(epoch from received_at) * 1000000)::int8
from staged_reading where new order by channel_id, time desc, ordinal desc
"""


def merge(conn: Connection, rows: Rows, batch: Batch) -> Merged:
    """Merge rows of a batch into the readings."""
    if not len(rows):
        return Merged()
    conn.execute(STAGE)
    with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(copy_rows.pack(*rows.columns(), ordinal=rows.ordinal, message=rows.message))
    _compare(conn)
    conn.execute(INSERT)
    _compare(conn)  # what repeats within the batch, or was stored by another worker in between
    if _compare(conn):  # what came behind a value that has filled a null only now
        conn.execute(SECOND)
    conn.execute(MATCHED)
    return Merged(
        new_messages={row[0] for row in conn.execute(NEW_MESSAGES)},
        conflict_messages=_keep_conflicts(conn, batch),
        added=[Addition(*row) for row in conn.execute(ADDED)],
        newest=conn.execute(NEWEST).fetchall(),
    )


def _compare(conn: Connection) -> bool:
    """Mark which staged readings are stored by now, and which with another value or state; fill nulls with values.

    Returns whether readings of an import may be among those that are stored.
    """
    low, high, may_be_imported = conn.execute(SPREAD).fetchone() or (None, None, False)
    if low is not None:
        conn.execute(COMPARE, (low, high, NOT_MEASURED))
        conn.execute(FILL)
    return may_be_imported or low is not None


def _keep_conflicts(conn: Connection, batch: Batch) -> set[int]:
    """Keep beside the readings what did not stay; return the messages that brought second values."""
    columns, found = batch.checked.columns, conn.execute(CONFLICTS).fetchall()
    with conn.cursor() as cursor:
        cursor.executemany(
            KEEP_CONFLICT,
            [
                (*reading, columns.keys[columns.key[message]].epoch, int(columns.seq[message]), received_at)
                for *reading, received_at, message, _ in found
            ],
        )
    return {row[7] for row in found if row[8]}
