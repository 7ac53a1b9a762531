"""The fate of the messages of a spool: settled, refused, lost. Pure."""

from __future__ import annotations

import json
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
    """What is known of the messages, by place."""

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


def read_fate(saved: str) -> SpoolFate:
    """Return what was saved as JSON; what cannot be read is unknown, and then sent again.

    The centre's next ack says what of it is settled.
    """
    try:
        found = json.loads(saved)
        return SpoolFate(
            *(RangeSet((int(lo), int(hi)) for lo, hi in found.get(name, ())) for name in SpoolFate._fields)
        )
    except (ValueError, TypeError, AttributeError):
        return SpoolFate.unknown()
