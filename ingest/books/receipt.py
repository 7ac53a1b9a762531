"""A receipt: which delivery arrived, and when."""

from __future__ import annotations

from typing import Final, NamedTuple

from ingest.books.dead_letter import DeadLetter, printable
from quantrac.mqtt.delivery import Delivery

LONGEST_STATION: Final = 255
"""Of what stands at the station's place of a topic so much is kept, characters; a topic may have 65,535 bytes."""

SMALL: Final = 64
"""Bytes of a payload; a delivery takes some 400 besides."""


class Receipt(NamedTuple):
    """A delivery and when it arrived, microseconds since 1970 UTC."""

    delivery: Delivery
    received_us: int
    put_off: bool = False
    """It was too much while others waited: its payload was dropped, and the station is to send it again."""
    flood: bool = False
    """Besides, its station does so again and again."""
    weight: int = 1
    """What it costs to receive and store, in messages of ordinary size; 0 of one that is put off."""

    @property
    def station(self) -> str:
        """What stands at the station's place of the topic, whether or not it is one, printable and shortened."""
        parts = self.delivery.topic.split("/")
        return printable(parts[2])[:LONGEST_STATION] if len(parts) > 2 else ""

    def without_payload(self, *, flood: bool) -> Receipt:
        """Return that it was put off; a payload so small that it costs less than to drop it stays."""
        small = len(self.delivery.payload) <= SMALL
        delivery = self.delivery if small else self.delivery._replace(payload=b"")
        return Receipt(delivery, self.received_us, True, self.flood or flood, 0)

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
