"""Migrations: from nothing to everything, as often and from as many sides as one likes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from quantrac.database.migration import MigrationError, NotMigrated, migrate, migrations, refuse_old_database
from quantrac.private_services.postgres import PrivatePostgres

NAMES = [migration.name for migration in migrations()]


def test_from_nothing_all_migrations_are_applied_once(empty_database: str) -> None:
    assert migrate(empty_database) == NAMES
    assert migrate(empty_database) == []


def test_a_service_on_an_older_database_says_all_that_is_pending(empty_database: str) -> None:
    with pytest.raises(NotMigrated, match=f"pending: {', '.join(NAMES)}; run quantrac db migrate"):
        refuse_old_database(empty_database, "quantrac ingest")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_vietnamese_is_refused_with_the_command_that_makes_one(
    postgres: PrivatePostgres, encoding: str
) -> None:
    """Debian's packages make a cluster of SQL_ASCII where LANG is unset."""
    name = f"foreign_{encoding.lower()}"
    create = f"create database {name} template template0 encoding '{encoding}' locale 'C'"
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        conn.execute(create)
    try:
        for ask in (migrate, lambda url: refuse_old_database(url, "quantrac ingest")):
            with pytest.raises(MigrationError, match=f"{encoding}, expected UTF8.* --encoding UTF8 ") as found:
                ask(postgres.url(name))
            assert "\n" not in str(found.value)
    finally:
        postgres.drop_database(name)


def test_the_table_of_readings_is_a_hypertable_whose_one_index_of_all_rows_is_its_key(database: str) -> None:
    with psycopg.connect(database) as conn:
        chunk = conn.execute(
            "select time_interval from timescaledb_information.dimensions where hypertable_name = 'reading'"
        ).fetchone()
        indexes = conn.execute("select indexdef from pg_indexes where tablename = 'reading'").fetchall()
    assert chunk is not None
    assert chunk[0].days == 7
    key = ' btree (channel_id, "time")'
    blamed = f"{key} WHERE ((state <> 0) OR (tests <> 0))"
    assert sorted(re.sub(r".*USING", "", text) for (text,) in indexes) == [key, blamed]


def test_two_migrations_of_one_database_apply_each_file_once(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, [empty_database] * 4))
    assert sorted(done) == [[], [], [], NAMES]


def test_databases_of_one_cluster_migrated_at_once_do_not_collide_over_the_roles(postgres: PrivatePostgres) -> None:
    names = [f"cluster_{number}" for number in range(4)]
    urls = [postgres.create_database(name) for name in names]
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(migrate, urls)) == [NAMES] * 4
    finally:
        for name in names:
            postgres.drop_database(name)


def _as_user(postgres: PrivatePostgres, url: str, user: str, attributes: str) -> str:
    """Make a user who owns the database and return the database's address for that user."""
    parts = urlsplit(url)
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        if conn.execute("select from pg_roles where rolname = %s", [user]).fetchone() is None:
            conn.execute(f"create role {user} login password 'pw' {attributes}")
        conn.execute(f"alter database {parts.path[1:]} owner to {user}")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create extension if not exists timescaledb")
    return urlunsplit(parts._replace(netloc=f"{user}:pw@{parts.hostname}:{parts.port}"))


def test_a_user_without_rights_on_roles_gets_the_script_and_a_working_database(
    postgres: PrivatePostgres, empty_database: str
) -> None:
    url = _as_user(postgres, empty_database, "plain_owner", "")
    said: list[str] = []
    assert migrate(url, said.append) == NAMES
    assert "create role" in said[0]
    assert "quantrac_owner" in said[0]
    with psycopg.connect(url) as conn:
        conn.execute("insert into reading values (1, now(), 1, 0, 0, now())")
        assert conn.execute("select count(*) from v_reading").fetchone() == (0,)
    assert migrate(url) == []
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        conn.execute("grant quantrac_owner to plain_owner")  # as the script says
    assert migrate(url, said.append) == []
    assert len(said) == 1
    with psycopg.connect(empty_database) as conn:
        conn.execute("set role quantrac_reader")
        assert conn.execute("select count(*) from v_reading").fetchone() == (0,)


def test_a_user_who_may_make_roles_but_is_no_superuser_migrates_with_them(
    postgres: PrivatePostgres, empty_database: str
) -> None:
    url = _as_user(postgres, empty_database, "role_maker", "createrole")
    said: list[str] = []
    assert migrate(url, said.append) == NAMES
    with psycopg.connect(url) as conn:
        owned = conn.execute("select tableowner from pg_tables where tablename = 'reading'").fetchone()
        assert owned == (("role_maker" if said else "quantrac_owner"),)


def test_an_applied_file_that_was_edited_stops_the_migration(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("update migration set sha256 = 'other' where number = 2")
    with pytest.raises(MigrationError, match=r"0002_network\.sql was changed"):
        migrate(database)


def test_a_database_of_a_newer_version_is_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into migration values (9999, '9999_future', 'x')")
    with pytest.raises(MigrationError, match="9999_future, unknown to this version"):
        migrate(database)
