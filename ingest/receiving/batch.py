"""A batch: deliveries decoded, checked, and fit to be stored; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.books.report import StationReport
from ingest.receiving import columns, reports
from ingest.receiving.checks import Checked, check
from ingest.receiving.registry import Registry
from quantrac.telemetry.wire import Misfit

CURED_BY_CONFIGURATION = frozenset({Misfit.UNKNOWN_STATION, Misfit.UNKNOWN_CHANNEL, Misfit.BEFORE_SERVICE})
"""Misfits that a newer registry may not see."""
REPORT_ENDINGS = tuple(f"/{kind}" for kind in reports.KINDS)
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
    read, unreadable = reports.read(said, registry)
    return Batch(registry, check(decoded, registry), [*undecoded, *unreadable], read)


def poisoned(receipt: Receipt, registry: Registry, reason: str, found: str) -> Batch:
    """Return the batch that keeps one delivery as a dead letter, whatever is in it."""
    return replace(prepare([], registry), undecoded=[receipt.refused(reason, found)])


def may_be_cured(batch: Batch) -> bool:
    """Tell whether a newer registry might accept what was refused here."""
    reasons = {letter.reason for letter in batch.letters}
    reasons |= {each.reason for letter in batch.letters for each in letter.refused}
    return not CURED_BY_CONFIGURATION.isdisjoint(reasons)
