"""Answers to commands until the broker has them: the link may be away at the moment when an outcome is known."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from quantrac.mqtt.delivery import Outcome, SettledPublish
from quantrac.telemetry.topics import topic

LONGEST_MS: Final = 3_600_000
"""Whoever asked has stopped waiting by then."""


class CommandReply(NamedTuple):
    """One answer; it goes along with its publish as the tag."""

    command_id: str
    payload: bytes
    since_ms: int


class _Transport(Protocol):
    """What is asked of an MQTT session."""

    @property
    def connected(self) -> bool:
        """Whether the broker is reached."""
        ...

    def publish(self, topic: str, payload: bytes, tag: object = None) -> None:
        """Publish at QoS 1; what became of it comes to `Replies.settled`."""
        ...


class Replies:
    """See the module; any thread may call everything here."""

    def __init__(self, station: str, now_ms: Callable[[], int]) -> None:
        """Nothing is sent before `transport` is there."""
        self.transport: _Transport | None = None
        self._station, self._now_ms = station, now_ms
        self._lock = threading.Lock()
        self._waiting: list[CommandReply] = []

    def say(self, command_id: str, payload: bytes) -> None:
        """Send an answer, now or when the link is back."""
        with self._lock:
            self._waiting.append(CommandReply(command_id, payload, self._now_ms()))
        self.turn()

    def settled(self, answer: SettledPublish) -> None:
        """The session tells what became of a publish; those that are no reply are ignored."""
        if isinstance(answer.tag, CommandReply) and answer.outcome in (Outcome.UNKNOWN, Outcome.BUSY):
            with self._lock:
                self._waiting.append(answer.tag)

    def turn(self) -> None:
        """Send what waits, if there is a link; called again and again."""
        transport = self.transport
        if transport is None or not transport.connected:
            return
        now_ms = self._now_ms()
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for reply in waiting:
            if now_ms - reply.since_ms < LONGEST_MS:
                transport.publish(topic(self._station, "reply", reply.command_id), reply.payload, reply)
