"""The terms of a session: who we are at the broker and what we ask of it, fixed before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from quantrac.mqtt.address import MqttAddress

LARGEST_PAYLOAD: Final = 262_144
"""Larger payloads are cut on receipt, bytes."""
PACKET_IDENTIFIERS: Final = 65_535
"""How many there are; so the most messages without PUBACK either way."""


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker sends for us when we vanished WILL_DELAY_S ago. QoS 1, retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter, subscribed again on every connection."""

    topic: str
    qos: int = 1
    retained_always: bool = False
    """Whether the retained message comes with every connection, or only when the subscription is new."""


class Connected(NamedTuple):
    """An accepted connection, as `on_connect` gets it."""

    generation: int
    session_present: bool
    """Whether the broker still knew the session; False means messages may have been dropped meanwhile."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Our identity at the broker and our requests to it."""

    address: MqttAddress
    client_id: str
    """Names the session; two sessions of one name throw each other out."""
    expiry_s: int
    """How long the broker keeps the session while we are away, seconds."""
    receive_maximum: int
    """How many unacknowledged messages the broker may send us, 1..65535."""
    subscriptions: tuple[Subscription, ...] = ()
    will: Will | None = None
    window: int = 1000
    """Most publishes without PUBACK; the broker's Receive Maximum lowers it."""
    largest_payload: int = LARGEST_PAYLOAD
    """Larger payloads arrive cut, bytes."""
