"""A worker that has lost the lease to another process ends at once, and with it its session at the broker."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from ingest.storing.tenure import LeaseLostError, Tenure
from quantrac.database.pool import Connection, connect
from tests.fixtures.timing import eventually


class Server:
    """Opens connections and remembers them; a lost one may live on at the server for a while."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.opened: list[Connection] = []
        self.end_late = False

    def connect(self) -> Connection:
        conn = connect(self._url, "test")
        if self.end_late:
            conn.close = lambda: None  # type: ignore[method-assign]
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


class Pauses:
    """Never stops, and calls `between` in each pause."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self._between = between

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        assert timeout > 0
        self._between()
        return False


def test_a_lease_that_another_has_taken_is_given_up_without_waiting(server: Server) -> None:
    other = Tenure(server.connect, lambda _: None, Pauses())

    def between() -> None:
        server.frees_the_lease()
        other.begin()  # is quicker

    tenure = Tenure(server.connect, lambda _: None, Pauses(between))
    with pytest.raises(LeaseLostError):
        tenure.persist(lost_once())
    assert len(server.opened) == 3
    other.close()


def test_a_lost_connection_of_our_own_that_still_has_the_lease_is_waited_for(server: Server) -> None:
    server.end_late = True
    pauses: list[int] = []

    def between() -> None:
        pauses.append(1)
        if len(pauses) == 4:
            psycopg.Connection.close(server.opened[0])
            server.frees_the_lease()

    tenure = Tenure(server.connect, lambda _: None, Pauses(between))
    tenure.begin()
    assert tenure.persist(lost_once()) == "done"
    assert (len(pauses), len(server.opened)) == (4, 2)
