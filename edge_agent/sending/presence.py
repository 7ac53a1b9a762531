"""Presence of a station at the broker: birth and status, kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.clocks.clock import Moment
from edge_agent.sending.announcement import Identity, birth, held
from edge_agent.sending.lanes import Publisher
from edge_agent.spooling.spool import Spool
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import Held, Status, encode

STATUS_EVERY_S: Final = 60.0


class Presence:
    """Publishes birth and status; one thread calls everything here."""

    def __init__(self, identity: Identity, spool: Spool, transport: Publisher) -> None:
        self.identity = identity
        self.others: Callable[[], dict[str, Held]] = dict
        """Returns what other spools of the station hold: that of the pictures."""
        self._spool, self._transport = spool, transport
        self._status_s = float("-inf")

    def announce(self, now: Moment) -> None:
        """Publish birth and status, to which the centre answers with an ack."""
        payload = birth(self.identity, self._spool.epoch, self._held(), now.ms)
        self._transport.publish(topic(self.identity.station, "birth"), payload, retain=True)
        self.say_status(now)

    def say_status(self, now: Moment, *, online: bool = True) -> None:
        """Publish the status."""
        status = Status(online, now.ms, self._spool.epoch, self._held())
        self._transport.publish(topic(self.identity.station, "status"), encode(status), retain=True)
        self._status_s = now.s

    def say_status_if_due(self, now: Moment) -> None:
        """Publish the status each minute, or when it has changed."""
        if now.s - self._status_s >= STATUS_EVERY_S:
            self.say_status(now)

    def has_changed(self) -> None:
        """Make the status due now: its content has changed."""
        self._status_s = float("-inf")

    def _held(self) -> dict[str, Held]:
        return held(self._spool.spans(), self._spool.fate) | self.others()
