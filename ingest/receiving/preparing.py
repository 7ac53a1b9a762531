"""From deliveries to a batch that is fit to store; no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.books import reports
from ingest.receiving import columns
from ingest.receiving.checks import check
from ingest.receiving.receipt import Receipt
from ingest.receiving.registry import Registry
from ingest.storing.batch import Batch
from quantrac.telemetry.wire import Misfit

CURED_BY_CONFIGURATION = frozenset({Misfit.UNKNOWN_STATION, Misfit.UNKNOWN_CHANNEL, Misfit.BEFORE_SERVICE})
"""Misfits that a newer registry may not see."""
REPORT_ENDINGS = tuple(f"/{kind}" for kind in reports.KINDS)
"""How the topics of births and statuses end."""


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
