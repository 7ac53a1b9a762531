"""Yesterday's backup is restored while the agents run: acks go back, the gap closes by itself, the books balance."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from edge_agent import desk
from ingest.rollups import consumer as rollups
from quantrac.database.backup import backup, restore
from quantrac.database.feed import Consumer
from quantrac.database.pool import Connection
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import STATION, Numbers, Running
from tests.integration.edge_agent.conftest import assert_stored_once
from tests.integration.ingest.conftest import RunningIngest
from tests.integration.ingest.test_rollups import everything


@pytest.fixture
def empty(postgres: PrivatePostgres) -> Iterator[str]:
    yield postgres.create_database("yesterday")
    postgres.drop_database("yesterday")


def roll_up(conn: Connection) -> None:
    feed = Consumer(conn, rollups.NAME, rollups.CAUSES)
    rounds = rollups.RollupRounds()
    while rounds.round_of(conn, feed, 50):
        pass


def count(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        (found,) = conn.execute("select count(*) from reading").fetchone() or (0,)
        return int(found)


@pytest.mark.usefixtures("_impatient")
def test_the_network_heals_itself(
    broker: PrivateMosquitto,
    database: str,
    conn: Connection,
    empty: str,
    ingest: RunningIngest,
    tmp_path: Path,
) -> None:
    with Running(broker.url(STATION), tmp_path / "state", Numbers(0.005)) as agent:
        agent.wait_made(150)
        eventually(lambda: count(database) > 50)
        roll_up(conn)
        backup(database, tmp_path / "yesterday.dump")  # while everything runs
        yesterday = count(database)
        eventually(lambda: count(database) > yesterday + 200)
        ingest.kill()
        restore(empty, tmp_path / "yesterday.dump")  # the agent goes on
        assert 50 < count(empty) <= yesterday
        agent.wait_made(agent.sampling.made + 100)
        ingest.start(QUANTRAC_DATABASE_URL=empty)
        agent.wait_made(agent.sampling.made + 200)
        outcome = desk.drain(agent.folder, 180)
    ingest.stop()
    made = agent.sampling.made
    assert outcome["drained"], outcome
    with psycopg.connect(empty, autocommit=True, options="-c TimeZone=UTC") as restored:
        assert_stored_once(restored, made)
        roll_up(restored)
        rolled = everything(restored)
        assert restored.execute("select sum(received) from v_hourly").fetchone() == (made,)
        restored.execute("truncate hourly, daily")
        rollups.make_everything(restored)
        assert everything(restored) == rolled
