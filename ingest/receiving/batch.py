"""A batch: deliveries decoded, checked, and fit to be stored; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.books.dead_letter import Misfitting
from ingest.books.receipt import Receipt
from ingest.books.reports import Report
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
    misfits: list[Misfitting]
    """Dead letters whose envelope was refused; those of refused readings are in `checked`."""
    reports: list[Report]


def prepare(receipts: Iterable[Receipt], registry: Registry) -> Batch:
    """Decode and check deliveries."""
    data: list[Receipt] = []
    said: list[Receipt] = []
    for receipt in receipts:
        (said if receipt.delivery.topic.endswith(REPORT_ENDINGS) else data).append(receipt)
    decoded, misfits = columns.decode(data, registry)
    read, unreadable = reports.read(said, registry)
    return Batch(registry, check(decoded, registry), [*misfits, *unreadable], read)


def may_be_cured(batch: Batch) -> bool:
    """Tell whether a newer registry might accept what was refused here."""
    letters = [each.letter for each in (*batch.misfits, *batch.checked.misfits)]
    reasons = {letter.reason for letter in letters} | {each.reason for letter in letters for each in letter.refused}
    return not CURED_BY_CONFIGURATION.isdisjoint(reasons)
