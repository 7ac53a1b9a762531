"""The uplink of a station: records go by intake, spool and lanes to the broker; acks and commands come back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import Queue
from typing import Final

from edge_agent.clocks.clock import Now
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.sending import announcement
from edge_agent.sending.forwarder import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.sending.spool_start import SpoolStart, continuity_of
from edge_agent.slots.continuity import series_of
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.spool import Spool
from quantrac.config.stations import Station
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery, SettledPublish
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Retained, Subscription, Will
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import Held

SESSION_EXPIRY_S: Final = 300
"""Longer than the will's delay; nothing of value waits for the edge at the broker."""


class Uplink:
    """Stores and publishes what is offered to `intake`, until the centre has it."""

    def __init__(
        self,
        station: Station,
        folder: Path,
        address: MqttAddress,
        keeper: Timekeeper,
        now: Now,
        on_failure: Callable[[], None],
    ) -> None:
        """Prepare; nothing is opened yet. `on_failure`: the forwarding thread has ended by a mistake of ours."""
        self._station, self._keeper, self._now = station, keeper, now
        self.loop = ForwardingLoop(now, on_failure=on_failure)
        self.intake = Intake(wake=self.loop.wake, stamp=keeper.stamp)
        self.session = self._session(address)
        self.commands: Queue[Delivery] = Queue()
        """Messages of `cmd/<id>` that wait to be taken."""
        self.on_settled: Callable[[SettledPublish], None] = lambda _: None
        """Called in the network thread with the outcome of each publish."""
        self._opening = SpoolStart(
            folder, station.spool, keeper, self.intake, self._forwarder, now, connected=lambda: self.session.connected
        )

    def start(self, closing: ExitStack) -> str:
        """Start spool, forwarding, clock and session, to be ended by `closing`; returns the text of the restart event.

        Raises SpoolLocked.
        """
        closing.callback(self._opening.close)
        restart = self._opening.begin(self.loop)
        closing.callback(self.loop.stop)
        closing.callback(self._opening.give_up)
        self._keeper.start()
        closing.callback(self._keeper.stop)
        self.session.start()
        closing.callback(self.session.stop)
        return restart

    def become(self, station: Station) -> None:
        """Go on with another configuration of the same station."""
        self.loop.post(lambda forwarder, now: forwarder.become(station, now))

    def record(self, kind: str, detail: str) -> None:
        """Put an event of the station itself on record."""
        self.loop.post(lambda forwarder, now: forwarder.record_event(kind, detail, now))

    def session_taken(self) -> None:
        """Put on record that another client took a session of ours: the password is known, or the card was cloned."""
        self.record("session_taken", "another client came to the broker with this station's identifier")

    def speak_of(self, others: Callable[[], dict[str, Held]]) -> None:
        """Let birth and status name another spool of the station, too."""
        self.loop.post(lambda forwarder, _: forwarder.speak_of(others))

    def is_ready(self) -> bool | str:
        """Return whether the broker is reached, or what is wrong."""
        return self.session.connected or "no broker"

    def depth(self) -> int:
        """Return how many messages wait for their acknowledgement."""
        return len(self.intake) if self.loop.forwarder is None else self.loop.forwarder.depth

    def lost(self) -> int | None:
        """Return how many messages will never arrive; None: the spool could not be opened yet."""
        return None if self.loop.forwarder is None else self.loop.forwarder.lost

    def _forwarder(self, spool: Spool) -> Forwarder:
        return Forwarder(
            spool,
            self.intake,
            self.session,
            announcement.identity_of(self._station),
            rate=self._station.backfill_rate,
            continuity=continuity_of(series_of(self._station), spool),
            clock=self._keeper,
        )

    def _session(self, address: MqttAddress) -> Session:
        station = self._station.station
        return Session(
            address,
            f"edge-{station}",
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=16,
            subscriptions=[
                Subscription(topic(station, "ack"), retained=Retained.ALWAYS),
                Subscription(topic(station, "cmd", "+")),
            ],
            will=Will(topic(station, "status"), announcement.last_will(self._now().ms)),
            on_connect=lambda _: self.loop.post(lambda f, at: f.connected(at)),
            on_disconnect=lambda: self.loop.post(lambda f, _: f.disconnected()),
            on_message=self._receive,
            on_publish_settled=self._settle,
            on_taken_over=self.session_taken,
        )

    def _receive(self, delivery: Delivery) -> None:
        if delivery.topic == topic(self._station.station, "ack"):
            self.loop.post(lambda f, at: f.heard(delivery.payload, at, retained=delivery.retain))
        else:
            self.commands.put(delivery)
        self.session.acknowledge([(delivery.generation, delivery.mid)])

    def _settle(self, settled: SettledPublish) -> None:
        self.on_settled(settled)
        self.loop.post(lambda f, at: f.answered(settled, at))
