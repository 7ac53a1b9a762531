"""`db tune` on the Community edition, and the clock's job that compresses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from quantrac.cli.jobs.runs import run_if_due
from quantrac.cli.jobs.service import chunk_jobs
from quantrac.cli.jobs.upkeep import compress_old
from quantrac.database.edition import server, tune
from quantrac.database.migration import migrate, migrations
from quantrac.database.pool import Connection, connect, open_pool
from tests.integration.community.conftest import compress_everything, loose_rows
from tests.integration.database.conftest import World

pytestmark = pytest.mark.community
NOW = datetime.now(UTC)


def settings(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute(
        """select attname, segmentby_column_index, orderby_column_index, orderby_asc
           from timescaledb_information.compression_settings where hypertable_name = 'reading' order by attname"""
    ).fetchall()


def fill_weeks(world: World, *ages: int, count: int = 2000) -> None:
    """Readings of a minute each, ending so many days ago."""
    for age in ages:
        world.conn.execute(
            """insert into reading select %s, %s - n * interval '1 minute', 5 + n %% 7, 0, 0, now()
               from generate_series(1, %s) n""",
            [world.channel_id, NOW - timedelta(days=age), count],
        )


def test_tune_may_be_repeated_and_done_by_several_at_once(database: str, conn: Connection) -> None:
    assert server(conn).edition == "community"
    before = settings(conn)
    assert before == [("channel_id", 1, None, None), ("time", None, 1, True)]
    said = tune(conn)

    def again(_: int) -> list[str]:
        with connect(database, "test") as own:
            return tune(own)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(again, range(3))) == [said] * 3
    assert "compression of readings older than 60 days" in said[1]
    assert settings(conn) == before
    assert conn.execute("select current_setting('random_page_cost')::float8").fetchone() == (1.1,)
    assert conn.execute("show plan_cache_mode").fetchone() == ("force_custom_plan",)


def test_old_weeks_are_compressed_once_and_again_when_late_readings_came(world: World, conn: Connection) -> None:
    fill_weeks(world, 100, 75, 1)
    before = conn.execute("select count(*), sum(value) from reading").fetchone()
    weeks = compress_old(conn, NOW).rows
    assert 2 <= weeks <= 4, "two stretches of a day and a half, each in one week or in two"
    assert compress_old(conn, NOW).words == "0 weeks compressed"
    assert conn.execute("select count(*), sum(value) from reading").fetchone() == before
    assert loose_rows(conn) == 2000, "the newest stay as they came"
    world.reading(NOW - timedelta(days=100, seconds=30), value=99.0)
    assert loose_rows(conn) == 2001
    assert compress_old(conn, NOW).words == "1 weeks compressed"
    assert loose_rows(conn) == 2000
    assert conn.execute("select count(*) from reading where value = 99").fetchone() == (1,)


def test_a_week_in_use_is_left_for_the_next_night(world: World, conn: Connection, database: str) -> None:
    fill_weeks(world, 75, count=10)
    conn.execute("alter function compress_readings(timestamptz) set lock_timeout = '50ms'")
    with connect(database, "test") as other, other.transaction():
        other.execute("lock table reading in share row exclusive mode")
        assert compress_old(conn, NOW).words == "0 weeks compressed, 1 in use and left for tomorrow"
    assert compress_old(conn, NOW).words == "1 weeks compressed"


def test_the_clock_compresses_with_the_rights_of_its_user(
    world: World, conn: Connection, database: str, community_url: str
) -> None:
    fill_weeks(world, 75)
    name = f"jobs_{urlsplit(database).path[1:]}"
    conn.execute(f"create role {name} login password 'pw' in role quantrac_ingest, quantrac_alerts")
    try:
        parts = urlsplit(database)
        url = urlunsplit(parts._replace(netloc=f"{name}:pw@{parts.hostname}:{parts.port or 5432}"))
        with connect(url, "test") as own:
            assert run_if_due(own, chunk_jobs()[0], lambda: NOW)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute("select decompress_chunk(chunk) from show_chunks('reading') chunk")
        detail = world.one("select outcome || ': ' || detail from job_run")
        assert detail in ("done: 1 weeks compressed", "done: 2 weeks compressed")
    finally:
        conn.execute(f"drop role {name}")


def test_no_week_of_the_last_14_days_is_compressed_whoever_asks(world: World, conn: Connection) -> None:
    fill_weeks(world, 1, count=10)
    week = world.one("select max(range_start) from timescaledb_information.chunks where hypertable_name = 'reading'")
    with pytest.raises(psycopg.errors.RaiseException, match="last 14 days are never compressed"):
        conn.execute("select compress_readings(%s)", [week])


def test_every_connection_of_ours_may_unpack_as_much_as_late_readings_need(database: str, conn: Connection) -> None:
    limit = "select current_setting('timescaledb.max_tuples_decompressed_per_dml_transaction')"
    conn.execute(f"alter database {conn.info.dbname} set timescaledb.max_tuples_decompressed_per_dml_transaction = 1")
    with connect(database, "test") as own, open_pool(database, "test") as pool:
        assert own.execute(limit).fetchone() == ("0",)
        with pool.connection() as pooled:
            assert pooled.execute(limit).fetchone() == ("0",)


def test_an_upgrade_keeps_compressed_readings(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the schema before the newest migration, with compressed readings, to the newest."""
    url = new_database()
    *older, newest = migrations()
    monkeypatch.setattr("quantrac.database.migration.migrations", lambda: older)
    monkeypatch.setattr("quantrac.database.migration.read", lambda _: "select 1")
    migrate(url)
    monkeypatch.undo()
    with connect(url, "test") as conn:
        conn.execute(
            """insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)
               values ('st-test', 'Trạm', 'Test', '2019-06-01', '{}', 'abc', now());
               insert into channel (station, name, parameter, unit, kind, interval_s)
               values ('st-test', 'do', 'do', 'mg/L', 'mean', 60);
               insert into reading select 1, timestamptz '2026-06-01' + n * interval '1 minute', n % 7, 0, 0, now()
               from generate_series(1, 20000) n"""
        )
        tune(conn)
        compress_everything(conn)
        before = conn.execute("select count(*), sum(value) from v_reading").fetchone()
        assert migrate(url) == [newest.name]
        tune(conn)
        assert conn.execute("select count(*), sum(value) from v_reading").fetchone() == before
        assert loose_rows(conn) == 0
