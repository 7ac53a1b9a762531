"""Messages that arrived, and outcomes of messages that were published, as a session hands them over."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

NO_MATCHING_SUBSCRIBERS = 0x10
"""PUBACK reason: the broker took the message and nobody was subscribed to it (MQTT 5, 3.4.2.1)."""
FIRST_REFUSAL = 0x80
"""PUBACK reasons from here on say that the broker did not take the message."""
QUOTA_EXCEEDED = 0x97
"""PUBACK reason: not now; the message itself is fine."""
PACKET_TOO_LARGE = 0x95
"""PUBACK reason: this message can never pass."""


class Delivery(NamedTuple):
    """One message received. The broker keeps it until it is acknowledged."""

    topic: str
    payload: bytes
    """The payload; its first KEPT_OF_OVERSIZE bytes when it was larger than the session takes."""
    mid: int
    """Packet identifier; 0 for QoS 0, which needs no acknowledgement."""
    generation: int
    """The connection it came by: a packet identifier means nothing on the next one."""
    retain: bool
    dup: bool
    length: int
    """Length of the payload as sent, bytes; more than `len(payload)` when it was cut."""
    sha256: bytes | None
    """Of the whole payload, when it was cut."""
    properties: tuple[tuple[str, str], ...]
    """MQTT 5 user properties."""


class Outcome(Enum):
    """The outcome of a publish."""

    DELIVERED = "delivered"
    """The broker took it for at least one subscriber."""
    NO_SUBSCRIBER = "no subscriber"
    """The broker took it and dropped it: nobody listens. Not delivery."""
    BUSY = "quota exceeded"
    """The broker has no room now; send it again later."""
    REFUSED = "refused"
    """The broker will not take this message; sending it again is useless."""
    UNKNOWN = "connection lost"
    """No PUBACK before the connection ended, or not sent at all: send it again."""


class SettledPublish(NamedTuple):
    """The end of one publish."""

    tag: object
    """What the caller gave to `publish`."""
    outcome: Outcome
    reason: int
    """PUBACK reason code; -1 when there was none."""


def outcome_of(reason: int) -> Outcome:
    """Tell what a PUBACK reason code means for the sender."""
    if reason == NO_MATCHING_SUBSCRIBERS:
        return Outcome.NO_SUBSCRIBER
    if reason == QUOTA_EXCEEDED:
        return Outcome.BUSY
    return Outcome.REFUSED if reason >= FIRST_REFUSAL else Outcome.DELIVERED
