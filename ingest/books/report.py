"""A station's report on itself: a birth, a status or its last will. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ingest.books.receipt import Receipt
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import MAX_EPOCH, MAX_SEQ, Birth, Held, WireError

MOST_EPOCHS: Final = 100
"""Spools that a report may name: a station holds one or two, and each costs a statement."""
MOST_REFUSED: Final = 2000
"""Ranges of seqs given up that an epoch may have in a report."""


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
    lives: bool
    """Whether the station lived then: a will and a goodbye are no sign of life, nor is what was retained from a station
    whose clock was ahead, as often as it comes."""


def read(receipt: Receipt) -> StationReport:
    """Read what arrived on a topic of births or statuses. Raises WireError, BadTopic."""
    delivery, received_us = receipt.delivery, receipt.received_us
    topic = topics.parse(delivery.topic)
    decode = wire.decode_birth if topic.kind == "birth" else wire.decode_status
    said = decode(delivery.payload)
    if len(said.epochs) > MOST_EPOCHS:
        raise WireError(f"{len(said.epochs)} epochs, expected at most {MOST_EPOCHS}")
    for epoch, held in said.epochs.items():
        _require_sane(epoch, held)
    online = True if isinstance(said, Birth) else said.online
    return StationReport(
        station=topic.station,
        online=online,
        epochs=said.epochs,
        config=said.config.replace("\x00", "") if isinstance(said, Birth) else None,
        received_us=received_us,
        said_us=max(0, min(received_us, said.t * 1000)) if delivery.retain else received_us,
        lives=online and not (delivery.retain and said.t * 1000 > received_us),
    )


def newest(reports: Iterable[StationReport]) -> list[StationReport]:
    """Return each station's last report while online and its last will, with what each epoch reported last."""
    found: dict[tuple[str, bool], StationReport] = {}
    for each in sorted(reports, key=lambda each: each.said_us):
        before = found.get((each.station, each.online), each)
        found[each.station, each.online] = replace(
            each,
            epochs={**before.epochs, **each.epochs},
            config=before.config if each.config is None else each.config,
            received_us=max(before.received_us, each.received_us),
        )
    return sorted(found.values(), key=lambda each: each.said_us)


def _require_sane(epoch: str, held: Held) -> None:
    if not (0 < len(epoch) <= MAX_EPOCH and epoch.isascii() and epoch.isprintable()):
        raise WireError(f"epoch {epoch!r}: expected 1 to {MAX_EPOCH} visible ASCII characters")
    if not (0 <= held.last <= MAX_SEQ and 0 <= held.first <= held.last + 1):
        raise WireError(f"epoch {epoch}: found first {held.first}, last {held.last}, expected 1 <= first <= last + 1")
    if len(held.refused) > MOST_REFUSED:
        raise WireError(f"epoch {epoch}: {len(held.refused)} ranges refused, expected at most {MOST_REFUSED}")
    if any(not 0 < low <= high <= MAX_SEQ for low, high in held.refused_ranges):
        raise WireError(f"epoch {epoch}: refused holds a number that is no seq")
