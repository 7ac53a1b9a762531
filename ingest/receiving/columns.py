"""A batch as columns, one entry a message and one a reading. Only the envelope is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import BookKey
from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.receiving.registry import KnownStation, Layout, Registry, unknown_station
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry import topics, wire
from quantrac.telemetry.states import STATE_OF_WORD
from quantrac.telemetry.wire import BadEnvelope, Message, Misfit, Refused, WireEvent

UNKNOWN_STATE: Final = -1
MOST_LINES: Final = 5000
"""Of a bundle: as many messages as the broker's largest packet holds, however short."""


class _StateCodes(dict[str, int]):
    def __missing__(self, word: str) -> int:
        return UNKNOWN_STATE


STATE_CODES: Final = _StateCodes({word: int(state) for word, state in STATE_OF_WORD.items()})


@dataclass(slots=True)
class Columns:
    """A decoded batch. Arrays named `row_…` have one entry a reading, the others one a message, in order of arrival."""

    keys: list[BookKey]
    """The books touched; `key` holds indices into it."""
    key: npt.NDArray[np.int32]
    seq: npt.NDArray[np.int64]
    time_ms: npt.NDArray[np.int64]
    in_service_ms: npt.NDArray[np.int64]
    received_us: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    """Readings of the message."""
    row_message: npt.NDArray[np.int32]
    row_channel: npt.NDArray[np.int32]
    """Index into the registry's columns, UNKNOWN where there is no such channel."""
    row_twice: npt.NDArray[np.bool_]
    row_value: npt.NDArray[np.float64]
    """NaN is a null: the wire's numbers are finite."""
    row_state: npt.NDArray[np.int16]
    """Precedence number of the state, UNKNOWN_STATE for a word that is none."""
    events: dict[int, list[tuple[int, WireEvent]]]
    """Events by message, each with its index in the message."""
    refused: dict[int, list[Refused]]
    """What the lenient decoder refused, by message."""
    source: list[tuple[Delivery, int]]
    """Where each message came from: the delivery and the line of a bundle (-1: not a bundle)."""
    _split: dict[int, list[bytes]] = field(default_factory=dict)
    """The lines of the bundles that were asked for."""

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return len(self.source)

    def payload_of(self, message: int) -> bytes:
        """Return the bytes of a message: its own payload, or its line of a bundle."""
        delivery, line = self.source[message]
        if line < 0:
            return delivery.payload
        if id(delivery) not in self._split:
            self._split[id(delivery)] = wire.lines_of(delivery.payload)
        return self._split[id(delivery)][line]


@dataclass(slots=True)
class _Builder:
    keys: dict[BookKey, int] = field(default_factory=dict)
    key: list[int] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    time_ms: list[int] = field(default_factory=list)
    in_service_ms: list[int] = field(default_factory=list)
    received_us: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    events: dict[int, list[tuple[int, WireEvent]]] = field(default_factory=dict)
    refused: dict[int, list[Refused]] = field(default_factory=dict)
    source: list[tuple[Delivery, int]] = field(default_factory=list)

    def add(self, station: KnownStation, message: Message, receipt: Receipt, line: int) -> None:
        self.key.append(self.keys.setdefault(BookKey(station.name, message.epoch), len(self.keys)))
        self.seq.append(message.seq)
        self.time_ms.append(message.t)
        self.in_service_ms.append(station.in_service_ms)
        self.received_us.append(receipt.received_us)
        self.source.append((receipt.delivery, line))
        readings = message.r
        self.count.append(len(readings))
        if readings:
            names, values, states = zip(*readings, strict=True)
            self.layouts.append(station.layout(names))
            self.values.extend(values)
            self.states.extend(states)
        if message.e:
            self.events[len(self.seq) - 1] = list(enumerate(message.e))

    def add_leniently(self, station: KnownStation, line_bytes: bytes, receipt: Receipt, line: int) -> None:
        found = wire.decode_leniently(line_bytes)
        self.add(station, found.message, receipt, line)
        if found.refused:
            at = len(self.seq) - 1
            self.refused[at] = found.refused
            refused_events = {each.place for each in found.refused}
            total = len(found.message.e) + sum(place.startswith("e[") for place in refused_events)
            kept = [index for index in range(total) if f"e[{index}]" not in refused_events]
            self.events[at] = list(zip(kept, found.message.e, strict=True))

    def columns(self) -> Columns:
        count = np.array(self.count, np.int64)
        empty = np.empty(0, np.int32)
        return Columns(
            keys=list(self.keys),
            key=np.array(self.key, np.int32),
            seq=np.array(self.seq, np.int64),
            time_ms=np.array(self.time_ms, np.int64),
            in_service_ms=np.array(self.in_service_ms, np.int64),
            received_us=np.array(self.received_us, np.int64),
            count=count,
            row_message=np.repeat(np.arange(len(count), dtype=np.int32), count),
            row_channel=np.concatenate([layout.channels for layout in self.layouts]) if self.layouts else empty,
            row_twice=np.concatenate([layout.twice for layout in self.layouts]) if self.layouts else empty.astype(bool),
            row_value=np.array(self.values, np.float64),
            row_state=np.fromiter(map(STATE_CODES.__getitem__, self.states), np.int16, len(self.states)),
            events=self.events,
            refused=self.refused,
            source=self.source,
        )


