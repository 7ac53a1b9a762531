"""How often each message was published, and whether the rules of resending allow it (docs/wire.md).

A message may be published again when a minute has passed since the last time, or when nobody can know what became of
it: the agent was killed, its line broke, or the broker went away. Anything else is a publish too many.
"""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections import Counter, defaultdict
from typing import Final, NamedTuple

from quantrac.mqtt import Delivery, MqttAddress, Session, Subscription
from quantrac.telemetry.topics import TopicKind, parse, subscription
from quantrac.telemetry.wire import decode_message, lines_of

RESEND_S: Final = 60.0
SLACK_S: Final = 5.0
"""A publish may arrive so much later than it was made."""
KINDS: Final[tuple[TopicKind, ...]] = ("readings", "backfill")

Key = tuple[str, str, int]
"""Station, epoch and seq."""


class Trouble(NamedTuple):
    """A time in which publishes of a station may have been lost without a word; seconds."""

    from_s: float
    to_s: float


def needless(arrivals: list[float], troubles: list[Trouble]) -> int:
    """Return how many of a message's publishes nothing explains; both lists are ordered."""
    count = 0
    for before, after in itertools.pairwise(arrivals):
        first = bisect.bisect_left(troubles, before - SLACK_S, key=lambda trouble: trouble.to_s)
        troubled = first < len(troubles) and troubles[first].from_s <= after
        count += not troubled and after - before < RESEND_S - SLACK_S
    return count


class Publishes:
    """Hears all stations beside ingest and keeps when each seq arrived."""

    def __init__(self, url: str) -> None:
        self.arrivals: dict[Key, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        self._session = Session(
            MqttAddress.parse(url), "soak-publishes", expiry_s=3600, receive_maximum=1000, on_message=self._hear,
            subscriptions=[Subscription(subscription(kind)) for kind in KINDS],
        )  # fmt: skip

    def start(self) -> None:
        """Listen from now on."""
        self._session.start()
        assert self._session.wait_subscribed(20)

    def stop(self) -> None:
        """End."""
        self._session.stop()

    def judge(self, troubles: dict[str, list[Trouble]]) -> dict[str, object]:
        """Count messages by the number of their publishes, and the publishes that nothing explains."""
        with self._lock:
            times = Counter(map(len, self.arrivals.values()))
            wrong = sum(needless(arrivals, troubles[key[0]]) for key, arrivals in self.arrivals.items())
        return {"published": dict(sorted(times.items())), "needless": wrong}

    def _hear(self, delivery: Delivery) -> None:
        now_s, station = time.time(), parse(delivery.topic).station
        with self._lock:
            for line in lines_of(delivery.payload):
                message = decode_message(line)
                self.arrivals[station, message.epoch, message.seq].append(now_s)
        self._session.acknowledge([(delivery.generation, delivery.mid)])
