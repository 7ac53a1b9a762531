"""Yesterday's backup is restored while the agents run: acks go back, the gap closes by itself, the books balance."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from edge_agent import desk
from edge_agent.control import run_end
from edge_agent.sending import lanes
from edge_agent.spooling import settlement
from ingest.rollups import consumer as rollups
from quantrac.database.backup import backup, restore
from quantrac.database.feed import Consumer
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.stations import add_channel, add_station
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import STATION, Numbers, Running
from tests.integration.ingest.conftest import RunningIngest
from tests.integration.ingest.test_rollups import everything

LEDGER = """
select highest_seq, stored, dead, lost, missing, conflict, received = new + duplicate + rejected from v_ledger
where station = %s and epoch <> ''
"""


@pytest.fixture
def empty(postgres: PrivatePostgres) -> Iterator[str]:
    yield postgres.create_database("yesterday")
    postgres.drop_database("yesterday")


def roll_up(conn: psycopg.Connection) -> None:
    feed = Consumer(conn, rollups.NAME, rollups.CAUSES)
    while rollups.round_of(conn, feed, 50):
        pass


def count(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        (found,) = conn.execute("select count(*) from reading").fetchone() or (0,)
        return int(found)


def test_the_network_heals_itself(
    broker: PrivateMosquitto, database: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (settlement, lanes):
        monkeypatch.setattr(module, "RESEND_AFTER_S", 2.0)
    monkeypatch.setattr(settlement, "GRAIN_S", 0.2)
    monkeypatch.setattr(run_end, "ASK_AGAIN_S", 1.0)
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        add_station(conn, STATION)
        add_channel(conn, STATION, "do")
    ingest = RunningIngest(database, broker, tmp_path / "ingest.log")
    ingest.start()
    agent = Running(broker.url(STATION), tmp_path / "state", Numbers(0.005))
    try:
        agent.wait_made(150)
        eventually(lambda: count(database) > 50)
        with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
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
        outcome = desk.drain(agent.folder, 60)
    finally:  # a thread left running would keep pytest from ending
        agent.end()
        ingest.stop()
    made = agent.sampling.made
    assert outcome["drained"], outcome
    with psycopg.connect(empty, autocommit=True, options="-c TimeZone=UTC") as conn:
        assert conn.execute(LEDGER, [STATION]).fetchall() == [(made + 1, made + 1, 0, 0, 0, 0, True)]
        values = conn.execute("select value from v_reading where station = %s order by time", [STATION]).fetchall()
        assert [value for (value,) in values] == [float(n) for n in range(1, made + 1)]
        roll_up(conn)
        rolled = everything(conn)
        assert conn.execute("select sum(received) from v_hourly").fetchone() == (made,)
        conn.execute("truncate hourly, daily")
        rollups.make_everything(conn)
        assert everything(conn) == rolled
