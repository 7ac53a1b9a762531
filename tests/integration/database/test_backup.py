"""Backup and restore, and the upgrade of a database with data in it: nothing is lost on the way."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from quantrac.cli.jobs.runs import run_if_due
from quantrac.cli.jobs.service import backup_job
from quantrac.database.backup import BackupFailed, RestoreFailed, backup, backup_into, restore
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from quantrac.database.migration import migrate, migrations
from quantrac.database.pool import Connection, connect
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.stations import add_channel, add_station
from tests.integration.database.conftest import NOON, World

NOW = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)


def fill(world: World) -> None:
    """Something in every table that the spine writes, in several chunks."""
    for days in range(0, 40, 4):
        world.reading(NOON - timedelta(days=days), value=5.0 + days)
    world.flag(3)
    world.flag(1, test=None, by="an")
    world.conn.execute(
        """insert into hourly (channel_id, time, value, count, received, expected)
             select %(c)s, %(t)s - n * interval '1 day', n, 60, 60, 60 from generate_series(1, 400) n;
           insert into daily (channel_id, time, value, count, received, expected)
             select channel_id, time, value, count, received, expected from hourly;
           insert into ledger (station, epoch, highest_arrived, stored, received, new)
             values ('st-test', 'e1', 10, '{[1,10]}', 10, 10);
           insert into station_event values ('st-test', 'e1', 1, 0, %(t)s, null, 'restart', 'boot', %(t)s);
           insert into contact (name, email) values ('An', 'an@example.vn');
           insert into alarm (rule, level, station, channel_id, severity, state, raised_at)
             values ('do-low', 'act', 'st-test', %(c)s, 'high', 'unacknowledged', %(t)s);
           insert into dead_letter (first_received_at, received_at, topic, payload, length, sha256, reason, status)
             values (%(t)s, %(t)s, 't', '{', 1, sha256('{'), 'not_json', 'open')""".replace(
            "%(c)s", str(world.channel_id)
        ).replace("%(t)s", f"'{NOON.isoformat()}'::timestamptz")
    )
    consumer = Consumer(world.conn, "rollups", list(Cause))
    for _ in range(3):
        with world.conn.transaction():
            append_changes(world.conn, [NewChange("st-test", world.channel_id, NOON, NOON, 1, Cause.READING)])
    consumer.advance(consumer.take(1)[0].id)


def counts(conn: Connection) -> dict[str, int]:
    """Rows of every table and view."""
    names = conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
    ).fetchall()
    counts = {name: conn.execute(f'select count(*) from "{name}"').fetchone() for (name,) in names}
    return {name: 0 if row is None else row[0] for name, row in counts.items()}


def as_user(conn: Connection, database: str, name: str, groups: str) -> str:
    """Return the address of a database for a user in these groups, who is made where absent."""
    if conn.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
        conn.execute(f"create role {name} login password 'pw' in role {groups}")
    parts = urlsplit(database)
    return urlunsplit(parts._replace(netloc=f"{name}:pw@{parts.hostname}:{parts.port}"))


def test_a_restored_database_holds_the_same_rows_and_goes_on(
    world: World, database: str, empty_database: str, tmp_path: Path
) -> None:
    """Written by the user that docs/installation.md gives `jobs run`, who is not the owner."""
    fill(world)
    file = tmp_path / "new" / "quantrac.dump"
    file.parent.mkdir()
    file.with_name("quantrac.dump.part").touch(mode=0o644)  # of a run that was killed
    jobs_groups = "quantrac_ingest, quantrac_alerts"
    with pytest.raises(BackupFailed, match=r"permission denied.*grant quantrac_backup"):
        backup(as_user(world.conn, database, "jobs_without_backups", jobs_groups), file)
    writer = as_user(world.conn, database, "jobs_with_backups", f"{jobs_groups}, quantrac_backup")
    assert backup(writer, file) == file.stat().st_size > 0
    with connect(writer, "test") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("delete from review")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restore(empty_database, file)
    with connect(empty_database, "test") as conn:
        restored = counts(conn)
        assert restored == counts(world.conn)
        assert restored["reading"] == 10
        everything = "select md5(string_agg(v::text, '|' order by v::text)) from v_reading v"
        assert conn.execute(everything).fetchone() == world.conn.execute(everything).fetchone()
        assert migrate(empty_database) == []
        # it goes on: new chunks, new ids, the feed from where it stood, the lesser rights
        conn.execute("set role quantrac_ingest")
        again = World(conn, world.channel_id)
        again.reading(NOON + timedelta(days=100))
        again.reading(NOON + timedelta(minutes=1))
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("insert into reading values (%s, %s, 1, 0, 0, now())", [world.channel_id, NOON])
        consumer = Consumer(conn, "rollups", list(Cause))
        assert [change.id for change in consumer.take(10)] == [2, 3]
        with conn.transaction():
            append_changes(conn, [NewChange("st-test", world.channel_id, NOON, NOON, 1, Cause.READING)])
        assert [change.id for change in consumer.take(10)] == [2, 3, 4]


def test_only_an_empty_database_is_filled(world: World, database: str, tmp_path: Path) -> None:
    file = tmp_path / "a.dump"
    backup(database, file)
    with pytest.raises(RestoreFailed, match=r"found tables \(account.*expected an empty database"):
        restore(database, file)
    with pytest.raises(RestoreFailed, match="no such file"):
        restore(database, tmp_path / "b.dump")


def test_what_is_no_backup_is_refused_and_touches_nothing(empty_database: str, tmp_path: Path) -> None:
    file = tmp_path / "a.dump"
    file.write_bytes(b"PGDMP and rubbish")
    with pytest.raises(RestoreFailed, match=r"pg_restore: error.*Nothing was restored"):
        restore(empty_database, file)
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("select from pg_extension where extname = 'timescaledb'").fetchone() is None


def test_a_backup_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "a.dump"
    file.write_text("yesterday's")
    with pytest.raises(BackupFailed, match="pg_dump: error: connection"):
        backup("postgresql://x:secret@127.0.0.1:1/none", file)
    assert file.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(BackupFailed, match=r"/sys/kernel/x/x.dump: .*ReadWritePaths="):
        backup("postgresql://x:secret@127.0.0.1:1/none", Path("/sys/kernel/x/x.dump"))


def test_the_newest_backups_stay_and_other_files_too(world: World, database: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    left, runs = (tmp_path / f"quantrac-2026112{day}T183000Z.dump.part" for day in (2, 3))
    for file, written in ((left, NOW - timedelta(days=2)), (runs, NOW + timedelta(days=2))):
        file.touch()
        os.utime(file, (written.timestamp(),) * 2)
    files = [backup_into(database, tmp_path, 2, NOW + timedelta(days=day))[0] for day in range(3)]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "notes.txt", runs, *files[1:]], "and what another run writes now"
    assert files[0].name == "quantrac-20261124T183000Z.dump"


def test_the_clock_writes_a_backup_each_night(world: World, database: str, tmp_path: Path) -> None:
    """01:30 in Vietnam is 18:30 UTC of the day before."""
    job = backup_job(database, tmp_path, keep=3)
    assert run_if_due(world.conn, job, lambda: NOW)
    assert not run_if_due(world.conn, job, lambda: NOW + timedelta(hours=20))
    assert run_if_due(world.conn, job, lambda: NOW + timedelta(hours=24))
    assert len(list(tmp_path.glob("quantrac-*.dump"))) == 2
    detail = world.one("select detail from job_run order by due_at limit 1")
    assert detail.startswith("quantrac-20261124T183000Z.dump: ")


def test_an_upgrade_keeps_what_the_database_holds(
    template: str, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the schema before the newest migration, with readings and verdicts, to the newest."""
    assert template  # it has made the roles
    *older, newest = migrations()
    monkeypatch.setattr("quantrac.database.migration.migrations", lambda: older)
    grants = "grant select on all tables in schema public to quantrac_reader"
    monkeypatch.setattr("quantrac.database.migration.read", lambda _: grants)
    migrate(empty_database)
    with connect(empty_database, "test") as conn:
        add_station(conn, "st-test")
        add_channel(conn, "st-test", "do")
        conn.execute(
            """insert into reading_flag (channel_id, time, test, flag, "by", at)
               values (1, timestamptz '2026-10-01 00:01', null, 4, 'lan', now());
               insert into reading select 1, timestamptz '2026-10-01' + n * interval '1 minute', n % 7, 0, 0, now()
               from generate_series(1, 20000) n"""
        )
        everything = "select count(*), sum(value), sum(quality) from v_reading"
        before = conn.execute(everything).fetchone()
    monkeypatch.undo()
    assert migrate(empty_database) == [newest.name]
    with connect(empty_database, "test") as conn:
        assert conn.execute(everything).fetchone() == before
        assert before is not None
        assert before[0] == 20000


