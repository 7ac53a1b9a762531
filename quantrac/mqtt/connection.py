"""One connection to the broker, from CONNECT to its end. Everything here runs on the network thread.

Each connection has a paho client of its own, so that nothing of an older one (packet identifiers, half-written packets)
can leak into it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar, cast

from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from quantrac.mqtt.delivery import PACKET_TOO_LARGE, Delivery, Outcome, SettledPublish, outcome_of
from quantrac.mqtt.paho_client import BufferedClient, user_properties
from quantrac.mqtt.terms import PACKET_IDENTIFIERS, Connected, Subscriptions, Terms
from quantrac.observe.logs import logger

CONNECT_TIMEOUT_S: Final = 10.0
"""How long the broker may take to answer a CONNECT."""
KEEPALIVE_S: Final = 20
"""A silent connection is found dead after at most twice this."""
WILL_DELAY_S: Final = 30
"""A will is published only when the connection stays away this long."""
SESSION_TAKEN_OVER: Final = 0x8E
"""DISCONNECT reason (MQTT 5, 3.14.2.1)."""
FILTERS_A_PACKET: Final = 500
"""Of a SUBSCRIBE or UNSUBSCRIBE; the largest that a broker of ours takes has room for a thousand long ones."""
TOPICS_LOGGED: Final = 4
LARGEST_PACKET: Final = 268_435_455
"""Of MQTT itself, bytes (MQTT 5, 1.5.5)."""

Filter = TypeVar("Filter")

log = logger(__name__)


class Publish(NamedTuple):
    """One message to send at QoS 1."""

    topic: str
    payload: bytes
    retain: bool
    user: tuple[tuple[str, str], ...]
    expires_s: int | None
    tag: object


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The owner's functions, called on the network thread."""

    connected: Callable[[Connected], None]
    subscribed: Callable[[], None]
    """The broker has granted every subscription that is wanted."""
    message: Callable[[Delivery], None]
    settled: Callable[[SettledPublish], None]
    may_read: Callable[[], bool]
    """Whether more messages may be taken in now."""


