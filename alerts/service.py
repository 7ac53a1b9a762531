"""The service `alerts run`: the change feed in, alarms and messages out. `run` lists the path."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.channels.configured import notifiers_of
from alerts.evaluating.evaluator import Evaluator
from alerts.people.contacts import ContactsRefused, save_contacts
from alerts.people.inbox import SmsInbox
from alerts.rules.watched_network import WatchedNetwork
from alerts.telling.attachments import attachments
from alerts.telling.carriers import start_attending
from alerts.telling.pictures import AskPicture, start_asking
from alerts.telling.sender import start_senders
from alerts.watchdogs.carriers import check_carriers
from alerts.watchdogs.files import check_files, confirmed_at
from alerts.watchdogs.own_rules import OWN_RULES
from quantrac.config.settings import Settings
from quantrac.database.beat import Beat, worker_name
from quantrac.database.migration import connect_migrated, refuse_old_database
from quantrac.database.outage import persist
from quantrac.database.pool import Connection
from quantrac.observe import health, logs, metrics
from quantrac.telemetry.errors import QuantracError

ALERTS_LOCK: Final = 0x5154_0010
WAIT_FOR_LOCK_S: Final = 1.0
WAIT_FOR_CHANGE_S: Final = 1.0
WAIT_AFTER_FAILURE_S: Final = 2.0
LONGEST_REST_S: Final = 0.5
"""After a round of some length the next one waits as long, so that changes gather while others have the machine."""
RULES_EVERY: Final = timedelta(seconds=2)
"""How often the files are asked whether they have changed."""
DUE_EVERY: Final = timedelta(seconds=1)
"""How often messages whose time has come are written."""

DEFECTS = metrics.counter("quantrac_alerts_defects_total", "Times that evaluation began again after a defect.")
LAG = metrics.gauge("quantrac_alerts_feed_lag_seconds", "Age of the oldest change when it was taken.")

log = logs.logger(__name__)


def run(settings: Settings, *, stop: threading.Event, ask_picture: AskPicture | None = None) -> None:
    """Evaluate and tell until stopped. Raises ConfigErrors, MissingSetting, NotMigrated before anything has begun.

    feed → changed readings → rules → alarm, history, outbox and position in one transaction → senders → carriers.
    Of several workers one evaluates (advisory lock) and the others wait to take over; all of them send. `ask_picture`
    gives stations the command to take the pictures that rules ask for; None: nobody does.
    """
    watched = WatchedNetwork(settings.config, settings.overlay)
    url = settings.database("alerts")
    worker = _Worker(url, watched)
    refuse_old_database(url, "quantrac alerts")
    with ExitStack() as stack:
        if settings.alerts_listen is not None:
            stack.enter_context(health.serve(settings.alerts_listen, ready=worker.is_ready))
        stack.enter_context(_telling(url, settings, watched, ask_picture, stop))
        while not stop.is_set():
            try:
                persist(lambda: worker.work(stop), "alerts", stop=stop, also=(QuantracError,), away=worker.away)
            except Exception:  # the boundary of the task: messages already queued must still go out
                log.exception("evaluation_failed")
                DEFECTS.inc()
                worker.away("defect")
                stop.wait(WAIT_AFTER_FAILURE_S)


def wall_clock() -> datetime:
    """Return the time of this machine, UTC."""
    return datetime.now(UTC)


@contextmanager
def _telling(
    url: str, settings: Settings, watched: WatchedNetwork, ask_picture: AskPicture | None, stop: threading.Event
) -> Iterator[None]:
    """Run the threads that hand messages over, attend to carriers and ask for pictures."""
    relays = notifiers_of(settings, watched.network.templates, wall_clock, SmsInbox)
    attach = attachments(settings, wall_clock)
    threads = start_senders(
        url, relays, wall_clock, stop, attach, consent_required=lambda: watched.network.settings.consent_required
    )
    threads += [
        start_attending(url, medium, carrier, wall_clock, stop)
        for medium, relay in relays.items()
        for carrier in relay.attended()
    ]
    if ask_picture is not None:
        threads.append(start_asking(url, ask_picture, wall_clock, stop))
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for relay in relays.values():
            relay.close()


class _Worker:
    """One worker's round: wait for the lock, then evaluate until stopped."""

    def __init__(self, url: str, watched: WatchedNetwork) -> None:
        self._url = url
        self._watched = watched
        self._started_at = wall_clock()
        self._state = "starting"

    def is_ready(self) -> bool | str:
        """Whether this worker evaluates or stands by."""
        return self._state in ("evaluating", "standing by") or self._state

    def away(self, reason: str) -> None:
        """Note why the round ended."""
        self._state = f"waiting: {reason}"

    def work(self, stop: threading.Event) -> None:
        """Hold one connection and do this worker's part on it until stopped."""
        with connect_migrated(self._url, "quantrac alerts") as conn:
            beat = Beat(conn, "alerts", worker_name(), self._started_at)
            if self._wait_for_lock(conn, beat, stop):
                self._evaluate(conn, beat, stop)
            beat.end()

    def _evaluate(self, conn: Connection, beat: Beat, stop: threading.Event) -> None:
        self._take_files(conn)
        evaluator = self._evaluator(conn)
        told_at = asked_at = self._started_at
        while not stop.is_set():
            begun = time.monotonic()
            changes = evaluator.round()
            took_s = time.monotonic() - begun
            lag_s = (wall_clock() - changes[0].at).total_seconds() if changes else 0.0
            LAG.set(lag_s)
            beat.beat(wall_clock(), backlog_lag_s=lag_s)
            if wall_clock() - told_at >= DUE_EVERY:
                evaluator.tell_what_is_due()
                check_carriers(conn, self._watched.network, wall_clock())
                check_files(conn, self._watched.network, self._watched.refused, wall_clock())
                told_at = wall_clock()
            if wall_clock() - asked_at >= RULES_EVERY:
                evaluator.take_normals()
                if self._take_files(conn):
                    evaluator = self._evaluator(conn)
                asked_at = wall_clock()
            if not changes:
                evaluator.wait(WAIT_FOR_CHANGE_S)
            elif not evaluator.has_more:
                stop.wait(min(took_s, LONGEST_REST_S))

    def _take_files(self, conn: Connection) -> bool:
        """Take the files as they are now, and return whether another network is in force."""
        return self._watched.changed(wall_clock(), confirmed_at(conn)) is not None

    def _evaluator(self, conn: Connection) -> Evaluator:
        try:
            save_contacts(conn, self._watched.network.settings.contacts, wall_clock())
        except ContactsRefused as refused:  # alarms go on to whom the database knows
            log.warning("contacts_refused", file="network.yaml", problems=refused.problems, taken=0)
        evaluator = Evaluator.of(conn, self._watched.network, wall_clock, OWN_RULES)
        gc.unfreeze()  # a network that was in force before
        gc.collect()
        gc.freeze()  # a thousand stations live on: to look through them for garbage held rounds up for 0.2 s
        self._state = "evaluating"
        return evaluator

    def _wait_for_lock(self, conn: Connection, beat: Beat, stop: threading.Event) -> bool:
        """Return True once this worker is the one that evaluates, False when stopped before."""
        while not stop.is_set():
            row = conn.execute("select pg_try_advisory_lock(%s)", [ALERTS_LOCK]).fetchone()
            if row == (True,):
                return True
            if self._state != "standing by":
                log.info("standby_started")
            self._state = "standing by"
            beat.beat(wall_clock())
            self._take_files(conn)
            stop.wait(WAIT_FOR_LOCK_S)
        return False
