"""A batch: deliveries decoded, checked, and fit to be stored; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ingest.books import report
from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.books.report import StationReport
from ingest.receiving import columns
from ingest.receiving.checks import Checked, check
from ingest.receiving.registry import Registry, unknown_station
from quantrac.telemetry.topics import BadTopic
from quantrac.telemetry.wire import Misfit, WireError

CURED_BY_CONFIGURATION = frozenset({Misfit.UNKNOWN_STATION, Misfit.UNKNOWN_CHANNEL, Misfit.BEFORE_SERVICE})
"""Misfits that a newer registry may not see."""
REPORT_ENDINGS = ("/birth", "/status")
"""How the topics of births and statuses end."""


@dataclass(slots=True)
class Batch:
    """What a number of deliveries came to; `registry` is the one it was checked against."""

    registry: Registry
    checked: Checked
    undecoded: list[DeadLetter]
    """What is no message: its envelope was refused. What was refused of messages is in `checked`."""
    reports: list[StationReport]

    @property
    def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return [*self.undecoded, *self.checked.misfits]


def prepare(receipts: Iterable[Receipt], registry: Registry) -> Batch:
    """Decode and check deliveries."""
    data: list[Receipt] = []
    said: list[Receipt] = []
    for receipt in receipts:
        (said if receipt.delivery.topic.endswith(REPORT_ENDINGS) else data).append(receipt)
    decoded, undecoded = columns.decode(data, registry)
    reports, unreadable = _reports(said, registry)
    return Batch(registry, check(decoded, registry), [*undecoded, *unreadable], reports)


def _reports(receipts: Iterable[Receipt], registry: Registry) -> tuple[list[StationReport], list[DeadLetter]]:
    """Read births and statuses; those of unknown stations, and what is none, come back as dead letters."""
    reports: list[StationReport] = []
    misfits: list[DeadLetter] = []
    for receipt in receipts:
        if receipt.station not in registry.stations:
            misfits.append(receipt.refused(Misfit.UNKNOWN_STATION.value, unknown_station(receipt.station), recurs=True))
            continue
        try:
            reports.append(report.read(receipt))
        except (WireError, BadTopic) as error:
            misfits.append(receipt.refused(Misfit.WRONG_TYPE.value, str(error)))
    return reports, misfits


def poisoned(receipt: Receipt, registry: Registry, reason: str, found: str) -> Batch:
    """Return the batch that keeps one delivery as a dead letter, whatever is in it."""
    return replace(prepare([], registry), undecoded=[receipt.refused(reason, found)])


def may_be_cured(batch: Batch) -> bool:
    """Tell whether a newer registry might accept what was refused here."""
    reasons = {letter.reason for letter in batch.letters}
    reasons |= {each.reason for letter in batch.letters for each in letter.refused}
    return not CURED_BY_CONFIGURATION.isdisjoint(reasons)
