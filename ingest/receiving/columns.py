"""A batch as columns: one entry a message, and one entry a reading. Nothing is judged here but the envelope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.books.dead_letter import DeadLetter, Misfitting
from ingest.books.entries import BookKey
from ingest.books.receipt import Receipt, station_in
from ingest.receiving.registry import Layout, Registry, Station
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry import topics, wire
from quantrac.telemetry.states import STATE_OF_WORD
from quantrac.telemetry.wire import BadEnvelope, Message, Misfit, Refused, WireEvent

UNKNOWN_STATE: Final = -1


class _StateCodes(dict[str, int]):
    def __missing__(self, word: str) -> int:
        return UNKNOWN_STATE


STATE_CODES: Final = _StateCodes({word: int(state) for word, state in STATE_OF_WORD.items()})


@dataclass(slots=True)
class Columns:
    """A decoded batch. Arrays named `row_…` have one entry a reading, the others one a message, in order of arrival."""

    groups: list[BookKey]
    """The books touched; `group` holds indices into it."""
    group: npt.NDArray[np.int32]
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

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return len(self.source)

    def payload_of(self, message: int) -> bytes:
        """Return the bytes of a message: its own payload, or its line of a bundle."""
        delivery, line = self.source[message]
        return delivery.payload if line < 0 else wire.lines_of(delivery.payload)[line]


@dataclass(slots=True)
class _Builder:
    groups: dict[BookKey, int] = field(default_factory=dict)
    group: list[int] = field(default_factory=list)
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

    def add(self, station: Station, message: Message, receipt: Receipt, line: int) -> None:
        self.group.append(self.groups.setdefault(BookKey(station.name, message.epoch), len(self.groups)))
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

    def add_leniently(self, station: Station, line_bytes: bytes, receipt: Receipt, line: int) -> None:
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
            groups=list(self.groups),
            group=np.array(self.group, np.int32),
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


def decode(receipts: Iterable[Receipt], registry: Registry) -> tuple[Columns, list[Misfitting]]:
    """Decode the readings and bundles of a batch; what has no usable envelope comes back as dead letters.

    Other kinds of topic are for `reports`; they must not be among `receipts`.
    """
    builder = _Builder()
    misfits: list[Misfitting] = []
    stations: dict[str, Station | None] = {}
    for receipt in receipts:
        delivery = receipt.delivery
        topic = delivery.topic
        station = stations[topic] if topic in stations else stations.setdefault(topic, _station(topic, registry))
        if delivery.length != len(delivery.payload):
            misfits.append(Misfitting(_too_large(delivery), receipt.received_us))
        elif station is None:
            misfits.extend(_of_unknown_station(receipt))
        elif topic.endswith("/backfill"):
            misfits.extend(_add_bundle(builder, station, receipt))
        else:
            misfits.extend(_add_line(builder, station, receipt, delivery.payload, -1))
    return builder.columns(), misfits


def _station(topic: str, registry: Registry) -> Station | None:
    try:
        return registry.stations.get(topics.parse(topic).station)
    except topics.BadTopic:
        return None


def _add_bundle(builder: _Builder, station: Station, receipt: Receipt) -> Iterator[Misfitting]:
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


def _add_line(builder: _Builder, station: Station, receipt: Receipt, data: bytes, line: int) -> Iterator[Misfitting]:
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


def _of_unknown_station(receipt: Receipt) -> Iterator[Misfitting]:
    topic, payload = receipt.delivery.topic, receipt.delivery.payload
    try:
        station = topics.parse(topic).station
        reason, found = Misfit.UNKNOWN_STATION, f"station {station} is not configured; quantrac stations apply adds it"
    except topics.BadTopic as error:
        reason, found = Misfit.BAD_TOPIC, str(error)
    for data in wire.lines_of(payload) if topic.endswith("/backfill") else [payload]:
        try:
            message = wire.decode_leniently(data).message
            yield _dead(receipt, data, BadEnvelope(reason, found, message.epoch, message.seq))
        except BadEnvelope as error:
            yield _dead(receipt, data, BadEnvelope(reason, found, error.epoch, error.seq))


def _dead(receipt: Receipt, data: bytes, error: BadEnvelope) -> Misfitting:
    topic = receipt.delivery.topic
    letter = DeadLetter(
        topic, data, error.reason.value, str(error), station_in(topic), error.epoch if error.seq else None, error.seq
    )
    return Misfitting(letter, receipt.received_us)


def _too_large(delivery: Delivery) -> DeadLetter:
    found = f"{delivery.length} bytes, cut to {len(delivery.payload)} on receipt"
    return DeadLetter(
        delivery.topic, delivery.payload, Misfit.TOO_LARGE.value, found, station_in(delivery.topic),
        length=delivery.length, sha256=delivery.sha256,
    )  # fmt: skip
