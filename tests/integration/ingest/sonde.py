"""A sonde of four channels that is lifted out of salt water for an hour, and what stands on record of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from quantrac.database.feed import Cause, NewChange, append_changes

T0: Final = datetime(2026, 5, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 5, 9, tzinfo=UTC)
STEP: Final = timedelta(minutes=10)

Row = tuple[str, int, float | None, int]
"""Channel, number of the slot, value, state."""

SALT: Final = {**dict.fromkeys(range(60), 10.0), **dict.fromkeys(range(30, 36), 0.1)}
"""A sonde in salt water, lifted for an hour: drops on it conduct as little as 0.1."""
ROWS: Final[list[Row]] = [
    *(("salinity", at, value, 0) for at, value in SALT.items()),
    *(("water_temp", at, 31.5 if at in range(30, 36) else 28.0, 0) for at in range(60)),
    *(("do", at, 7.4 if at in range(30, 36) else 4.0, 0) for at in range(60)),  # full in air: 7.35 mg/l at 31.5 °C
    *(("ph", at, None if at == 31 else 7.5, 6 if at in (31, 32) else 0) for at in range(60)),
]
IN_AIR: Final = {
    *(("salinity", at) for at in range(30, 36)),
    *(("water_temp", at) for at in range(30, 36)),
    *(("do", at) for at in range(30, 36)),
    *(("ph", at) for at in (30, 33, 34, 35)),  # of 31 there is no value, and of 32 the device says that it is none
}


def store(conn: psycopg.Connection, rows: Iterable[Row]) -> None:
    """Store readings of st-test and tell the feed, as ingest does."""
    numbers: dict[str, int] = dict(
        conn.execute("select name, channel_id from channel where station = 'st-test'").fetchall()
    )
    stored = [(numbers[name], T0 + at * STEP, value, state, NOW) for name, at, value, state in rows]
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany("insert into reading values (%s, %s, %s, %s, 0, %s) on conflict do nothing", stored)
        cursor.execute(
            "insert into latest select distinct on (channel_id) * from reading order by channel_id, time desc"
            " on conflict (channel_id) do update set time = excluded.time"
        )
        append_changes(conn, [NewChange("st-test", each[0], each[1], each[1], 1, Cause.READING) for each in stored])


def blamed(conn: psycopg.Connection) -> set[tuple[str, int]]:
    """Channel and slot of what stands as out of water."""
    rows = conn.execute(
        "select distinct on (channel, time) split_part(channel, '/', 2), time, flag from v_flag"
        " where test = 'out_of_water' order by channel, time, flag_id desc"
    ).fetchall()
    return {(name, round((time - T0) / STEP)) for name, time, flag in rows if flag == 4}
