"""Decodes births, statuses and last wills."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.books.report import StationReport
from ingest.receiving.registry import Registry
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import MAX_EPOCH, MAX_SEQ, Birth, Held, Misfit, WireError

KINDS: Final = ("birth", "status")


def read(receipts: Iterable[Receipt], registry: Registry) -> tuple[list[StationReport], list[DeadLetter]]:
    """Read births and statuses; those of unknown stations, and what is none, come back as dead letters."""
    reports: list[StationReport] = []
    misfits: list[DeadLetter] = []
    for receipt in receipts:
        if receipt.station not in registry.stations:
            found = f"station {receipt.station} is not configured; quantrac stations apply adds it"
            misfits.append(receipt.refused(Misfit.UNKNOWN_STATION.value, found, recurs=True))
            continue
        try:
            reports.append(_report(receipt))
        except (WireError, topics.BadTopic) as error:
            misfits.append(receipt.refused(Misfit.WRONG_TYPE.value, str(error)))
    return reports, misfits


def _report(receipt: Receipt) -> StationReport:
    delivery, received_us = receipt
    topic = topics.parse(delivery.topic)
    birth = topic.kind == "birth"
    said = wire.decode_birth(delivery.payload) if birth else wire.decode_status(delivery.payload)
    for epoch, held in said.epochs.items():
        _require_sane(epoch, held)
    return StationReport(
        station=topic.station,
        birth=birth,
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
