"""Which failures of the database a service waits out, and how."""

import threading
from contextlib import nullcontext
from typing import NoReturn

import psycopg
import pytest
from psycopg import errors

from quantrac.database import migration
from quantrac.database.outage import is_outage, persist
from quantrac.database.pool import DatabaseUnreachable
from quantrac.observe import metrics


class Patience:
    """A stop that is set after so many waits, and remembers them."""

    def __init__(self, waits: int) -> None:
        self._left = waits
        self.waits: list[float] = []

    def is_set(self) -> bool:
        return self._left <= len(self.waits)

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return self.is_set()


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (DatabaseUnreachable("away"), True),
        (psycopg.OperationalError("server closed the connection"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (errors.AdminShutdown(), True),
        (errors.CannotConnectNow(), True),
        (errors.ConnectionFailure(), True),
        (errors.SerializationFailure(), True),
        (errors.DeadlockDetected(), True),
        (errors.DiskFull(), True),
        (errors.IoError(), True),
        (errors.TooManyConnections(), True),
        (errors.ReadOnlySqlTransaction(), True),
        (errors.QueryCanceled(), True),
        (errors.LockNotAvailable(), True),
        (errors.IdleInTransactionSessionTimeout(), True),
        (errors.ProgramLimitExceeded(), False),
        (errors.UniqueViolation(), False),
        (errors.NumericValueOutOfRange(), False),
        (errors.UndefinedTable(), False),
        (errors.SyntaxError(), False),
    ],
)
def test_failures_are_told_apart_by_their_sqlstate(error: Exception, passes: bool) -> None:
    assert is_outage(error) is passes


def test_work_begins_again_until_it_is_done_and_its_result_comes_back() -> None:
    ends = iter([DatabaseUnreachable("away"), errors.AdminShutdown("shutting down"), None])

    def work() -> str:
        if (error := next(ends)) is not None:
            raise error
        return "done"

    reasons: list[str] = []
    assert persist(work, "test", stop=Patience(9), away=reasons.append) == "done"
    assert reasons == ["away", "shutting down"]
    counted = metrics.exposition().decode()
    assert 'quantrac_database_failures_total{reason="DatabaseUnreachable",work="test"} 1.0' in counted
    assert 'quantrac_database_failures_total{reason="57P01",work="test"} 1.0' in counted


def test_the_pauses_grow_to_a_bound_until_it_is_stopped() -> None:
    stop = Patience(12)

    def work() -> None:
        raise DatabaseUnreachable("away")

    assert persist(work, "test", stop=stop) is None
    assert 0.1 <= stop.waits[0] <= 0.2
    assert 2.5 <= stop.waits[-1] <= 5
    assert len(stop.waits) == 12


def test_after_work_that_went_on_for_long_the_pauses_are_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lasts = iter([0.0] * 8 + [60.0])
    now = [0.0]
    monkeypatch.setattr("quantrac.database.outage.time.monotonic", lambda: now[0])
    stop = Patience(9)

    def work() -> None:
        now[0] += next(lasts)
        raise DatabaseUnreachable("away")

    persist(work, "test", stop=stop)
    assert stop.waits[-2] >= 2.5
    assert stop.waits[-1] <= 0.2


def test_nothing_is_begun_once_it_is_stopped() -> None:
    stop = threading.Event()
    stop.set()
    assert persist(lambda: pytest.fail("begun"), "test", stop=stop) is None


def test_what_waiting_does_not_mend_is_raised_and_other_errors_are_waited_out_by_name() -> None:
    def broken() -> None:
        raise errors.UndefinedTable("relation reading does not exist")

    with pytest.raises(errors.UndefinedTable):
        persist(broken, "test", stop=Patience(9))
    assert persist(broken, "test", stop=Patience(2), also=(errors.UndefinedTable,)) is None


@pytest.mark.parametrize(
    ("error", "is_waited_for"),
    [
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (DatabaseUnreachable("nobody listens"), True),
        (psycopg.errors.InsufficientPrivilege("permission denied"), False),
        (migration.NotMigrated("run quantrac db migrate"), False),
    ],
)
def test_a_service_starts_beside_a_database_that_stops_at_that_moment(
    error: Exception, is_waited_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: str) -> NoReturn:
        raise error

    monkeypatch.setattr(migration, "connect_migrated", fails)
    with nullcontext() if is_waited_for else pytest.raises(type(error)):
        migration.refuse_old_database("postgresql://db", "quantrac ingest")
