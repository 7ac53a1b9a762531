"""What has arrived, and when."""

from __future__ import annotations

from typing import Final, NamedTuple

from ingest.books.dead_letter import printable
from quantrac.mqtt.delivery import Delivery

LONGEST_STATION: Final = 255
"""Of what stands at the station's place of a topic so much is kept, characters; a topic may have 65,535 bytes."""


class Receipt(NamedTuple):
    """A delivery and when it arrived, microseconds since 1970 UTC."""

    delivery: Delivery
    received_us: int


def station_in(topic: str) -> str:
    """Return what stands at the station's place of a topic, whether or not it is one, printable and shortened."""
    parts = topic.split("/")
    return printable(parts[2])[:LONGEST_STATION] if len(parts) > 2 else ""
