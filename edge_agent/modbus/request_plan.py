"""The request plan of a device: which registers go into which request, made once from its profile. Pure.

A request on a serial line costs about thirteen bytes and the instrument's answering time whatever it carries, a
register costs two bytes: it is cheaper to read across a small gap than to ask twice. What belongs together (a value
and its status) is read in one request, so that one cannot be newer than the other, unless the unit refuses that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from quantrac.telemetry.errors import QuantracError

REQUEST_OVERHEAD_BYTES: Final = 13
"""A read request (8) and the frame round the registers of its reply (5): MODBUS over serial line V1.02, 6.1-6.4."""

MAX_GAP: Final = 24
"""Never read across more unused registers than this, however fast the line: instruments leave large gaps undefined."""


class Function(Enum):
    """The four read functions; the number is the function code."""

    COIL = 1
    DISCRETE = 2
    HOLDING = 3
    INPUT = 4

    @property
    def is_bits(self) -> bool:
        """Whether one address holds one bit instead of a 16-bit register."""
        return self in (Function.COIL, Function.DISCRETE)


@dataclass(frozen=True, slots=True)
class RegisterSpan:
    """Adjacent addresses (wire addresses, from 0) that must come from one reply."""

    function: Function
    at: int
    count: int

    @property
    def end(self) -> int:
        """First address behind the span."""
        return self.at + self.count

    def covers(self, other: RegisterSpan) -> bool:
        """Whether all of `other` lies within this span."""
        return self.function is other.function and self.at <= other.at and other.end <= self.end


Cuts = Collection[tuple[Function, int]]
"""Addresses that no request may hold together with the one before."""


class PlanError(QuantracError):
    """A span cannot be read in one request."""


def gap_budget(baud: int | None, answer_ms: float, bits_per_character: int = 10) -> int:
    """Return how many unused registers cost less than another request.

    Args:
        baud: line speed, `None` for a network.
        answer_ms: time from the end of a request to the first byte of its reply, with the gap between frames.
        bits_per_character: on the line, start, parity and stop bits counted.
    """
    if baud is None:
        return MAX_GAP
    character_ms = 1000 * bits_per_character / baud
    return min(MAX_GAP, int((REQUEST_OVERHEAD_BYTES * character_ms + answer_ms) / (2 * character_ms)))


def together(spans: Iterable[RegisterSpan], max_count: int, cuts: Cuts = ()) -> list[RegisterSpan]:
    """Return what a signal reads (value, status, check word) as one span where one request can hold it all.

    Spans of different functions, further apart than `max_count`, or on two sides of a cut stay apart.
    """
    joined: list[RegisterSpan] = []
    for span in sorted(set(spans), key=_place):
        both = united(joined[-1], span) if joined and joined[-1].function is span.function else None
        if both is not None and both.count <= max_count and not _is_cut(both, cuts):
            joined[-1] = both
        else:
            joined.append(span)
    return joined


def plan(spans: Iterable[RegisterSpan], max_gap: int, max_count: int, cuts: Cuts = ()) -> list[RegisterSpan]:
    """Group spans into requests; each span lies whole within one of them.

    Args:
        spans: what must be read, each in one piece.
        max_gap: unused registers that a request may read across; sixteen times as many bits.
        max_count: registers a request may ask for; sixteen times as many bits.
        cuts: where no request may read across.

    Raises:
        PlanError: a span is longer than a request may be.
    """
    blocks: list[RegisterSpan] = []
    for span in sorted(set(spans), key=_place):
        unit = 16 if span.function.is_bits else 1
        if span.count > max_count * unit:
            raise PlanError(
                f"{span.count} {span.function.name.lower()} addresses from {span.at} are more than one request holds "
                f"({max_count * unit}); raise max_registers or move the status nearer to its value"
            )
        if blocks and _fits(blocks[-1], span, max_gap * unit, max_count * unit, cuts):
            blocks[-1] = united(blocks[-1], span)
        else:
            blocks.append(span)
    return blocks


@dataclass(frozen=True, slots=True)
class RegisterPart:
    """Requests whose answers belong together, and the signals that come of them."""

    blocks: tuple[RegisterSpan, ...]
    signals: tuple[str, ...]


def parts(
    needs: Mapping[str, Sequence[RegisterSpan]], max_gap: int, max_count: int, cuts: Cuts = ()
) -> list[RegisterPart]:
    """Divide what a device's signals need into parts that can be read, and read again, on their own.

    Signals share a part when they share a request. A signal whose status stands in another function, or too far away,
    takes several requests: they form one part.
    """
    wanted = {name: together(spans, max_count, cuts) for name, spans in needs.items()}
    blocks = plan((span for spans in wanted.values() for span in spans), max_gap, max_count, cuts)
    groups: list[tuple[set[RegisterSpan], list[str]]] = []
    for name, spans in wanted.items():
        used = {next(block for block in blocks if block.covers(span)) for span in spans}
        names = [name]
        for group in [group for group in groups if group[0] & used]:
            groups.remove(group)
            used, names = used | group[0], [*group[1], *names]
        groups.append((used, names))
    made = [RegisterPart(tuple(block for block in blocks if block in used), tuple(names)) for used, names in groups]
    return sorted(made, key=lambda part: blocks.index(part.blocks[0]))


def united(*spans: RegisterSpan) -> RegisterSpan:
    """Return the span from the first address of spans of one function to their last."""
    at = min(span.at for span in spans)
    return RegisterSpan(spans[0].function, at, max(span.end for span in spans) - at)


def _place(span: RegisterSpan) -> tuple[int, int, int]:
    return span.function.value, span.at, span.count


def _is_cut(span: RegisterSpan, cuts: Cuts) -> bool:
    return any(function is span.function and span.at < at < span.end for function, at in cuts)


def _fits(block: RegisterSpan, span: RegisterSpan, max_gap: int, max_count: int, cuts: Cuts) -> bool:
    if block.function is not span.function or span.at - block.end > max_gap:
        return False
    both = united(block, span)
    return both.count <= max_count and not _is_cut(both, cuts)
