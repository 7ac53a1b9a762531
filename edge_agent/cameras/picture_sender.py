"""The picture sender: publishes the picture spool in a thread and over a session of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from edge_agent.cameras.lane import PictureLane
from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.clocks.clock import Now
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Retained, Subscription
from quantrac.observe.logs import logger
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import WireError, decode_ack

log = logger(__name__)

SESSION_EXPIRY_S: Final = 300
UNWRITABLE_S: Final = 5.0
T = TypeVar("T")
Call = Callable[[PictureLane], None]


class PictureSender:
    """Publishes what is in the spool; everything reaches its one thread as a call.

    The session is a second one, so that a picture on a thin line stands in no reading's way.
    """

    def __init__(
        self, station: str, address: MqttAddress, spool: PictureSpool, now: Now, on_taken_over: Callable[[], None]
    ) -> None:
        self._calls: queue.Queue[Call | None] = queue.Queue()
        self._now = now
        self._session = Session(
            address,
            f"edge-{station}-pictures",
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=16,
            subscriptions=[Subscription(topic(station, "ack"), retained=Retained.ALWAYS)],
            on_connect=lambda _: self._calls.put(_connection(there=True)),
            on_disconnect=lambda: self._calls.put(_connection(there=False)),
            on_message=self._heard,
            on_publish_settled=lambda answer: self._calls.put(lambda lane: lane.answered(answer, now())),
            on_taken_over=on_taken_over,
        )
        self.lane = PictureLane(station, spool, self._session)
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Connect and begin."""
        self._thread.start()
        self._session.start()

    def stop(self) -> None:
        """End; what was not sent stays in the spool."""
        self._session.stop()
        self._calls.put(None)
        self._thread.join()

    def wake(self) -> None:
        """Look for a new picture."""
        self._calls.put(lambda _: None)

    def _heard(self, delivery: Delivery) -> None:
        self._session.acknowledge([(delivery.generation, delivery.mid)])
        try:
            ack = decode_ack(delivery.payload)
        except WireError as error:
            log.warning("ack_refused", error=str(error))
            return
        self._calls.put(lambda lane: lane.heard(ack, self._now()))

    def _run(self) -> None:
        while True:
            wait_s = self._guarded(lambda lane: lane.turn(self._now()))
            try:
                call = self._calls.get(timeout=max(0.01, UNWRITABLE_S if wait_s is None else wait_s))
            except queue.Empty:
                continue
            if call is None:
                return
            self._guarded(call)

    def _guarded(self, call: Callable[[PictureLane], T]) -> T | None:
        """Make a call; a picture spool that is damaged is renewed, a disk that cannot be written waited for."""
        try:
            return call(self.lane)
        except SpoolUnwritable as full:
            log.warning("picture_write_failed", error=str(full))
        except SpoolDamaged as damage:
            try:
                self.lane.renew(str(damage))
            except SpoolUnwritable as full:
                log.warning("picture_write_failed", error=str(full))
        return None


def _connection(*, there: bool) -> Call:
    def change(lane: PictureLane) -> None:
        lane.connected = there

    return change
