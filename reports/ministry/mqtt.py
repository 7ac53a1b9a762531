"""A receiver's broker: a file is a message of QoS 1, taken when the broker says that somebody listens.

What a broker has taken nobody can read back, so after a lost acknowledgement a file goes again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from quantrac.config.receivers import Receiver
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.connection import Callbacks, Connection, Publish
from quantrac.mqtt.delivery import Outcome, SettledPublish
from quantrac.mqtt.terms import Subscriptions, Terms
from reports.ministry.file_server import Failure, NotDelivered, refusal
from reports.ministry.logins import ReceiverLogin

PATIENCE_S: Final = 60.0
"""Longest wait for one acknowledgement."""
FAREWELL_S: Final = 2.0
TURN_MS: Final = 500
SESSION: Final = "quantrac-ministry"
"""Begins the client identifier where the receiver names none."""


class MqttBroker:
    """A connection to a receiver's broker, opened when it is first needed."""

    def __init__(self, receiver: Receiver, login: ReceiverLogin) -> None:
        self._receiver = receiver
        host, port = receiver.address
        address = MqttAddress(host, port, receiver.way == "mqtts", login.user, login.password, receiver.ca)
        self._terms = Terms(
            address,
            SESSION,
            expiry_s=0,
            receive_maximum=1,
            own_id=receiver.client_id,
            setting="QUANTRAC_RECEIVER_LOGINS",
        )
        self._connection: Connection | None = None
        self._settled: SettledPublish | None = None

    def close(self) -> None:
        """Say goodbye; the next use connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.accepted:
                connection.say_goodbye(time.monotonic() + FAREWELL_S)
            connection.close()

    def put(self, name: str, content: bytes) -> None:
        """Publish a file. Raises NotDelivered, also where the broker says that nobody listens."""
        topic = self._receiver.place_of(name)
        try:
            settled = self._publish(Publish(topic, content, False, (), None, name))
        except OSError as error:
            self.close()
            raise NotDelivered(str(error) or type(error).__name__, Failure.AWAY) from None
        if settled.outcome is Outcome.NO_SUBSCRIBER:
            raise refusal(f"nobody at the broker listens to {topic}")
        if settled.outcome is Outcome.REFUSED:
            raise refusal(f"the broker refuses {topic}: reason 0x{settled.reason:02x}")
        if settled.outcome is not Outcome.DELIVERED:
            self.close()
            raise NotDelivered(settled.outcome.value, Failure.AWAY)

    def get(self, name: str) -> bytes | None:
        """Raise NotDelivered: a broker shows nobody what it has taken."""
        raise NotDelivered(f"{name}: a broker shows nobody what it has taken", Failure.REFUSED)

    def _publish(self, message: Publish) -> SettledPublish:
        """Return the end of a publish; raises OSError where the broker is away, says no, or says nothing."""
        connection = self._connected()
        self._settled = None
        connection.publish(message)
        connection.write()
        _turn(connection, lambda: self._settled is not None)
        assert self._settled is not None
        return self._settled

    def _connected(self) -> Connection:
        if self._connection is None:
            tell = Callbacks(lambda _: None, lambda: None, lambda _: None, self._note, lambda: True)
            self._connection = connection = Connection(self._terms, Subscriptions(), 1, tell)
            connection.open()
            _turn(connection, lambda: connection.accepted)
        return self._connection

    def _note(self, settled: SettledPublish) -> None:
        self._settled = settled


def _turn(connection: Connection, is_over: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_over():
        if not connection.is_open:
            raise ConnectionError("the broker ended the connection")
        if time.monotonic() > until:
            raise TimeoutError(f"no answer within {PATIENCE_S:.0f} s")
        connection.turn(None, TURN_MS)
        connection.write()
