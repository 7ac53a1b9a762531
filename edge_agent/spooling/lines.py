"""Lines of the spool: a record encoded as the message that the broker gets, and decoded again. Pure."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from edge_agent.readings.records import SlotRecord
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import MAX_TEXT, STRICT_ERRORS, Message, Milliseconds, WireReading, decode_message, encode

WORDS: Final = tuple(state.word for state in sorted(State))
"""By number; asking a State for its word is a third of the time that a message takes to be encoded."""


class _UncutMessage(Message, frozen=True):
    """A message of an agent that did not yet cut the texts of its events."""

    e: list[tuple[str, str | None, str, Milliseconds]]


_uncut: Final = msgspec.json.Decoder(_UncutMessage)


def line_of(epoch: str, seq: int, record: SlotRecord) -> bytes:
    """Return a record as the message of this seq."""
    readings = [_reading(name, value, state) for name, value, state in record.readings]
    events = [(event.kind, event.device, event.detail[:MAX_TEXT], event.t_ms) for event in record.events]
    return encode(Message(epoch, seq, record.t_ms, readings, events))


def _reading(name: str, value: float | None, state: State) -> WireReading:
    if value is not None and not math.isfinite(value):  # JSON has no word for it
        return name, None, max(state, State.FAULT).word
    return name, value, WORDS[state]


def decode_line(line: bytes) -> Message:
    """Decode a line, texts of its events cut to what the wire takes. Raises STRICT_ERRORS."""
    try:
        return decode_message(line)
    except msgspec.ValidationError:
        found = _uncut.decode(line)
        events = [(kind[:MAX_TEXT], of and of[:MAX_TEXT], detail[:MAX_TEXT], t) for kind, of, detail, t in found.e]
        return decode_message(encode(Message(found.epoch, found.seq, found.t, found.r, events)))


def readable(line: bytes) -> Message | None:
    """Return the message in a line, None if a bit has flipped in it."""
    try:
        return decode_line(line)
    except STRICT_ERRORS:
        return None


def again(message: Message, epoch: str, seq: int) -> bytes:
    """Return a message as a line of another epoch."""
    return encode(Message(epoch, seq, message.t, message.r, message.e))