def test_an_owner_who_is_no_superuser_backs_up_and_a_superuser_restores_for_him(
    postgres: PrivatePostgres, empty_database: str, tmp_path: Path
) -> None:
    """TimescaleDB 2.19: permission denied to set parameter timescaledb.restoring; must be superuser to stop workers."""
    owner, name = f"owner_{os.getpid()}", f"owned_{os.getpid()}"
    place = postgres.create_database(name)
    file = tmp_path / "a.dump"
    theirs, theirs_second = (f"postgresql://{owner}:x@{each.rpartition('@')[2]}" for each in (place, empty_database))
    with connect(postgres.url(), "test") as admin:
        admin.execute(f"create role {owner} login password 'x'")
        for each in (name, empty_database.rpartition("/")[2]):
            admin.execute(f"alter database {each} owner to {owner}")
    try:
        migrate(theirs)
        with connect(theirs, "test") as conn:
            conn.execute("insert into audit (at, person, action, subject) values (now(), 'an', 'x', 'y')")
        assert backup(theirs, file) > 0
        with pytest.raises(RestoreFailed, match=r"TimescaleDB lets only a superuser restore: .*Nothing was restored"):
            restore(theirs_second, file)
        restore(empty_database, file)
        with connect(theirs_second, "test") as conn:
            assert conn.execute("select person from audit").fetchall() == [("an",)]
            conn.execute("insert into reading values (1, now(), 1, 0, 0, now())")  # a new chunk, with his own rights
        assert migrate(theirs_second) == []
    finally:
        postgres.drop_database(name)
        postgres.drop_database(empty_database.rpartition("/")[2])
        with connect(postgres.url(), "test") as admin:
            admin.execute(f"drop role {owner}")