def decode(receipts: Iterable[Receipt], registry: Registry) -> tuple[Columns, list[DeadLetter]]:
    """Decode the readings and bundles of a batch; what has no usable envelope comes back as dead letters.

    Other kinds of topic are for `reports`; they must not be among `receipts`.
    """
    builder = _Builder()
    misfits: list[DeadLetter] = []
    stations: dict[str, KnownStation | None] = {}
    for receipt in receipts:
        delivery = receipt.delivery
        topic = delivery.topic
        station = stations[topic] if topic in stations else stations.setdefault(topic, _station(topic, registry))
        if receipt.was_cut:
            found = f"{delivery.length} bytes, cut to {len(delivery.payload)} on receipt"
            misfits.append(receipt.refused(Misfit.TOO_LARGE.value, found))
        elif topic.endswith("/backfill") and (lines := delivery.payload.count(b"\n") + 1) > MOST_LINES:
            found = f"a bundle of {lines} lines, expected at most {MOST_LINES}"
            misfits.append(receipt.refused(Misfit.TOO_LARGE.value, found))
        elif station is None:
            misfits.extend(_of_unknown_station(receipt))
        elif topic.endswith("/backfill"):
            misfits.extend(_add_bundle(builder, station, receipt))
        else:
            misfits.extend(_add_line(builder, station, receipt, delivery.payload, -1))
    return builder.columns(), misfits


def _station(topic: str, registry: Registry) -> KnownStation | None:
    try:
        return registry.stations.get(topics.parse(topic).station)
    except topics.BadTopic:
        return None


def _add_bundle(builder: _Builder, station: KnownStation, receipt: Receipt) -> Iterator[DeadLetter]:
    payload = receipt.delivery.payload
    try:
        messages = wire.decode_messages(payload)
    except wire.STRICT_ERRORS:
        messages = []
    if len(messages) == payload.count(b"\n") + 1 and all(message.r or message.e for message in messages):
        for line, message in enumerate(messages):
            builder.add(station, message, receipt, line)
        return
    lines = wire.lines_of(payload)
    if not lines:
        yield _dead(receipt, payload, BadEnvelope(Misfit.EMPTY, "a bundle without a line"))
    for line, line_bytes in enumerate(lines):
        yield from _add_line(builder, station, receipt, line_bytes, line)


def _add_line(
    builder: _Builder, station: KnownStation, receipt: Receipt, data: bytes, line: int
) -> Iterator[DeadLetter]:
    try:
        message = wire.decode_message(data)
    except wire.STRICT_ERRORS:
        message = None
    if message is not None and (message.r or message.e):
        builder.add(station, message, receipt, line)
        return
    try:
        builder.add_leniently(station, data, receipt, line)
    except BadEnvelope as error:
        yield _dead(receipt, data, error)


def _of_unknown_station(receipt: Receipt) -> Iterator[DeadLetter]:
    topic, payload = receipt.delivery.topic, receipt.delivery.payload
    try:
        station = topics.parse(topic).station
        reason, found = Misfit.UNKNOWN_STATION, unknown_station(station)
    except topics.BadTopic as error:
        reason, found = Misfit.BAD_TOPIC, str(error)
    for data in wire.lines_of(payload) if topic.endswith("/backfill") else [payload]:
        try:
            message = wire.decode_leniently(data).message
            yield _dead(receipt, data, BadEnvelope(reason, found, message.epoch, message.seq))
        except BadEnvelope as error:
            yield _dead(receipt, data, BadEnvelope(reason, found, error.epoch, error.seq))


def _dead(receipt: Receipt, line: bytes, error: BadEnvelope) -> DeadLetter:
    return receipt.refused_line(line, error.reason.value, str(error), error.epoch if error.seq else None, error.seq)
