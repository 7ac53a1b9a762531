"""Refused spans: the registers that a unit does not have, and where one request may not read on. Pure.

A unit that lacks one register refuses the whole request that holds it (exception 2; some say 3). Such a block is halved
until what is refused is one span that cannot be divided, which is absent, or until both halves come, between which no
request reads on from then. Absent spans are asked for alone, one a sample in turn: when one of them answers, the
instrument has changed, and all of this is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edge_agent.modbus.request_plan import Function, RegisterSpan, united

DIVIDED: Final = (2, 3)
"""Exceptions that a smaller request can escape: no such address, or a number of registers that is not allowed (MODBUS
application protocol V1.1b3, 7)."""


def divided(block: RegisterSpan, spans: Iterable[RegisterSpan]) -> list[RegisterSpan]:
    """Return what to ask for instead of a block: its halves, cut between the spans that are wanted of it.

    Of a block that is itself wanted in one piece: what else is wanted of it.
    """
    wanted = sorted({span for span in spans if block.covers(span)}, key=lambda span: (span.at, span.count))
    if block in wanted:
        return [span for span in wanted if span != block]
    for middle in sorted(range(1, len(wanted)), key=lambda place: abs(2 * place - len(wanted))):
        both = [united(*wanted[:middle]), united(*wanted[middle:])]
        if block not in both:
            return both
    return []


class RefusedSpans:
    """The spans that one unit has refused so far."""

    def __init__(self) -> None:
        self.absent: dict[RegisterSpan, str] = {}
        """Spans that it does not have, and its refusal; in the order in which they are asked for again."""
        self.cuts: set[tuple[Function, int]] = set()
        """Where no request may read on."""

    def note_absent(self, span: RegisterSpan, why: str) -> None:
        """Note that a span was refused alone; it is asked for again behind the others."""
        self.absent.pop(span, None)
        self.absent[span] = why
        self.cuts |= {(span.function, span.at), (span.function, span.end)}

    def note_cut(self, behind: RegisterSpan) -> None:
        """Note that a block was refused and both its halves came, of which `behind` is the second."""
        self.cuts.add((behind.function, behind.at))

    def why(self, spans: Iterable[RegisterSpan]) -> str | None:
        """Return the refusal of a signal that stands in these spans, None if all of them may be asked for."""
        return next((why for absent, why in self.absent.items() for span in spans if span.covers(absent)), None)
