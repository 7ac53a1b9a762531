"""Waits for a database that is away: `persist` begins work again, after growing pauses, until it is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import psycopg

from quantrac.backoff import Backoff
from quantrac.database.pool import DatabaseUnreachable, one_line
from quantrac.observe import logs, metrics

PASSING_CLASSES: Final = ("08", "53", "55", "57P", "58")
"""SQLSTATEs that pass by themselves: connection, resources, object in use, shutdown and start-up, the server's disk."""
PASSING_STATES: Final = frozenset({"40001", "40P01", "25006", "25P03", "57014"})
"""Serialization, deadlock, a server that is read-only while it changes its role; and what took too long: idle in a
transaction, a statement."""
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0

FAILURES: Final = metrics.counter(
    "quantrac_database_failures_total", "Times that work on the database had to begin again", ["work", "reason"]
)

log = logs.logger(__name__)
T = TypeVar("T")


class Stop(Protocol):
    """When to stop, as `threading.Event` tells it."""

    def is_set(self) -> bool:
        """Whether it is time."""

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; return whether it is time."""


def is_outage(error: BaseException) -> bool:
    """Tell whether a failure passes by itself, so that the same work may be begun again on a new connection."""
    if isinstance(error, DatabaseUnreachable | psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(PASSING_CLASSES) or state in PASSING_STATES


def persist(
    work: Callable[[], T],
    name: str,
    *,
    stop: Stop,
    also: tuple[type[Exception], ...] = (),
    away: Callable[[str], None] = lambda _: None,
) -> T | None:
    """Do work that opens its own connection, again after each outage; return its result, or None once `stop` is set.

    Args:
        work: what to do; work that is itself a loop until `stop` may run for days between two outages.
        name: stands in the log and is the label `work` of the metric.
        stop: ends the waiting; nothing is begun once it is set.
        also: further errors after which work begins again.
        away: called with the reason after each failure, before the pause.

    Raises what `work` raises and waiting does not mend.
    """
    failures: tuple[type[Exception], ...] = (psycopg.Error, DatabaseUnreachable, *also)
    backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    while not stop.is_set():
        began = time.monotonic()
        try:
            return work()
        except failures as error:
            if not (is_outage(error) or isinstance(error, also)):
                raise
            if time.monotonic() - began > LONGEST_WAIT_S:
                backoff.reset()  # it had worked
            FAILURES.labels(name, getattr(error, "sqlstate", None) or type(error).__name__).inc()
            wait_s = backoff.next_wait_s()
            log.warning("database_failed", work=name, why=one_line(error), retry_s=round(wait_s, 1))
            away(one_line(error))
        stop.wait(wait_s)
    return None
