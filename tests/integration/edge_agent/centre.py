"""A centre in a few lines: keeps every reading by its key and acknowledges seqs, with an account of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Connected, Subscription
from quantrac.telemetry.topics import TopicKind, parse, subscription, topic
from quantrac.telemetry.wire import Ack, Settled, decode_message, encode, lines_of


class Centre:
    """A durable subscriber of one station. `silent` keeps it from acknowledging end to end."""

    def __init__(self, url: str, station: str) -> None:
        self.station = station
        self.silent = False
        self.values: dict[tuple[str, int], float | None] = {}
        self.seqs: dict[str, set[int]] = {}
        self.events: list[tuple[str, str]] = []
        self.kinds: list[str] = []
        self.receipt_ms = 0
        self.connected_as: list[Connected] = []
        self._lock = threading.Lock()
        kinds: tuple[TopicKind, ...] = ("readings", "backfill", "birth", "status")
        self._session = Session(
            MqttAddress.parse(url),
            "centre",
            expiry_s=3600,
            receive_maximum=1000,
            subscriptions=[Subscription(subscription(kind)) for kind in kinds],
            on_connect=self.connected_as.append,
            on_message=self._receive,
        )
        self._session.start()
        assert self._session.wait_subscribed(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.stop()

    def has_all(self, made: int) -> bool:
        """Whether every one of so many numbered records and the agent's restart is here, under one epoch."""
        return [*self.seqs.values()] == [set(range(1, made + 2))]

    def say(self, upto: int | None = None) -> None:
        """Publish the ack of what is here, or one that goes back (or beyond) to `upto`."""
        with self._lock:
            epochs = {name: self._settled(seqs, upto) for name, seqs in self.seqs.items()}
            payload = encode(Ack(self.receipt_ms, epochs))
        self._session.publish(topic(self.station, "ack"), payload, retain=True)

    def forget(self, epoch: str, above: int) -> None:
        """A backup is restored."""
        with self._lock:
            self.seqs[epoch] = {seq for seq in self.seqs[epoch] if seq <= above}
            self.values = {key: value for key, value in self.values.items() if (value or 0) <= above}

    def holds(self, wanted: Callable[[Centre], bool], within_s: float = 180.0) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with self._lock:
                if wanted(self):
                    return True
            time.sleep(0.05)
        return False

    def _settled(self, seqs: set[int], upto: int | None) -> Settled:
        top = max(seqs, default=0) if upto is None else upto
        missing = [(n, n) for n in range(1, top) if n not in seqs]
        return Settled(top, missing) if len(missing) <= 200 else Settled(missing[200][0] - 1, missing[:200])

    def _receive(self, delivery: Delivery) -> None:
        kind = parse(delivery.topic).kind
        with self._lock:
            self.receipt_ms = time.time_ns() // 1_000_000
            self.kinds.append(kind)
            if kind in ("readings", "backfill"):
                for line in lines_of(delivery.payload):
                    message = decode_message(line)
                    self.seqs.setdefault(message.epoch, set()).add(message.seq)
                    self.events += [(event[0], event[2]) for event in message.e]
                    for name, value, _ in message.r:
                        self.values.setdefault((name, message.t), value)
        self._session.acknowledge([(delivery.generation, delivery.mid)])
        if not self.silent:
            self.say()
