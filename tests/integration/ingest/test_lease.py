"""Whoever has lost a slot to another process leaves it at once, and with it the slot's session at the broker."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from ingest.storing.tenure import LeaseLostError, Tenure
from quantrac.database.pool import Connection, connect
from tests.integration.ingest.conftest import eventually


class Server:
    """Opens connections and remembers them; a lost one may live on at the server for a while."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.opened: list[Connection] = []
        self.end_late = False

    def connect(self) -> Connection:
        conn = connect(self._url, "test")
        if self.end_late:
            conn.close = lambda: None
        self.opened.append(conn)
        return conn

    def frees_the_lease(self) -> None:
        """Wait until no backend holds it: one whose client has gone may end a moment later."""
        held = (
            "select from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        with connect(self._url, "test") as conn:
            eventually(lambda: conn.execute(held).rowcount == 0)

    def end_all(self) -> None:
        for conn in self.opened:
            psycopg.Connection.close(conn)


@pytest.fixture
def server(database: str) -> Iterator[Server]:
    made = Server(database)
    yield made
    made.end_all()


def lost_once() -> Callable[[], str]:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return "done"

    return work


def test_a_slot_that_another_has_taken_is_left_without_waiting(server: Server) -> None:
    other = Tenure(server.connect, lambda _: None, lambda _: False)

    def rest(_: float) -> bool:
        server.frees_the_lease()
        other.persist(lambda: None)  # is quicker
        return False

    tenure = Tenure(server.connect, lambda _: None, rest)
    with pytest.raises(LeaseLostError):
        tenure.persist(lost_once())
    assert len(server.opened) == 3
    other.close()


def test_a_lost_connection_of_our_own_that_still_has_the_lease_is_waited_for(server: Server) -> None:
    server.end_late = True
    rests: list[float] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        if len(rests) == 4:
            psycopg.Connection.close(server.opened[0])
            server.frees_the_lease()
        return False

    tenure = Tenure(server.connect, lambda _: None, rest)
    tenure.persist(lambda: None)
    assert tenure.persist(lost_once()) == "done"
    assert (len(rests), len(server.opened)) == (4, 2)
