"""A station's report on itself: a birth, a status or its last will. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.books.receipt import Receipt
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import MAX_EPOCH, MAX_SEQ, Birth, Held, WireError


@dataclass(frozen=True, slots=True)
class StationReport:
    """A birth or status of a known station."""

    station: str
    online: bool
    epochs: dict[str, Held]
    config: str | None
    """The configuration that the edge runs, sha256; None in a status."""
    received_us: int
    said_us: int
    """When it was said: its receipt, but no later than its own time for one that the broker had retained."""


def read(receipt: Receipt) -> StationReport:
    """Read what arrived on a topic of births or statuses. Raises WireError, BadTopic."""
    delivery, received_us = receipt
    topic = topics.parse(delivery.topic)
    decode = wire.decode_birth if topic.kind == "birth" else wire.decode_status
    said = decode(delivery.payload)
    for epoch, held in said.epochs.items():
        _require_sane(epoch, held)
    return StationReport(
        station=topic.station,
        online=True if isinstance(said, Birth) else said.online,
        epochs=said.epochs,
        config=said.config.replace("\x00", "") if isinstance(said, Birth) else None,
        received_us=received_us,
        said_us=max(0, min(received_us, said.t * 1000)) if delivery.retain else received_us,
    )


def _require_sane(epoch: str, held: Held) -> None:
    if not (0 < len(epoch) <= MAX_EPOCH and epoch.isascii() and epoch.isprintable()):
        raise WireError(f"epoch {epoch!r}: expected 1 to {MAX_EPOCH} visible ASCII characters")
    if not (0 <= held.last <= MAX_SEQ and 0 <= held.first <= held.last + 1):
        raise WireError(f"epoch {epoch}: found first {held.first}, last {held.last}, expected 1 <= first <= last + 1")
    if any(not 0 < low <= high <= MAX_SEQ for low, high in held.refused_ranges):
        raise WireError(f"epoch {epoch}: refused holds a number that is no seq")
