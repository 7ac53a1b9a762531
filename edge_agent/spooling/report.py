"""The report on a spool in numbers, for people and programs. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from edge_agent.spooling.fate import EpochSpan, SpoolFate
from edge_agent.spooling.ranges import Range, RangeSet


class EpochReport(NamedTuple):
    """One epoch; `produced` (its highest seq) = acknowledged + refused + lost + waiting."""

    epoch: str
    first: int
    """Lowest seq still held."""
    produced: int
    acknowledged: int
    refused: int
    lost: int
    waiting: int


class SpoolReport(NamedTuple):
    """The spool of a station."""

    station: str
    running: bool
    connected: bool
    epoch: str
    produced: int
    acknowledged: int
    refused: int
    lost: int
    waiting: int
    in_memory: int
    """Records not yet written, while the disk is full."""
    undated: int
    """Records made before the clock could be believed: they have no seq yet."""
    used_bytes: int
    size_bytes: int
    unstored: int
    """Records lost from memory while the disk was full, since the spool was made: they never had a seq."""
    disk: str
    """`ok`, or what is wrong with it."""
    epochs: list[EpochReport]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**self._asdict(), "epochs": [each._asdict() for each in self.epochs]}


def epoch_report(span: EpochSpan, fate: SpoolFate) -> EpochReport:
    """Count the fate of one epoch's messages."""
    lo, hi = span.base + 1, span.base + span.last
    refused = fate.refused.minus(fate.settled)
    lost = fate.lost.minus(fate.settled).minus(fate.refused)
    return EpochReport(
        span.name,
        span.first,
        span.last,
        acknowledged=_count(fate.settled.within(lo, hi)),
        refused=_count(refused.within(lo, hi)),
        lost=_count(lost.within(lo, hi)),
        waiting=waiting(fate, lo, hi),
    )


def report(
    station: str,
    spans: list[EpochSpan],
    fate: SpoolFate,
    *,
    used_bytes: int,
    size_bytes: int,
    running: bool = False,
    connected: bool = False,
    in_memory: int = 0,
    undated: int = 0,
    unstored: int = 0,
    disk: str = "ok",
) -> SpoolReport:
    """Count the fate of all messages the spool ever made."""
    epochs = [epoch_report(span, fate) for span in spans]
    return SpoolReport(
        station,
        running,
        connected,
        spans[-1].name if spans else "",
        produced=sum(each.produced for each in epochs),
        acknowledged=sum(each.acknowledged for each in epochs),
        refused=sum(each.refused for each in epochs),
        lost=sum(each.lost for each in epochs),
        waiting=sum(each.waiting for each in epochs),
        in_memory=in_memory,
        undated=undated,
        unstored=unstored,
        used_bytes=used_bytes,
        size_bytes=size_bytes,
        disk=disk,
        epochs=epochs,
    )


def waiting(fate: SpoolFate, lo: int, hi: int) -> int:
    """Return how many places of `lo` to `hi` are neither acknowledged nor given up."""
    still_open = RangeSet(fate.settled.gaps(lo, hi))
    for given_up in (fate.refused, fate.lost):
        for part in given_up.within(lo, hi):
            still_open.remove(*part)
    return still_open.count()


def _count(parts: list[Range]) -> int:
    return sum(part.hi - part.lo + 1 for part in parts)
