"""The service `alerts run`: the change feed in, alarms and messages out. `run` lists the path."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from alerts.channels.configured import notifiers_of
from alerts.evaluating.evaluator import Evaluator
from alerts.people.contacts import contacts_of, save_contacts
from alerts.people.inbox import SmsInbox
from alerts.rules.compiler import compile_network
from alerts.rules.composite import compile_composites
from alerts.rules.watched_network import WatchedNetwork
from alerts.telling.attachments import attachments
from alerts.telling.carriers import start_attending
from alerts.telling.links import links_of
from alerts.telling.messages import call_again, tell_withheld
from alerts.telling.pictures import AskPicture, start_asking
from alerts.telling.routes import Routing
from alerts.telling.sender import start_senders
from alerts.watchdogs.books import RULE as BOOKS_RULE
from alerts.watchdogs.calibration_due import RULE as CALIBRATION_RULE
from alerts.watchdogs.carriers import RULES as CARRIER_RULES
from alerts.watchdogs.carriers import check_carriers
from alerts.watchdogs.feed_lag import RULE as FEED_RULE
from alerts.watchdogs.no_data import RULE as NO_DATA_RULE
from alerts.watchdogs.silence import RULE as SILENCE_RULE
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.settings import Settings
from quantrac.database.beat import Beat
from quantrac.database.migration import connect_migrated
from quantrac.database.pool import Connection, DatabaseUnreachable
from quantrac.observe import health, logs, metrics
from quantrac.telemetry.errors import QuantracError

ALERTS_LOCK: Final = 0x5154_0010
WAIT_FOR_LOCK_S: Final = 1.0
WAIT_FOR_CHANGE_S: Final = 1.0
WAIT_AFTER_FAILURE_S: Final = 2.0
RULES_EVERY: Final = timedelta(seconds=2)
"""How often the files are asked whether they have changed."""
SUMMARIES_EVERY: Final = timedelta(seconds=1)

OWN_RULES: Final = frozenset({SILENCE_RULE, NO_DATA_RULE, BOOKS_RULE, FEED_RULE, CALIBRATION_RULE, *CARRIER_RULES})
"""Rules that are not of the files."""

FAILURES = metrics.counter("quantrac_alerts_failures_total", "Times that evaluation had to begin again.", ["reason"])
LAG = metrics.gauge("quantrac_alerts_feed_lag_seconds", "Age of the oldest change when it was taken.")

Clock = Callable[[], datetime]
log = logs.logger(__name__)


def run(settings: Settings, *, stop: threading.Event, ask_picture: AskPicture | None = None) -> None:
    """Evaluate and tell until stopped. Raises ConfigErrors, MissingSetting, NotMigrated before anything has begun.

    feed → changed readings → rules → alarm, history, outbox and position in one transaction → senders → carriers.
    Of several workers one evaluates (advisory lock) and the others wait to take over; all of them send. `ask_picture`
    gives stations the command to take the pictures that rules ask for; None: nobody does.
    """
    network = load_network(settings.config, settings.overlay)
    url, worker = settings.database("alerts"), _Worker(wall_clock)
    with suppress(DatabaseUnreachable):  # one that is away is waited for
        connect_migrated(url, "quantrac alerts").close()
    with ExitStack() as stack:
        if settings.alerts_listen is not None:
            stack.enter_context(health.serve(settings.alerts_listen, ready=worker.is_ready))
        stack.enter_context(_senders(url, settings, network, stop))
        if ask_picture is not None:
            stack.enter_context(_asker(url, ask_picture, stop))
        while not stop.is_set():
            try:
                with connect_migrated(url, "quantrac alerts") as conn:
                    worker.work(conn, network, stop)
            except (DatabaseUnreachable, psycopg.OperationalError) as error:
                worker.failed("database", error)
            except QuantracError as error:
                worker.failed("feed", error)
            except Exception:  # the boundary of the task: messages already queued must still go out
                log.exception("evaluation failed")
                worker.failed("defect", None)
            if not stop.is_set():
                stop.wait(WAIT_AFTER_FAILURE_S)


def wall_clock() -> datetime:
    """Return the time of this machine, UTC."""
    return datetime.now(UTC)


@contextmanager
def _senders(url: str, settings: Settings, network: Network, stop: threading.Event) -> Iterator[None]:
    relays = notifiers_of(settings, network.templates, wall_clock, SmsInbox)
    threads = start_senders(url, relays, wall_clock, stop, attachments(links_of(settings), wall_clock))
    threads += [
        start_attending(url, medium, carrier, wall_clock, stop)
        for medium, relay in relays.items()
        for carrier in relay.attended()
    ]
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for relay in relays.values():
            relay.close()


@contextmanager
def _asker(url: str, ask: AskPicture, stop: threading.Event) -> Iterator[None]:
    thread = start_asking(url, ask, wall_clock, stop)
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Worker:
    """One worker's round: wait for the lock, then evaluate until stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._started_at = clock()
        self._state = "starting"

    def is_ready(self) -> bool | str:
        """Whether this worker evaluates or stands by."""
        return self._state in ("evaluating", "standing by") or self._state

    def failed(self, reason: str, error: Exception | None) -> None:
        """Note why the round ended."""
        self._state = f"no {reason}"
        FAILURES.labels(reason).inc()
        if error is not None:
            log.warning("evaluation begins again", reason=reason, error=str(error))

    def work(self, conn: Connection, network: Network, stop: threading.Event) -> None:
        """Hold one connection and do this worker's part on it."""
        beat = Beat(conn, "alerts", self._name, self._started_at)
        if not self._wait_for_lock(conn, beat, stop):
            beat.end()
            return
        watched = WatchedNetwork(network)
        evaluator = self._evaluator(conn, network)
        told_at = asked_at = self._started_at
        while not stop.is_set():
            changes = evaluator.round()
            lag_s = (self._clock() - changes[0].at).total_seconds() if changes else 0.0
            LAG.set(lag_s)
            beat.beat(self._clock(), backlog_lag_s=lag_s)
            if self._clock() - told_at >= SUMMARIES_EVERY:
                evaluator.tell_summaries()
                check_carriers(conn, network, self._clock())
                tell_withheld(conn, Routing.of(network), self._clock())
                call_again(conn, Routing.of(network), self._clock())
                told_at = self._clock()
            if self._clock() - asked_at >= RULES_EVERY:
                evaluator.take_normals()
                if (changed := watched.changed()) is not None:
                    network, evaluator = changed, self._evaluator(conn, changed)
                asked_at = self._clock()
            if not changes:
                evaluator.wait(WAIT_FOR_CHANGE_S)
        beat.end()

    def _evaluator(self, conn: Connection, network: Network) -> Evaluator:
        """Return what evaluates the rules of a network; alarms that none of them watches any more end here."""
        save_contacts(conn, contacts_of(network), self._clock())
        rules = compile_network(network)
        composites = compile_composites(network)
        evaluator = Evaluator(conn, rules, Routing.of(network), self._clock, composites)
        evaluator.close_orphans(own_rules=OWN_RULES)
        self._state = "evaluating"
        log.info("evaluating", rules=len(network.rules), channels=len(rules))
        return evaluator

    def _wait_for_lock(self, conn: Connection, beat: Beat, stop: threading.Event) -> bool:
        """Return True once this worker is the one that evaluates, False when stopped before."""
        while not stop.is_set():
            row = conn.execute("select pg_try_advisory_lock(%s)", [ALERTS_LOCK]).fetchone()
            if row == (True,):
                return True
            if self._state != "standing by":
                log.info("standing by: another worker evaluates")
            self._state = "standing by"
            beat.beat(self._clock())
            stop.wait(WAIT_FOR_LOCK_S)
        return False
