"""The fate of the messages of a spool: settled, refused, lost. Pure."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.spooling.ranges import RangeSet


class EpochSpan(NamedTuple):
    """The messages of one epoch that the spool holds, as seqs; `last` 0: none yet, `first` > `last`: none left."""

    name: str
    base: int
    """`seq` + `base` is the message's place in the spool."""
    first: int
    last: int


class SpoolFate(NamedTuple):
    """The fate of each message, by place."""

    settled: RangeSet
    """Acknowledged end to end."""
    refused: RangeSet
    """Given up, after five failed sends or at the broker's word."""
    lost: RangeSet
    """Dropped unacknowledged because the spool was full, or unreadable in a damaged file."""

    @classmethod
    def unknown(cls) -> SpoolFate:
        """Nothing is known yet."""
        return cls(RangeSet(), RangeSet(), RangeSet())
