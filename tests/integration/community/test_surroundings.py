"""What else reads, keeps or drops readings does not notice that weeks are compressed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ingest.rollups.consumer import rebuild
from quantrac.cli.jobs.upkeep import apply_retention
from quantrac.config.loader import load_network
from quantrac.config.network import Retention
from quantrac.database.backup import RestoreFailed, backup, restore
from quantrac.database.edition import tune
from quantrac.database.migration import migrate
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from tests.integration.community.conftest import compress_everything, loose_rows
from tests.integration.database.conftest import NOON, World
from tests.integration.database.test_backup import counts, fill
from tests.integration.ingest.given import Given
from tests.integration.ingest.test_importing import CONFIGS, load, month, order
from tests.integration.ingest.test_rollups import T0, everything, follow, station, store
from tests.integration.ingest.test_undone_imports import centre, undo_some_that_overlap

__all__ = ["centre", "station"]

pytestmark = pytest.mark.community
NAMES = {"Temp": "water_temp"}
READINGS = "select v::text from v_reading v order by channel, time"
SERIES = """
select time, value from v_reading
where channel = 'st-test/do' and time > %s and time <= %s and quality <= 2 order by time
"""


def test_views_show_the_same_with_flags_and_corrections(
    world: World, reader: psycopg.Connection[tuple[object, ...]]
) -> None:
    for minute in range(3000):
        world.reading(NOON + timedelta(minutes=minute), value=minute % 50)
    world.flag(3, time=NOON + timedelta(minutes=5))
    world.flag(4, test=None, by="an", time=NOON + timedelta(minutes=6))
    before = reader.execute(READINGS).fetchall(), reader.execute("select * from v_latest").fetchall()[0][:4]
    compress_everything(world.conn)
    assert loose_rows(world.conn) == 0
    world.flag(4, test=None, by="an", time=NOON + timedelta(minutes=7))
    world.conn.execute(
        """insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at)
           values (%s, %s, 42, 'an', 'x', now(), 'binh', now())""",
        [world.channel_id, NOON + timedelta(minutes=8)],
    )
    after = reader.execute(READINGS).fetchall(), reader.execute("select * from v_latest").fetchall()[0][:4]
    assert after[1] == before[1]
    assert [n for n, pair in enumerate(zip(before[0], after[0], strict=True)) if pair[0] != pair[1]] == [7, 8]
    changed = reader.execute("select value, raw_value, quality from v_reading where value <> raw_value").fetchall()
    assert changed == [(42.0, 8.0, 1)]


def test_a_day_of_one_channel_unpacks_only_that(world: World) -> None:
    for channel in range(1, 30):
        world.conn.execute(
            """insert into reading select %s, %s + n * interval '1 minute', n, 0, 0, now()
               from generate_series(1, 10000) n""",
            [channel, NOON],
        )
    compress_everything(world.conn)
    world.conn.execute("analyze")
    parameters = [NOON + timedelta(days=2), NOON + timedelta(days=3)]
    plan = "\n".join(
        line for (line,) in world.conn.execute(f"explain (analyze, timing off, costs off) {SERIES}", parameters)
    )
    assert "DecompressChunk" in plan
    assert "Index Scan using compress_hyper" in plan
    assert len(world.conn.execute(SERIES, parameters).fetchall()) == 1440


@pytest.mark.parametrize("seed", range(2))
def test_roll_ups_give_equal_bits_from_compressed_readings(station: psycopg.Connection, seed: int) -> None:
    chance = random.Random(seed)
    given = [
        Given(name, minute, chance.uniform(0, 360), chance.choice([0, 0, 0, 1, 3]))
        for name in ("do", "wind_dir", "rain", "battery_v")
        for minute in range(1, 4 * 1440)
    ]
    late = [each for each in given if 1000 < each.minute < 2000 and each.name != "rain"]
    store(station, given)
    follow(station)
    wanted = everything(station)
    station.execute("truncate reading, hourly, daily")
    store(station, [each for each in given if each not in set(late)])
    compress_everything(station)
    follow(station)
    store(station, late)
    assert loose_rows(station) == len(late)
    follow(station)
    assert everything(station) == wanted
    list(rebuild(station, T0 - timedelta(days=1), T0 + timedelta(days=9)))
    assert everything(station) == wanted
    compress_everything(station)
    list(rebuild(station))
    assert everything(station) == wanted


def test_retention_drops_compressed_weeks_and_what_lies_beside_them(world: World) -> None:
    now = datetime.now(UTC)
    for days in (400, 380, 100, 1):
        world.reading(now - timedelta(days=days))
    compress_everything(world.conn)
    world.reading(now - timedelta(days=400, seconds=5))
    world.conn.execute("update network set readings_kept = '390 days'")
    assert apply_retention(world.conn, now, Retention.model_validate({"readings": "390d"})).words.startswith(
        "readings: 1 chunks dropped"
    )
    assert world.one("select count(*) from reading") == 3
    left = "select count(*) from timescaledb_information.chunks where hypertable_name like '_compressed%%'"
    assert world.one(left) in (0, 3), "no compressed rows of a dropped week stay behind"


@pytest.mark.parametrize("seed", range(4))
def test_of_imports_into_compressed_weeks_each_is_undone_by_itself(
    centre: Connection, tmp_path: Path, seed: int
) -> None:
    """Compressed before and after each import and each undoing, for a part of the time only."""
    chance = random.Random(seed)
    undo_some_that_overlap(
        centre, tmp_path, chance, between=lambda: chance.random() < 0.7 and compress_everything(centre)
    )


def test_imported_files_again_change_nothing_in_compressed_weeks(database: str, tmp_path: Path) -> None:
    with connect(database, "test") as conn:
        apply_network(conn, load_network(CONFIGS), "test", datetime.now(UTC))
        first, _ = load(conn, order(month(tmp_path / "a.txt"), chosen=NAMES))
        assert compress_everything(conn) > 0
        longer, _ = load(conn, order(month(tmp_path / "b.txt", days=3), chosen=NAMES))
        assert first.readings == 2 * 288 * 3
        assert longer.readings == 288 * 3
        assert conn.execute("select count(*), count(distinct (channel_id, time)) from reading").fetchone() \
            == (3 * 288 * 3,) * 2  # fmt: skip


def test_a_restored_backup_holds_the_same_compressed_and_takes_late_readings(
    world: World, database: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    fill(world)
    compress_everything(world.conn)
    world.reading(NOON - timedelta(days=4, minutes=5), value=77.0)
    file = tmp_path / "a.dump"
    backup(database, file)
    second = new_database()
    restore(second, file)
    with connect(second, "test") as conn:
        assert counts(conn) == counts(world.conn)
        assert conn.execute(READINGS).fetchall() == world.conn.execute(READINGS).fetchall()
        assert loose_rows(conn) == 1
        assert migrate(second) == []
        assert "compression" in tune(conn)[1]
        conn.execute("set role quantrac_ingest")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("insert into reading values (%s, %s, 1, 0, 0, now())", [world.channel_id, NOON])
        World(conn, world.channel_id).reading(NOON - timedelta(days=4, minutes=6))
        conn.execute("reset role")
        compress_everything(conn)
        assert loose_rows(conn) == 0


def test_compressed_readings_are_not_restored_where_they_could_not_be_read(
    world: World, database: str, empty_database: str, tmp_path: Path
) -> None:
    """From the Community edition into the Apache edition of the private server."""
    fill(world)
    compress_everything(world.conn)
    file = tmp_path / "a.dump"
    backup(database, file)
    with pytest.raises(RestoreFailed, match="Community edition"):
        restore(empty_database, file)


def test_an_apache_backup_goes_into_the_community_edition_and_is_compressed_there(
    new_database: Callable[[], str], empty_database: str, tmp_path: Path
) -> None:
    migrate(empty_database)
    with connect(empty_database, "test") as conn:
        assert "no compression" in tune(conn)[1]
        conn.execute("insert into reading select 1, now() - interval '100 days' + n * interval '1 s', n, 0, 0, now()"
                     " from generate_series(1, 5000) n")  # fmt: skip
        backup(empty_database, tmp_path / "a.dump")
    second = new_database()
    restore(second, tmp_path / "a.dump")
    with connect(second, "test") as conn:
        assert "done by quantrac jobs run" in tune(conn)[1]
        compress_everything(conn)
        assert loose_rows(conn) == 0
        assert conn.execute("select count(*), sum(value) from reading").fetchone() == (5000, 12_502_500.0)
