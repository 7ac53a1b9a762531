"""A station that produces messages all the time and sends each until an ack settles it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from quantrac.mqtt import Delivery, MqttAddress, QueueFullError, Retained, Session, Subscription
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Message, WireReading

EPOCH: Final = "50ac0001"
READINGS: Final = 12
AGAIN_S: Final = 4.0
"""An edge waits 60 s before it sends again; a soak has less patience."""
POISON_EVERY: Final = 1000
BUNDLE: Final = 50
FIRST_MS: Final = 1_780_000_000_000


def channel(number: int) -> str:
    """Return the name of a channel, 0 to READINGS - 1."""
    return f"channel_{number}"


def payload(seq: int) -> bytes:
    """Return a message. Of each POISON_EVERY one is wholly and one partly refused: they name a channel that is none."""
    readings: list[WireReading] = [(channel(n), (seq * 7 + n) % 2000 / 100, "ok") for n in range(READINGS)]
    if is_dead(seq):
        readings = [("no_channel", 1.0, "ok")]
    elif is_partial(seq):
        readings.append(("no_channel", 1.0, "ok"))
    return wire.encode(Message(EPOCH, seq, FIRST_MS + seq * 1000, readings))


def is_dead(seq: int) -> bool:
    """Whether nothing of this message can be stored."""
    return seq % POISON_EVERY == POISON_EVERY // 2


def is_partial(seq: int) -> bool:
    """Whether one reading of this message is refused."""
    return seq % POISON_EVERY == POISON_EVERY // 4


class Station:
    """`start`, let it run, `finish`, wait for `settled`, `stop`."""

    def __init__(self, url: str, name: str, rate: float, message: Callable[[int], bytes] = payload) -> None:
        self.name, self._rate, self._message = name, rate, message
        self.produced = 0
        self.published = 0
        self.rubbish = 0
        """Payloads sent that nobody can read."""
        self._acked_upto = 0
        self._missing: list[tuple[int, int]] = []
        self._newest_ack = 0
        self._sent_at: dict[int, float] = {}
        self._again: list[tuple[int, int]] = []
        self._producing = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._session = Session(
            MqttAddress.parse(url), f"edge-{name}", expiry_s=3600, receive_maximum=100, window=2000,
            subscriptions=[Subscription(topics.topic(name, "ack"), retained=Retained.ALWAYS)], on_message=self._heard,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to produce and send."""
        self._session.start()
        self._thread.start()

    def send_again(self, first: int, last: int) -> None:
        """Send what is settled once more, bundled, as a restored or confused edge would."""
        self._again.append((first, last))

    def finish(self) -> None:
        """Produce no more; go on sending what is not settled."""
        self._producing = False

    @property
    def settled(self) -> bool:
        """Whether every message produced is settled, and what was to be sent again is sent."""
        return self._acked_upto >= self.produced and not self._missing and not self._again

    @property
    def waits_s(self) -> float:
        """How long the oldest message that is not settled has been waiting for it, seconds."""
        settled = min([self._acked_upto, *(first - 1 for first, _ in self._missing)])
        return (self.produced - settled) / self._rate

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()
        self._session.stop()

    def _heard(self, delivery: Delivery) -> None:
        self._session.acknowledge([(delivery.generation, delivery.mid)])
        ack = wire.decode_ack(delivery.payload)
        if delivery.retain and ack.t < self._newest_ack:
            return  # as an edge does: the broker remembers an old one
        self._newest_ack = max(self._newest_ack, ack.t)
        book = ack.epochs.get(EPOCH)
        self._acked_upto, self._missing = (book.upto, list(book.missing)) if book else (0, [])

    def _run(self) -> None:
        began, due = time.monotonic(), 0
        while not self._stop.wait(0.02):
            now = time.monotonic()
            if self._producing:
                due = int((now - began) * self._rate)
                self.produced = max(self.produced, due)
            try:
                self._send_unsettled(now)
                self._send_bundles()
            except QueueFullError:
                continue

    def _send_unsettled(self, now: float) -> None:
        if self._session.outstanding > 4000:
            return
        spans = [*self._missing, (self._acked_upto + 1, self.produced)]
        for seq in (seq for low, high in spans for seq in range(low, high + 1)):
            if now - self._sent_at.get(seq, -AGAIN_S) >= AGAIN_S:
                self._publish("readings", self._message(seq))
                self._sent_at[seq] = now
                if self._message is payload and seq % (10 * POISON_EVERY) == 0:
                    self.rubbish += 1
                    self._publish("readings", b'{"epoch":"%d' % self.rubbish)

    def _send_bundles(self) -> None:
        while self._again and self._session.outstanding < 2000:
            first, last = self._again[0]
            until = min(last, first + BUNDLE - 1)
            self._publish("backfill", b"\n".join(map(self._message, range(first, until + 1))))
            self._again[0] = (until + 1, last)
            if until == last:
                self._again.pop(0)

    def _publish(self, kind: topics.TopicKind, data: bytes) -> None:
        self._session.publish(topics.topic(self.name, kind), data)
        self.published += 1
