"""A station in the database, a running ingest, and rules of resending that need no minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.control import run_end
from edge_agent.sending import lanes
from edge_agent.spooling import settlement
from quantrac.database.pool import Connection
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.fixtures.stations import add_channel, add_station
from tests.integration.edge_agent.agent import RESEND_AFTER_S, STATION
from tests.integration.ingest.conftest import RunningIngest

LEDGER = """
select highest_seq, stored, dead, lost, missing, conflict, received = new + duplicate + rejected from v_ledger
where station = %s and epoch <> ''
"""


def assert_stored_once(conn: Connection, made: int) -> None:
    """Each of so many numbered records is in the database once, and both books balance."""
    assert conn.execute(LEDGER, [STATION]).fetchall() == [(made + 1, made + 1, 0, 0, 0, 0, True)]
    values = conn.execute("select value from v_reading where station = %s order by time", [STATION]).fetchall()
    assert [value for (value,) in values] == [float(n) for n in range(1, made + 1)]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an edge waits a minute for it waits RESEND_AFTER_S for."""
    for module in (settlement, lanes):
        monkeypatch.setattr(module, "RESEND_AFTER_S", RESEND_AFTER_S)
    monkeypatch.setattr(settlement, "GRAIN_S", 0.2)
    monkeypatch.setattr(run_end, "ASK_AGAIN_S", 0.5)


@pytest.fixture
def conn(conn: Connection) -> Connection:
    """The database with the station and its only channel."""
    add_station(conn, STATION)
    add_channel(conn, STATION, "do")
    return conn


@pytest.fixture
def ingest(
    conn: Connection,
    database: str,
    broker: PrivateMosquitto,
    tmp_path: Path,
) -> Iterator[RunningIngest]:
    """A running ingest that knows the station."""
    made = RunningIngest(database, broker, tmp_path / "ingest.log")
    made.start()
    yield made
    made.stop()
