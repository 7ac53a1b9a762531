"""The terms of a session: who we are at the broker and what we ask of it, fixed before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
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


class Retained(IntEnum):
    """When the broker sends the retained messages of a subscription (MQTT 5, 3.8.3.1)."""

    ALWAYS = 0
    """With every connection."""
    IF_NEW = 1
    """When the session did not have the subscription."""
    NEVER = 2


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter, subscribed again on every connection."""

    topic: str
    qos: int = 1
    retained: Retained = Retained.IF_NEW


class Subscriptions(NamedTuple):
    """What a session is to be subscribed to from now on."""

    wanted: Sequence[Subscription] = ()
    ended: Sequence[str] = ()
    """Topic filters that the session may have from before; they end as soon as all that are wanted are granted."""


class Connected(NamedTuple):
    """An accepted connection, as `on_connect` gets it."""

    generation: int
    session_present: bool
    """Whether the broker still knew the session; False means messages may have been dropped meanwhile."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Our identity at the broker and our requests to it."""

    address: MqttAddress
    session: str
    """Names the session, for people and logs."""
    expiry_s: int
    """How long the broker keeps the session while we are away, seconds."""
    receive_maximum: int
    """How many unacknowledged messages the broker may send us, 1..65535."""
    will: Will | None = None
    window: int = 1000
    """Most publishes without PUBACK; the broker's Receive Maximum lowers it."""
    largest_payload: int = LARGEST_PAYLOAD
    """Larger payloads arrive cut, bytes."""
    own_id: str | None = None
    """A client identifier that the broker's owner has given us, in place of ours."""
    setting: str = "QUANTRAC_MQTT_URL"
    """Where a person finds user and password."""

    @property
    def client_id(self) -> str:
        """The key to the session: two clients that have it throw each other out. Not for logs."""
        return self.own_id or self.address.client_id(self.session)
