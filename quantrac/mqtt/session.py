"""A durable MQTT 5 session: connects, stays connected, publishes, receives and acknowledges, on one thread of its own.

Everything that touches paho happens on that thread. Other threads hand over what they want (`publish`, `acknowledge`)
and never wait for it; what became of a publish comes back by `on_publish_settled`.

The callbacks run on the network thread and must not block: while they run no ping is answered.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from quantrac.backoff import Backoff
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.connection import Callbacks, Connection, Publish
from quantrac.mqtt.delivery import Delivery, Outcome, SettledPublish
from quantrac.mqtt.terms import (
    LARGEST_PAYLOAD,
    PACKET_IDENTIFIERS,
    Connected,
    Subscription,
    Subscriptions,
    Terms,
    Will,
)
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

MOST_WAITING: Final = 10_000
"""How many publishes may wait for their turn."""
TAKEN_OVER_S: Final = 15.0
"""Extra wait after another client took our session: two that throw each other out at once serve nobody, seconds."""
LONGEST_ROUND_S: Final = 7.0
"""Longest wait until each broker is tried again: with the try itself a client is back 10 s after its broker."""
STEADY_S: Final = 15.0
"""A connection that held so long was a good one, whether or not anything came by it, seconds. One that the broker
accepts and ends at once is not: to come back each half second would cost a SIM card gigabytes a month."""
FICKLE_S: Final = 30.0
"""Longest wait after a connection that the broker accepted and ended at once, seconds."""
TURN_MS: Final = 500
"""Longest wait of the network thread, milliseconds."""

log = logger(__name__)


class QueueFullError(QuantracError):
    """More publishes are waiting than a session keeps; wait for some to settle."""


def waits_while_away(brokers: int) -> Backoff:
    """Return the waits between tries to connect to so many brokers, each in its turn, while none accepts."""
    return Backoff(longest_s=LONGEST_ROUND_S / brokers, places=brokers)


def wait_after_try(waits: Backoff, tried_s: float) -> float:
    """Return how long to wait after a try of so many seconds that no broker accepted, seconds.

    Try and wait together last no longer than the longest wait: a mute host may have taken a whole time limit.
    """
    return max(0.0, min(waits.next_wait_s(), waits.longest_s - tried_s))


class Session:
    """One durable session: `start` it, later `stop` it; every method may be called from any thread."""

    def __init__(
        self,
        address: MqttAddress,
        session: str,
        *,
        expiry_s: int,
        receive_maximum: int,
        subscriptions: Sequence[Subscription] = (),
        will: Will | None = None,
        window: int = 1000,
        largest_payload: int = LARGEST_PAYLOAD,
        on_connect: Callable[[Connected], None] = lambda _: None,
        on_disconnect: Callable[[], None] = lambda: None,
        on_message: Callable[[Delivery], None] = lambda _: None,
        on_publish_settled: Callable[[SettledPublish], None] = lambda _: None,
        on_taken_over: Callable[[], None] = lambda: None,
        may_read: Callable[[], bool] = lambda: True,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare a session; nothing is sent before `start`.

        Args:
            address: the broker, and who we are there; of several the next one is tried when a connection ends.
            session: see Terms, as `will` and what else is not told here.
            expiry_s: seconds.
            receive_maximum: messages.
            subscriptions: made on every connection; `subscribe` replaces them.
            will: what the broker says when we are gone.
            window: most publishes without PUBACK.
            largest_payload: bytes.
            on_connect: after CONNACK.
            on_disconnect: after an accepted connection ended.
            on_message: for each message; acknowledge those of QoS 1 when they are safe.
            on_publish_settled: exactly once for each `publish`.
            on_taken_over: after another client with our identifier made the broker end a connection of ours.
            may_read: asked before each read; while False the socket is left alone and the broker keeps the rest.
            backoff: waits between attempts to connect; None: at most `LONGEST_ROUND_S` while no broker accepts.
        """
        self._terms = Terms(
            address, session, expiry_s, receive_maximum, will, min(window, PACKET_IDENTIFIERS), largest_payload
        )
        self._subscriptions = Subscriptions(subscriptions)
        self._on_connect, self._on_disconnect, self._on_settled = on_connect, on_disconnect, on_publish_settled
        self._on_taken_over = on_taken_over
        self._brokers = itertools.cycle(address.each)
        self._away = backoff or waits_while_away(len(address.each))
        self._fickle = backoff or Backoff(longest_s=FICKLE_S, places=len(address.each))
        self._waiting: collections.deque[Publish] = collections.deque()
        self._acknowledged: collections.deque[Sequence[tuple[int, int]]] = collections.deque()
        self._wake = _WakePipe()
        self._stopping, self._up, self._subscribed = threading.Event(), threading.Event(), threading.Event()
        self._callbacks = Callbacks(self._connected, self._subscribed.set, on_message, on_publish_settled, may_read)
        self._taken_over = self._served = self._was_up = False
        self._drain_until = 0.0
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self.generation = 0
        """Number of the present connection, counted from 1."""
        self.stale_acknowledgements = 0
        """How many acknowledgements came too late for their connection; their messages come again."""

    def start(self) -> None:
        """Begin to connect, and to stay connected, in the background."""
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._terms.session}", daemon=True)
        self._thread.start()

    def stop(self, drain_s: float = 2.0) -> None:
        """Write out acknowledgements, wait up to `drain_s` for PUBACKs, say goodbye (no will), and end the thread."""
        self._drain_until = time.monotonic() + drain_s
        self._stopping.set()
        self._wake.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._wake.close()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the present connection."""
        return self._up.is_set()

    @property
    def subscribed(self) -> bool:
        """Whether the broker has granted every subscription on the present connection."""
        return self._subscribed.is_set()

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until `subscribed`; tell whether it is."""
        return self._subscribed.wait(timeout_s)

    @property
    def outstanding(self) -> int:
        """Publishes accepted and not yet settled."""
        connection = self._connection
        return len(self._waiting) + (connection.in_flight if connection is not None else 0)

    def publish(
        self,
        topic: str,
        payload: bytes,
        tag: object = None,
        *,
        retain: bool = False,
        user_properties: Iterable[tuple[str, str]] = (),
        expires_s: int | None = None,
    ) -> None:
        """Send at QoS 1; `tag` comes back in `on_publish_settled`. Without a connection it settles as UNKNOWN.

        Raises QueueFullError.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise QueueFullError(f"{MOST_WAITING} messages wait to be published to {self._terms.address}")
        self._waiting.append(Publish(topic, payload, retain, tuple(user_properties), expires_s, tag))
        self._wake.wake()

    def subscribe(self, subscriptions: Subscriptions) -> None:
        """Want other subscriptions from now on. The broker grants them before the old ones end: nothing is missed."""
        self._subscriptions = subscriptions
        self._wake.wake()

    def acknowledge(self, deliveries: Sequence[tuple[int, int]]) -> None:
        """Acknowledge messages, each (generation, mid), in their order of arrival; stale ones are dropped."""
        self._acknowledged.append(deliveries)
        self._wake.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began, broker = time.monotonic(), next(self._brokers)
            why = self._one_connection(broker)
            if self._stopping.is_set():
                return
            lasted_s = time.monotonic() - began
            if self._served or lasted_s > STEADY_S:
                self._away.reset()
                self._fickle.reset()
            wait_s = self._fickle.next_wait_s() if self._was_up else wait_after_try(self._away, lasted_s)
            wait_s += TAKEN_OVER_S if self._taken_over else 0.0
            log.warning("mqtt_reconnect_scheduled", broker=str(broker), why=why, in_s=round(wait_s, 1))
            self._rest(wait_s)

    def _one_connection(self, broker: MqttAddress) -> str:
        """Connect to a broker and serve until the connection ends; return why it did."""
        connection = Connection(
            replace(self._terms, address=broker), self._subscriptions, self.generation + 1, self._callbacks
        )
        self._connection = connection
        try:
            connection.open()
            while connection.is_open and not (self._stopping.is_set() and self._is_drained(connection)):
                connection.turn(self._wake.reader, TURN_MS if not self._stopping.is_set() else TURN_MS // 10)
                self._hand_over(connection)
            if self._stopping.is_set():
                self._hand_over(connection)
                connection.say_goodbye(self._drain_until + 0.5)
        except OSError as error:
            return str(error)
        except Exception as error:  # the boundary of the task: without this thread nothing would arrive any more
            log.exception("mqtt_connection_failed", broker=str(broker))
            return repr(error)
        else:
            return "another client took the session over" if connection.taken_over else "connection ended"
        finally:
            self._forget(connection)

    def _hand_over(self, connection: Connection) -> None:
        """Give the connection what other threads have asked for, and write it."""
        self._wake.drain()
        if connection.accepted:
            connection.subscribe(self._subscriptions)
            while self._acknowledged:
                connection.acknowledge(self._current(self._acknowledged.popleft()))
            while self._waiting and connection.has_room:
                connection.publish(self._waiting.popleft())
        else:
            self._refuse_waiting()
        connection.write()

    def _current(self, deliveries: Sequence[tuple[int, int]]) -> list[int]:
        mids = [mid for generation, mid in deliveries if generation == self.generation]
        self.stale_acknowledgements += len(deliveries) - len(mids)
        return [mid for mid in mids if mid]

    def _is_drained(self, connection: Connection) -> bool:
        return not self.outstanding or not connection.accepted or time.monotonic() > self._drain_until

    def _connected(self, connected: Connected) -> None:
        self.generation = connected.generation
        self._up.set()
        self._on_connect(connected)

    def _forget(self, connection: Connection) -> None:
        self._was_up, self._taken_over = self._up.is_set(), connection.taken_over
        self._served = connection.served
        self._up.clear()
        self._subscribed.clear()
        connection.close()
        self._refuse_waiting()
        if self._was_up:
            self._on_disconnect()
        if self._taken_over:
            self._on_taken_over()

    def _refuse_waiting(self) -> None:
        while self._waiting:
            self._on_settled(SettledPublish(self._waiting.popleft().tag, Outcome.UNKNOWN, -1))

    def _rest(self, seconds: float) -> None:
        """Wait before the next attempt; publishes meanwhile settle as UNKNOWN."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._wake.reader, select.POLLIN)
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            poll.poll(left * 1000)
            self._wake.drain()
            self._refuse_waiting()


class _WakePipe:
    """A pipe: any thread may `wake` the one that polls `reader`."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self._writer, False)

    def wake(self) -> None:
        """Make `reader` readable; after `close` it does nothing."""
        with contextlib.suppress(OSError):  # a full pipe has woken it already, a closed one has ended
            os.write(self._writer, b"\0")

    def drain(self) -> None:
        """Take in what woke the thread, so that it can wait again."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.reader, 4096)

    def close(self) -> None:
        """Close both ends, once the thread has ended."""
        writer, self._writer = self._writer, -1
        os.close(writer)
        os.close(self.reader)
