"""What a station says of itself: births, statuses and last wills, into the books and the station's row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest.books.dead_letter import DeadLetter
from ingest.books.ledger import moment
from ingest.receiving.columns import Misfitting, station_in
from ingest.receiving.receipt import Receipt
from ingest.receiving.registry import Registry
from quantrac.database.pool import Connection
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import MAX_EPOCH, MAX_SEQ, Birth, Held, Misfit, WireError

REPORT = """
insert into ledger as l (station, epoch, first, last, refused_reported, reported_at, last_seen_at, lost)
values (%(station)s, %(epoch)s, %(first)s, %(last)s, %(refused)s::int8multirange, %(at)s, %(seen)s,
        int8multirange(int8range(1, greatest(%(first)s, 1))) - %(refused)s::int8multirange)
on conflict (station, epoch) do update set
  first = excluded.first, last = excluded.last, refused_reported = excluded.refused_reported,
  reported_at = excluded.reported_at, last_seen_at = greatest(l.last_seen_at, excluded.last_seen_at),
  lost = l.lost + excluded.lost - l.stored - l.dead - excluded.refused_reported
where l.reported_at is null or l.reported_at <= excluded.reported_at
"""
ONLINE = """
update station set status_online = %(online)s, status_at = %(at)s,
  config_reported = coalesce(%(config)s, config_reported)
where station = %(station)s and (status_at is null or status_at <= %(at)s)
"""
KINDS: Final = ("birth", "status")


@dataclass(frozen=True, slots=True)
class Report:
    """A birth or status of a known station."""

    station: str
    birth: bool
    online: bool
    epochs: dict[str, Held]
    config: str | None
    """The configuration that the edge runs, sha256; None in a status."""
    received_us: int
    said_us: int
    """When it was said: its receipt, but no later than its own time for one that the broker had retained."""


def read(receipts: Iterable[Receipt], registry: Registry) -> tuple[list[Report], list[Misfitting]]:
    """Read births and statuses; those of unknown stations, and what is none, come back as dead letters."""
    reports: list[Report] = []
    misfits: list[Misfitting] = []
    for receipt in receipts:
        station = station_in(receipt.delivery.topic)
        if station not in registry.stations:
            found = f"station {station} is not configured; quantrac stations apply adds it"
            misfits.append(_dead(receipt, Misfit.UNKNOWN_STATION, found, recurs=True))
            continue
        try:
            reports.append(_report(receipt))
        except (WireError, topics.BadTopic) as error:
            misfits.append(_dead(receipt, Misfit.WRONG_TYPE, str(error)))
    return reports, misfits


def _report(receipt: Receipt) -> Report:
    delivery, received_us = receipt
    topic = topics.parse(delivery.topic)
    birth = topic.kind == "birth"
    said = wire.decode_birth(delivery.payload) if birth else wire.decode_status(delivery.payload)
    for epoch, held in said.epochs.items():
        _require_sane(epoch, held)
    return Report(
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


def _dead(receipt: Receipt, reason: Misfit, found: str, *, recurs: bool = False) -> Misfitting:
    delivery = receipt.delivery
    letter = DeadLetter(
        delivery.topic, delivery.payload, reason.value, found, station_in(delivery.topic),
        length=delivery.length, sha256=delivery.sha256, recurs=recurs,
    )  # fmt: skip
    return Misfitting(letter, receipt.received_us)


def store(conn: Connection, reports: Iterable[Report]) -> None:
    """Write reports into the books and the stations, in order of arrival."""
    for report in reports:
        # A will, and a goodbye, are no sign of life.
        seen = moment(report.said_us) if report.online else None
        for epoch, held in sorted(report.epochs.items()):
            conn.execute(
                REPORT,
                {
                    "station": report.station,
                    "epoch": epoch,
                    "first": held.first,
                    "last": held.last,
                    "refused": "{" + ",".join(f"[{low},{high}]" for low, high in held.refused_ranges) + "}",
                    "at": moment(report.said_us),
                    "seen": seen,
                },
            )
        conn.execute(
            ONLINE,
            {
                "online": report.online,
                "at": moment(report.said_us),
                "config": report.config,
                "station": report.station,
            },
        )
