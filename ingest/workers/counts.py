"""The metrics of ingest."""

from __future__ import annotations

from typing import Final

from ingest.receiving.inbox import Inbox
from ingest.storing.transaction import Stored
from quantrac.observe import metrics

MESSAGES: Final = metrics.counter(
    "quantrac_ingest_messages_total", "Messages by what became of them: new, duplicate, rejected", ["outcome"]
)
READINGS: Final = metrics.counter("quantrac_ingest_readings_total", "Readings added to the database")
CONFLICTS: Final = metrics.counter("quantrac_ingest_conflicts_total", "Messages with a second value for a key")
DEAD_LETTERS: Final = metrics.counter("quantrac_ingest_dead_letters_total", "Dead letters, partial ones included")
LATENCY: Final = metrics.histogram("quantrac_ingest_latency_seconds", "From a batch's first receipt to its commit")
STAGES: Final = metrics.histogram(
    "quantrac_ingest_stage_seconds", "What a batch takes: prepare, store (with its commit), acknowledge", ["stage"]
)
BATCH: Final = metrics.histogram(
    "quantrac_ingest_batch_messages", "Deliveries of a batch", buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
)
ACKS: Final = metrics.counter("quantrac_ingest_acks_total", "Acks published to stations")
WAITING: Final = metrics.gauge("quantrac_ingest_waiting_messages", "Deliveries received and not yet taken")
WAITING_BYTES: Final = metrics.gauge("quantrac_ingest_waiting_bytes", "Memory of the deliveries that wait")
STALE: Final = metrics.gauge(
    "quantrac_ingest_stale_acknowledgements", "Acknowledgements that came too late for their connection"
)
PICTURES: Final = metrics.counter(
    "quantrac_ingest_pictures_total", "Pictures by what became of them: new, duplicate, rejected", ["outcome"]
)


def account(inbox: Inbox, lag_s: float, stale: int) -> None:
    """Show how ingest keeps up."""
    LATENCY.observe(lag_s)
    WAITING.set(inbox.depth)
    WAITING_BYTES.set(inbox.bytes)
    STALE.set(stale)


def stages(batch: int, **seconds: float) -> None:
    """Show what the stages of a batch of so many deliveries took."""
    BATCH.observe(batch)
    for stage, took_s in seconds.items():
        STAGES.labels(stage).observe(took_s)


def count(stored: Stored) -> None:
    """Count what a transaction did."""
    MESSAGES.labels("new").inc(stored.new)
    MESSAGES.labels("duplicate").inc(stored.duplicate)
    MESSAGES.labels("rejected").inc(stored.rejected)
    READINGS.inc(stored.readings)
    CONFLICTS.inc(stored.conflict)
    DEAD_LETTERS.inc(stored.dead_letters)
