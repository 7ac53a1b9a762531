"""Senders: threads that hand the queued messages of a medium over, one by one, and record each outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.telling.attachments import Attach, nothing_more
from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.notification import MessageStatus
from alerts.telling.notifier import Gone, OutcomeUnknown, Outgoing, TryAgain, UndeliverableError
from alerts.telling.outbox import END, OUTBOX_CHANNEL, POSTPONE, REFUSE, TAKE, Claim, claim
from alerts.telling.relay import Relay
from quantrac.config.notifications import Medium
from quantrac.database.outage import persist
from quantrac.database.pool import Connection, connect
from quantrac.observe import logs, metrics

GIVE_UP_AFTER: Final = timedelta(hours=6)
"""News that was due so long ago helps nobody, unless an alarm that it tells of still stands."""
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
"""Also after a carrier refused a message: nothing says when its balance or key is right again but the next attempt."""
THREADS: Final = {Medium.SMS: 4, Medium.EMAIL: 4, Medium.WEBHOOK: 2, Medium.APPRISE: 1}
"""Senders of each medium: a message that a carrier is slow to take holds up few others. Each holds a connection."""
LOOK_EVERY_S: Final = 1.0
"""How long a sender sleeps at most before it looks for retries that are due, and whether to stop."""

HANDED_OVER = metrics.counter(
    "quantrac_alerts_messages_total", "Attempts to hand a message over, by how they ended.", ["medium", "outcome"]
)
WAITED = metrics.histogram(
    "quantrac_alerts_handover_seconds", "From the queued row to the first hand-over.", ["medium"]
)

Clock = Callable[[], datetime]
log = logs.logger(__name__)


class Sender:
    """Hands the queued messages of one medium over, one after the other. Runs in a thread of its own."""

    def __init__(
        self,
        url: str,
        medium: Medium,
        carriers: Relay,
        clock: Clock,
        attach: Attach = nothing_more,
        *,
        consent_required: Callable[[], bool] = lambda: False,
    ) -> None:
        self._url = url
        self.medium = medium
        self._carriers = carriers
        self._clock = clock
        self._attach = attach
        self._consent_required = consent_required

    def run(self, stop: threading.Event) -> None:
        """Send until stopped."""
        with connect(self._url, f"quantrac alerts {self.medium}") as conn:
            conn.execute(f"listen {OUTBOX_CHANNEL}")
            while not stop.is_set():
                if not self.send_one(conn):
                    list(conn.notifies(timeout=LOOK_EVERY_S, stop_after=1))  # all of them

    def send_one(self, conn: Connection) -> bool:
        """Hand the next due message over and record how it ended; return False if none is due."""
        with conn.transaction():
            found = claim(conn, self.medium, self._clock(), consent_required=self._consent_required())
            if found is None:
                return False
            outcome = self._hand_over(conn, found)
        HANDED_OVER.labels(self.medium.value, outcome).inc()
        return True

    def _hand_over(self, conn: Connection, claim: Claim) -> str:
        if claim.needless is not None:
            return self._end(conn, claim, MessageStatus.DEAD, claim.needless, attempted=False)
        if claim.to is None:
            why = "the contact has no such address any more, or said STOP"
            return self._end(conn, claim, MessageStatus.FAILED, why, attempted=False)
        if claim.attempts == 0:
            WAITED.labels(self.medium.value).observe((self._clock() - claim.due_at).total_seconds())
        reports: list[CarrierReport] = []
        try:
            message = _outgoing(claim, claim.to, self._attach(conn, claim.alarm_id, claim.contact_id, claim.facts))
            taken = self._carriers.hand_over(message, reports.append)
        except TryAgain as error:
            outcome = self._wait(conn, claim, error)
        except OutcomeUnknown as error:
            outcome = self._end(conn, claim, MessageStatus.UNKNOWN, str(error), attempted=True)
        except Gone as error:
            outcome = self._end(conn, claim, MessageStatus.FAILED, str(error), attempted=True)
        except UndeliverableError as error:
            outcome = self._wait_for_person(conn, claim, error)
        else:
            conn.execute(TAKE, [self._clock(), taken.carrier, taken.reference, claim.notification_id])
            log.info("message_handed_over", notification=claim.notification_id, carrier=taken.carrier)
            outcome = MessageStatus.SENT.value
        note_reports(conn, self.medium, reports, self._clock())
        return outcome

    def _wait(self, conn: Connection, claim: Claim, error: TryAgain) -> str:
        now = self._clock()
        if self._is_given_up(claim):
            return self._end(conn, claim, MessageStatus.DEAD, str(error), attempted=True)
        conn.execute(POSTPONE, [str(error), now + wait_after(claim.attempts), claim.notification_id])
        log.warning(
            "hand_over_failed", notification=claim.notification_id, attempt=claim.attempts + 1, error=str(error)
        )
        return "waits"

    def _wait_for_person(self, conn: Connection, claim: Claim, error: UndeliverableError) -> str:
        """Note that no carrier takes the message as things are, and when they are asked again."""
        if claim.alarm_id is None or self._is_given_up(claim):
            return self._end(conn, claim, MessageStatus.FAILED, str(error), attempted=True)
        now = self._clock()
        conn.execute(REFUSE, [str(error), now, now + LONGEST_WAIT, claim.notification_id])
        log.error("hand_over_refused", notification=claim.notification_id, error=str(error))
        return MessageStatus.FAILED.value

    def _is_given_up(self, claim: Claim) -> bool:
        return not claim.stands and self._clock() - claim.due_at >= GIVE_UP_AFTER

    def _end(self, conn: Connection, claim: Claim, status: MessageStatus, error: str, *, attempted: bool) -> str:
        values = {"status": status.value, "attempts": int(attempted), "error": error, "now": self._clock()}
        conn.execute(END, {**values, "notification": claim.notification_id})
        log.error("message_not_delivered", notification=claim.notification_id, status=status.value, error=error)
        return status.value


def _outgoing(claim: Claim, to: str, facts: Mapping[str, Any]) -> Outgoing:
    return Outgoing(
        key=claim.key.hex,
        to=to,
        body=claim.body,
        subject=claim.subject or "",
        thread=claim.thread,
        answer=claim.answer,
        attempts=claim.attempts,
        facts=facts,
    )


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after the given number of earlier attempts: 2 s, 4 s, 8 s, … at most 5 min."""
    return min(FIRST_WAIT * (1 << min(attempts, 16)), LONGEST_WAIT)


def start_senders(
    url: str,
    carriers: Mapping[Medium, Relay],
    clock: Clock,
    stop: threading.Event,
    attach: Attach = nothing_more,
    *,
    consent_required: Callable[[], bool] = lambda: False,
) -> list[threading.Thread]:
    """Start the senders of each medium and return their threads; they end after `stop` is set, carriers stay open.

    `consent_required`: whether, as things are, nobody gets a message whose consent is not on record.
    """

    def sender(medium: Medium, relay: Relay) -> Sender:
        return Sender(url, medium, relay, clock, attach, consent_required=consent_required)

    threads = [
        threading.Thread(target=_guarded, args=(sender(medium, relay), stop), name=f"sender-{medium}-{place}")
        for medium, relay in carriers.items()
        for place in range(THREADS[medium])
    ]
    for thread in threads:
        thread.start()
    return threads


def _guarded(sender: Sender, stop: threading.Event) -> None:
    """Wait for a database that is away, and keep one medium's defect from stopping the others."""
    while not stop.is_set():
        try:
            persist(lambda: sender.run(stop), "senders", stop=stop)
        except Exception:
            log.exception("sender_failed")
            HANDED_OVER.labels(sender.medium.value, "defect").inc()
            stop.wait(5.0)
