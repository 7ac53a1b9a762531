"""What ends ingest that waiting for the database does not mend."""

import threading

import pytest
from psycopg import errors

from ingest.storing.tenure import RightsError, Stopped, Tenure
from quantrac.database.pool import Connection, DatabaseUnreachable


def test_it_ends_when_it_is_stopped_while_the_database_is_away() -> None:
    stop, tries = threading.Event(), []

    def unreachable() -> Connection:
        tries.append(1)
        if len(tries) == 2:
            stop.set()
        raise DatabaseUnreachable("away")

    with pytest.raises(Stopped):
        Tenure(unreachable, lambda _: None, stop).persist(lambda: None)
    assert len(tries) == 2


def test_a_missing_right_is_named_with_what_to_do() -> None:
    def refuse() -> Connection:
        raise errors.InsufficientPrivilege("permission denied for table ledger")

    with pytest.raises(RightsError, match="ledger: grant quantrac_ingest"):
        Tenure(refuse, lambda _: None, threading.Event()).persist(lambda: None)
