"""Which failures of the database are waited out, and which end the service."""

import psycopg
import pytest
from psycopg import errors

from ingest.storing.tenure import RightsError, Stopped, Tenure, is_recoverable
from quantrac.database.pool import Connection, DatabaseUnreachable


@pytest.mark.parametrize(
    ("error", "recoverable"),
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
        (errors.TooManyConnections(), True),
        (errors.ReadOnlySqlTransaction(), True),
        (errors.QueryCanceled(), True),
        (errors.LockNotAvailable(), True),
        (errors.IdleInTransactionSessionTimeout(), True),
        (errors.UniqueViolation(), False),
        (errors.NumericValueOutOfRange(), False),
        (errors.UndefinedTable(), False),
        (errors.SyntaxError(), False),
    ],
)
def test_failures_are_told_apart_by_their_sqlstate(error: Exception, recoverable: bool) -> None:
    assert is_recoverable(error) is recoverable


def unreachable() -> Connection:
    raise DatabaseUnreachable("away")


def test_it_goes_on_trying_with_growing_waits_until_told_to_stop() -> None:
    waits: list[float] = []
    tenure = Tenure(unreachable, lambda _: None, lambda wait: waits.append(wait) or len(waits) == 12)
    with pytest.raises(Stopped):
        tenure.persist(lambda: None)
    assert 0.1 <= waits[0] <= 0.2
    assert 5 <= waits[-1] <= 10


def test_a_missing_right_is_named_with_what_to_do() -> None:
    def refuse() -> Connection:
        raise errors.InsufficientPrivilege("permission denied for table ledger")

    with pytest.raises(RightsError, match="ledger: grant quantrac_ingest"):
        Tenure(refuse, lambda _: None, lambda _: False).persist(lambda: None)
