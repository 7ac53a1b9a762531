"""paho's client, reading and acknowledging in batches. The only module that touches paho's private parts.

paho reads the socket one byte at a time and builds a fresh set of objects for every packet (47 µs a message, measured).
Here the socket is read in large pieces and PUBLISH packets of QoS 0 and 1 without properties, nearly all we ever get,
are cut straight out of them; every other packet goes paho's own way.
`tests/unit/mqtt/test_paho_private_parts.py` fails when paho changes what this relies on.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

READ_BYTES: Final = 262_144
"""At a time: what we have to say waits for what is read, and so much takes up to 0.1 s."""
KEPT_OF_OVERSIZE: Final = 65_536
"""How much is kept of a payload larger than the session takes, bytes."""

_PUBACK = struct.Struct("!BBH")
_QOS0_PUBLISH: Final = 0x30
_QOS1_PUBLISH: Final = 0x32
_IGNORE_DUP_AND_RETAIN: Final = 0xF6

OnPublish = Callable[[bytes, bytes, int, bool, bool, int, "bytes | None"], None]
"""topic, payload, mid (0 of QoS 0), dup, retain, length as sent, sha256 when cut."""


class BufferedClient(Client):
    """A paho client for an event loop of the owner's own (`loop_read`, `loop_write`, `loop_misc`)."""

    def __init__(self, client_id: str, *, largest_payload: int, deliver: OnPublish) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self._deliver = deliver
        self._largest = largest_payload
        self._rest = b""
        self._oversize: _Oversize | None = None
        # An external loop: a publish is queued, and written by loop_write alone.
        self.on_socket_register_write = _leave_writing_to_the_loop
        self.max_inflight_messages = 0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 (paho's signature)
        """Read once from the socket and handle every whole packet; `max_packets` is not looked at."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            data = b""
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = time.monotonic()
        rc = self._take(data)
        return rc if rc == MQTTErrorCode.MQTT_ERR_SUCCESS else self._loop_rc_handle(rc)

    def excuse_ping(self) -> None:
        """Expect no answer to the last ping: we are not reading. Pings still go out, so the broker keeps us."""
        self._ping_t = 0.0

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Queue one PUBACK for each packet identifier, in this order, as one write. Network thread only."""
        packets = b"".join([_PUBACK.pack(0x40, 2, mid) for mid in mids])
        if packets:
            self._packet_queue(0x40, packets, 0, 1)

    def _take(self, data: bytes) -> MQTTErrorCode:
        if self._oversize is not None:
            data = self._skim(self._oversize, data)
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        while end - at >= 2:
            header = _variable_length(buffer, at + 1, end)
            if header is None:
                break
            if header == _MALFORMED:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            start, length = header
            if start + length > end:
                if length > self._largest and buffer[at] & _IGNORE_DUP_AND_RETAIN == _QOS1_PUBLISH:
                    at = self._begin_skimming(buffer, at, start, length)
                break
            rc = self._handle(buffer, at, start, start + length)
            if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self._sock is None:
                return rc
            at = start + length
        self._rest = buffer[at:]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle(self, buffer: bytes, at: int, start: int, stop: int) -> MQTTErrorCode:
        first = buffer[at]
        kind = first & _IGNORE_DUP_AND_RETAIN
        if kind in (_QOS0_PUBLISH, _QOS1_PUBLISH):
            topic_end = start + 2 + (buffer[start] << 8 | buffer[start + 1])
            properties = topic_end + 2 if kind == _QOS1_PUBLISH else topic_end
            if properties < stop and buffer[properties] == 0:
                payload, sha256 = buffer[properties + 1 : stop], None
                length = len(payload)
                if length > self._largest:
                    payload, sha256 = payload[:KEPT_OF_OVERSIZE], hashlib.sha256(payload).digest()
                mid = buffer[topic_end] << 8 | buffer[topic_end + 1] if kind == _QOS1_PUBLISH else 0
                topic = buffer[start + 2 : topic_end]
                self._deliver(topic, payload, mid, bool(first & 8), bool(first & 1), length, sha256)
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return self._handle_as_paho_does(first, buffer[start:stop])

    def _handle_as_paho_does(self, first: int, body: bytes) -> MQTTErrorCode:
        self._in_packet = {
            "command": first,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        except (MalformedPacket, ValueError, IndexError, struct.error):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _begin_skimming(self, buffer: bytes, at: int, start: int, length: int) -> int:
        topic_end = start + 2 + (buffer[start] << 8 | buffer[start + 1]) if len(buffer) >= start + 2 else len(buffer)
        properties = _variable_length(buffer, topic_end + 2, len(buffer))
        if properties is None or properties == _MALFORMED or sum(properties) > min(len(buffer), start + length):
            return at
        payload = sum(properties)  # properties are not looked at: the message cannot be taken anyway
        self._oversize = _Oversize(
            topic=buffer[start + 2 : topic_end],
            mid=buffer[topic_end] << 8 | buffer[topic_end + 1],
            first=buffer[at],
            length=start + length - payload,
        )
        self._oversize.add(buffer[payload:])
        return len(buffer)

    def _skim(self, oversize: _Oversize, data: bytes) -> bytes:
        rest = oversize.add(data)
        if oversize.complete:
            self._oversize = None
            dup, retain = bool(oversize.first & 8), bool(oversize.first & 1)
            kept, sha256 = bytes(oversize.kept), oversize.digest.digest()
            self._deliver(oversize.topic, kept, oversize.mid, dup, retain, oversize.length, sha256)
        return rest


class _Oversize:
    """A payload too large to hold: its beginning is kept, the rest only hashed."""

    def __init__(self, *, topic: bytes, mid: int, first: int, length: int) -> None:
        self.topic, self.mid, self.first, self.length = topic, mid, first, length
        self.kept = bytearray()
        self.digest = hashlib.sha256()
        self._seen = 0

    @property
    def complete(self) -> bool:
        return self._seen == self.length

    def add(self, data: bytes) -> bytes:
        """Take what belongs to this payload and return what follows it."""
        own = data[: self.length - self._seen]
        self._seen += len(own)
        self.digest.update(own)
        self.kept += own[: KEPT_OF_OVERSIZE - len(self.kept)]
        return data[len(own) :]


_MALFORMED: Final = (-1, -1)


def _variable_length(buffer: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Read a variable byte integer (MQTT 5, 1.5.5): return where what follows it starts, and the number.

    None when not all of it is there yet.
    """
    length = shift = 0
    for position in range(at, min(end, at + 4)):
        byte = buffer[position]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return position + 1, length
        shift += 7
    return _MALFORMED if end >= at + 4 else None


def user_properties(message: MQTTMessage) -> tuple[tuple[str, str], ...]:
    """Return the MQTT 5 user properties of a message that went paho's own way."""
    found: Any = getattr(message.properties, "UserProperty", ())
    return tuple((str(name), str(value)) for name, value in found)


def _leave_writing_to_the_loop(_client: Client, _userdata: Any, _sock: Any) -> None:
    """Do nothing: with this callback set, paho queues packets and never writes from `publish`."""
