"""A receipt: which delivery arrived, and when."""

from __future__ import annotations

from typing import Final, NamedTuple

from ingest.books.dead_letter import DeadLetter, printable
from quantrac.mqtt.delivery import Delivery

LONGEST_STATION: Final = 255
"""Of what stands at the station's place of a topic so much is kept, characters; a topic may have 65,535 bytes."""


class Receipt(NamedTuple):
    """A delivery and when it arrived, microseconds since 1970 UTC."""

    delivery: Delivery
    received_us: int

    @property
    def station(self) -> str:
        """What stands at the station's place of the topic, whether or not it is one, printable and shortened."""
        parts = self.delivery.topic.split("/")
        return printable(parts[2])[:LONGEST_STATION] if len(parts) > 2 else ""

    @property
    def was_cut(self) -> bool:
        """Whether the payload was too large, and only its beginning is here."""
        return self.delivery.length != len(self.delivery.payload)

    def refused(
        self, reason: str, found: str, epoch: str | None = None, seq: int | None = None, *, recurs: bool = False
    ) -> DeadLetter:
        """Return the dead letter that keeps the whole delivery."""
        delivery = self.delivery
        return DeadLetter(
            delivery.topic, delivery.payload, reason, found, self.received_us, self.station, epoch, seq,
            length=delivery.length, sha256=delivery.sha256, recurs=recurs,
        )  # fmt: skip

    def refused_line(
        self, line: bytes, reason: str, found: str, epoch: str | None = None, seq: int | None = None
    ) -> DeadLetter:
        """Return the dead letter that keeps one line of the delivery, a bundle."""
        return DeadLetter(self.delivery.topic, line, reason, found, self.received_us, self.station, epoch, seq)