class Connection:
    """One connection: `open` it, call `turn` while `is_open`, then `close` it."""

    def __init__(self, terms: Terms, subscriptions: Subscriptions, generation: int, callbacks: Callbacks) -> None:
        self._terms = terms
        self._generation = generation
        self._tell = callbacks
        self._subscriptions = subscriptions
        self._asked: dict[int, list[str]] = {}
        """Filters of each SUBSCRIBE without SUBACK, of the present subscriptions."""
        self._denied: list[str] = []
        self._in_flight: dict[int, object] = {}
        self._window = terms.window
        self._largest_packet = LARGEST_PACKET
        self._refused: str | None = None
        self._deadline = 0.0
        self._client = self._new_client()
        self.accepted = False
        self.served = False
        """Whether the broker has taken a message or sent a fresh one: a connection without it is worth nothing."""
        self.taken_over = False
        """Whether the broker ended it because another client came with the same id."""

    def open(self) -> None:
        """Connect; raises OSError when the broker cannot be reached."""
        self._deadline = time.monotonic() + CONNECT_TIMEOUT_S
        address = self._terms.address
        self._client.connect(
            address.host, address.port, KEEPALIVE_S, clean_start=False, properties=self._connect_properties()
        )

    @property
    def is_open(self) -> bool:
        """Whether there is still a socket."""
        return self._client.socket() is not None

    @property
    def in_flight(self) -> int:
        """Publishes without PUBACK."""
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether another publish may be sent now."""
        return len(self._in_flight) < self._window

    def turn(self, wake: int | None, longest_ms: int) -> None:
        """Wait for the socket or the file `wake`, at most `longest_ms`, then read, write and keep alive once.

        Raises ConnectionRefusedError and TimeoutError when the broker says no, or nothing, to CONNECT.
        """
        sock: Any = self._client.socket()
        reads = not self.accepted or self._tell.may_read()
        poll = select.poll()
        poll.register(sock, (select.POLLIN if reads else 0) | (select.POLLOUT if self._client.want_write() else 0))
        if wake is not None:
            poll.register(wake, select.POLLIN)
        bytes_in_tls = reads and hasattr(sock, "pending") and sock.pending() > 0
        ready = dict(poll.poll(0 if bytes_in_tls else longest_ms))
        if bytes_in_tls or ready.get(sock.fileno(), 0) & ~select.POLLOUT:
            self._client.loop_read()
        if not reads:
            self._client.excuse_ping()
        self._client.loop_misc()
        if self._refused is not None:
            raise ConnectionRefusedError(self._refused)
        if not self.accepted and time.monotonic() > self._deadline:
            raise TimeoutError(f"no answer to CONNECT within {CONNECT_TIMEOUT_S:.0f} s")

    def write(self) -> None:
        """Write what is queued, as far as the socket takes it."""
        if self._client.want_write() and self.is_open:
            self._client.loop_write()

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Queue PUBACKs in this order."""
        self._client.acknowledge(mids)

    def subscribe(self, subscriptions: Subscriptions) -> None:
        """Ask for other subscriptions if these are not the present ones; no message is missed between old and new."""
        if subscriptions is not self._subscriptions:
            self._subscriptions = subscriptions
            self._subscribe()

    def publish(self, message: Publish) -> None:
        """Queue a publish; call only while `has_room`."""
        if _packet_size(message) > self._largest_packet:  # the broker would end the connection over it
            self._tell.settled(SettledPublish(message.tag, Outcome.REFUSED, PACKET_TOO_LARGE))
            return
        info = self._client.publish(
            message.topic, message.payload, 1, message.retain, _publish_properties(message.user, message.expires_s)
        )
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._in_flight[info.mid] = message.tag
        else:
            self._tell.settled(SettledPublish(message.tag, Outcome.UNKNOWN, -1))

    def say_goodbye(self, until: float) -> None:
        """Disconnect so that no will is published, writing until the monotonic time `until`."""
        self._client.disconnect()
        while self._client.want_write() and self.is_open and time.monotonic() < until:
            self._client.loop_write()

    def close(self) -> None:
        """Close the socket and settle what never got a PUBACK."""
        self.accepted = False
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        lost, self._in_flight = self._in_flight, {}
        for tag in lost.values():
            self._tell.settled(SettledPublish(tag, Outcome.UNKNOWN, -1))

    def _new_client(self) -> BufferedClient:
        terms = self._terms
        client = BufferedClient(terms.client_id, largest_payload=terms.largest_payload, deliver=self._receive)
        client.on_connect, client.on_disconnect = cast(Any, self._connack), cast(Any, self._disconnected)
        client.on_message, client.on_publish = self._message, cast(Any, self._puback)
        client.on_subscribe = cast(Any, self._suback)
        client.username_pw_set(terms.address.user, terms.address.password)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if terms.address.tls:
            client.tls_set(ca_certs=terms.address.ca_file)
        if terms.will is not None:
            properties = _properties(PacketTypes.WILLMESSAGE)
            properties.WillDelayInterval = WILL_DELAY_S
            client.will_set(terms.will.topic, terms.will.payload, qos=1, retain=True, properties=properties)
        return client

    def _connect_properties(self) -> Properties:
        # No Maximum Packet Size: the broker would drop larger messages in silence, with PUBACK success.
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._terms.expiry_s
        properties.ReceiveMaximum = self._terms.receive_maximum
        return properties

    def _connack(self, _client: Any, _userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"refused: {reason}; check user, password and rights ({self._terms.setting})"
            return
        self._window = min(self._terms.window, getattr(properties, "ReceiveMaximum", PACKET_IDENTIFIERS))
        self._largest_packet = getattr(properties, "MaximumPacketSize", LARGEST_PACKET)
        self.accepted = True
        log.info("mqtt_connected", broker=str(self._terms.address), client_id=self._terms.session,
                 session_present=flags.session_present)  # fmt: skip
        self._subscribe()
        self._tell.connected(Connected(self._generation, flags.session_present))

    def _subscribe(self) -> None:
        self._asked, self._denied = {}, []
        for some in _parts(self._subscriptions.wanted):
            _, mid = self._client.subscribe(
                [(each.topic, SubscribeOptions(qos=each.qos, retainHandling=each.retained)) for each in some]
            )
            if mid is not None:
                self._asked[mid] = [each.topic for each in some]
        if not self._subscriptions.wanted:
            self._granted()

    def _suback(self, _client: Any, _userdata: Any, mid: int, reasons: Sequence[Any], _properties: Any) -> None:
        asked = self._asked.pop(mid, None)
        if asked is None:
            return  # of subscriptions that are wanted no more
        self._denied += [topic for topic, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        if self._asked:
            return
        if self._denied:  # what was subscribed before stays: better too much than nothing
            log.error("mqtt_subscription_refused", broker=str(self._terms.address), topics=self._denied[:TOPICS_LOGGED],
                      number=len(self._denied), do="give this user the right to read these topics")  # fmt: skip
        else:
            self._granted()

    def _granted(self) -> None:
        wanted, ended = self._subscriptions
        for some in _parts(ended):
            self._client.unsubscribe([*some])
        if wanted:
            log.info("mqtt_subscribed", client_id=self._terms.session, number=len(wanted),
                     topics=[each.topic for each in wanted[:TOPICS_LOGGED]])  # fmt: skip
        self._tell.subscribed()

    def _disconnected(self, _client: Any, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.taken_over = flags.is_disconnect_packet_from_server and reason.value == SESSION_TAKEN_OVER
        if self.accepted and reason.is_failure:
            log.warning("mqtt_disconnected", broker=str(self._terms.address), why=str(reason),
                        by_broker=flags.is_disconnect_packet_from_server)  # fmt: skip

    def _receive(
        self, topic: bytes, payload: bytes, mid: int, dup: bool, retain: bool, length: int, sha256: bytes | None
    ) -> None:
        self.served |= not retain
        name = topic.decode("utf-8", "replace")
        self._tell.message(Delivery(name, payload, mid, self._generation, retain, dup, length, sha256, ()))

    def _message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        self.served |= not message.retain
        mid, payload = message.mid if message.qos else 0, bytes(message.payload)
        self._tell.message(
            Delivery(message.topic, payload, mid, self._generation, message.retain, message.dup, len(payload), None,
                     user_properties(message))
        )  # fmt: skip

    def _puback(self, _client: Any, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
        if mid in self._in_flight:
            outcome = outcome_of(reason.value)
            self.served |= outcome is not Outcome.REFUSED
            self._tell.settled(SettledPublish(self._in_flight.pop(mid), outcome, reason.value))


def _parts(filters: Sequence[Filter]) -> Iterable[Sequence[Filter]]:
    return (filters[at : at + FILTERS_A_PACKET] for at in range(0, len(filters), FILTERS_A_PACKET))


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _packet_size(message: Publish) -> int:
    """Return at least how large the PUBLISH packet gets, bytes."""
    user = sum(len(name.encode()) + len(value.encode()) + 5 for name, value in message.user)
    return len(message.topic.encode()) + len(message.payload) + user + 20


def _publish_properties(user: tuple[tuple[str, str], ...], expires_s: int | None) -> Properties | None:
    if not user and expires_s is None:
        return None
    properties = _properties(PacketTypes.PUBLISH)
    if user:
        properties.UserProperty = list(user)
    if expires_s is not None:
        properties.MessageExpiryInterval = expires_s
    return properties
