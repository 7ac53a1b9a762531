"""A listener that records what one station publishes, and when."""

from __future__ import annotations

import time
from typing import Self

from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription
from quantrac.telemetry.topics import TopicKind, parse, topic


class Listener:
    """Takes everything and keeps kind, time of arrival (ms) and payload."""

    def __init__(self, url: str, station: str, kinds: tuple[TopicKind, ...]) -> None:
        self.heard: list[tuple[str, int, bytes]] = []
        self._session = Session(
            MqttAddress.parse(url),
            "listener",
            expiry_s=60,
            receive_maximum=1000,
            subscriptions=[Subscription(topic(station, kind)) for kind in kinds],
            on_message=self._hear,
        )

    def __enter__(self) -> Self:
        self._session.start()
        assert self._session.wait_subscribed(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._session.stop()

    def count(self, kind: TopicKind) -> int:
        """How many messages of a kind have come."""
        return sum(found == kind for found, *_ in list(self.heard))

    def _hear(self, delivery: Delivery) -> None:
        self.heard.append((parse(delivery.topic).kind, time.time_ns() // 1_000_000, delivery.payload))
        self._session.acknowledge([(delivery.generation, delivery.mid)])
