"""The private cluster keeps its promises: own data, loopback only, a password, and it never outlives its owners."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from quantrac.private_services.place import private_folder
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.program import PROJECT
from tests.fixtures.timing import eventually
from tests.integration.private_services.listening import addresses_of


@pytest.fixture
def folder() -> Iterator[Path]:
    with private_folder(PROJECT, "tests-cluster-") as made:
        yield made / "Cụm dữ liệu"


@pytest.fixture
def cluster(folder: Path) -> Iterator[PrivatePostgres]:
    with PrivatePostgres(folder) as running:
        yield running


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        (found,) = connection.execute(query).fetchone() or (None,)
        return found


def test_it_listens_on_the_loopback_address_only_and_wants_a_password(cluster: PrivatePostgres) -> None:
    assert addresses_of(cluster.pid) == {("127.0.0.1", cluster.port)}
    with pytest.raises(psycopg.OperationalError, match=r"no password supplied|password authentication failed"):
        psycopg.connect(f"postgresql://quantrac@127.0.0.1:{cluster.port}/postgres", passfile="/dev/null")


def test_what_was_committed_survives_kill_and_restart_at_the_same_address(cluster: PrivatePostgres) -> None:
    url = cluster.url()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as answer")
    cluster.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    cluster.start()
    assert cluster.url() == url
    assert one(url, "select answer from kept") == 42


def test_commits_are_durable_unless_a_test_asks_otherwise(cluster: PrivatePostgres) -> None:
    assert (one(cluster.url(), "show fsync"), one(cluster.url(), "show synchronous_commit")) == ("on", "on")


def test_a_second_object_finds_the_data_and_the_password_of_the_first(folder: Path) -> None:
    with PrivatePostgres(folder) as first, psycopg.connect(first.url()) as connection:
        connection.execute("create table kept as select 'hôm qua' as word")
    with PrivatePostgres(folder) as second:
        assert one(second.url(), "select word from kept") == "hôm qua"


def test_timescaledb_works_and_its_scheduler_holds_no_database(cluster: PrivatePostgres) -> None:
    cluster.create_database("master_copy")
    with psycopg.connect(cluster.url("master_copy")) as connection:
        connection.execute("create extension timescaledb")
        connection.execute("create table r (t timestamptz not null, v float8)")
        connection.execute("select create_hypertable('r', 't')")
    copy = cluster.create_database("copied", template="master_copy")
    assert one(copy, "select count(*) from timescaledb_information.hypertables") == 1
    cluster.drop_database("copied")
    assert not cluster.has_database("copied")


OWNER = """
import sys, time
from pathlib import Path
from quantrac.private_services.postgres import PrivatePostgres
cluster = PrivatePostgres(Path(sys.argv[1]), volatile=True, transient=True)
cluster.start()
print(cluster.pid, flush=True)
time.sleep(600)
"""


def test_it_stops_and_removes_its_files_when_its_owner_is_killed(folder: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    with owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        os.kill(server, 0)
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{server}").exists() and not folder.exists())
