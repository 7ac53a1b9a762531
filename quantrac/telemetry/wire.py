"""Wire version 1: the messages between station and centre (docs/wire.md).

Two decoders read a message. The strict one is fast and refuses anything out of the ordinary. What it refuses goes to
the lenient one, which tells an unusable envelope (BadEnvelope) from single readings or events that are refused alone.
Whether a station or channel is known, and whether a time lies in the station's window, is for ingest to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple, TypeGuard, TypeVar

import msgspec

from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.states import STATE_OF_WORD, State

T = TypeVar("T")

MAX_SEQ: Final = 2**53 - 1
"""Largest sequence number: what every JSON parser reads exactly; sums of many fit the database's int8."""
MAX_BUNDLE: Final = 65_536
"""Largest backfill publish, bytes."""
MAX_EPOCH: Final = 64
"""Longest epoch name, characters."""
MAX_TEXT: Final = 2000
"""Longest text of an event, characters."""

Seq = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
Epoch = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EPOCH, pattern=r"^[!-~]+$")]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
"""The database keeps no NUL character."""
Milliseconds = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""Since 1970 UTC."""
WireReading = tuple[str, float | None, str]
"""`[channel name, value or null, state]`"""
WireEvent = tuple[Text, Text | None, Text, Milliseconds]
"""`[kind, device or null, detail, t]`"""


class Misfit(StrEnum):
    """Why a payload, or a part of it, does not fit."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_EPOCH = "no_epoch"
    NO_SEQ = "no_seq"
    BAD_TIME = "bad_time"
    BAD_READINGS = "bad_readings"
    BAD_EVENTS = "bad_events"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BAD_TOPIC = "bad_topic"
    UNKNOWN_STATION = "unknown_station"
    IN_THE_FUTURE = "in_the_future"
    BEFORE_SERVICE = "before_service"
    TOO_OLD = "too_old"
    UNKNOWN_CHANNEL = "unknown_channel"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    UNKNOWN_STATE = "unknown_state"
    VALUE_WITH_COMM = "value_with_comm"
    NULL_WITH_OK = "null_with_ok"
    CHANNEL_TWICE = "channel_twice"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One device and slot, as published on `readings` and, one a line, on `backfill`."""

    epoch: Epoch
    seq: Seq
    t: Milliseconds
    r: list[WireReading]
    e: list[WireEvent] = []


class Held(msgspec.Struct, frozen=True):
    """The range of seq that a spool still holds, and what it has given up sending. `last` 0 = nothing yet."""

    first: int
    last: int
    refused: Sequence[int | tuple[int, int]] = []
    """Single numbers, or ranges `[from, to]` inclusive."""

    @property
    def refused_ranges(self) -> list[tuple[int, int]]:
        """What it has given up, as ranges `(from, to)` inclusive, in the order said."""
        return [(each, each) if isinstance(each, int) else each for each in self.refused]


class Birth(msgspec.Struct, frozen=True):
    """The birth: an edge's report on itself when it connects."""

    epoch: Epoch
    epochs: dict[str, Held]
    t: Milliseconds
    agent: str
    config: str
    channels: list[BirthChannel]


class BirthChannel(msgspec.Struct, frozen=True):
    """A channel as the edge knows it; `interval` in seconds."""

    name: str
    parameter: str
    unit: str
    interval: float


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """Each minute, or the last will (`online` false, without epochs)."""

    online: bool
    t: Milliseconds
    epoch: str = ""
    epochs: dict[str, Held] = {}


class Settled(msgspec.Struct, frozen=True):
    """All seq up to `upto` are settled but the `missing` ranges, each `[from, to]` inclusive."""

    upto: int
    missing: list[tuple[int, int]] = []


class Ack(msgspec.Struct, frozen=True):
    """End-to-end acknowledgement of a station; `t` is the newest receipt it covers."""

    t: Milliseconds
    epochs: dict[str, Settled]


class Refused(NamedTuple):
    """A reading or event that is refused alone."""

    place: str
    """`r[2]`, `e[0]`."""
    found: str
    """What was found there, shortened, with control characters escaped."""
    reason: Misfit


class Lenient(NamedTuple):
    """The readable part of a message that is not entirely right."""

    message: Message
    refused: list[Refused]


class WireError(QuantracError):
    """A payload is not what wire version 1 says."""


class BadEnvelope(WireError):
    """Nothing of the message can be used. Carries what could be read of its identity."""

    def __init__(self, reason: Misfit, found: str, epoch: str | None = None, seq: int | None = None) -> None:
        super().__init__(f"{reason.value}: {found}")
        self.reason = reason
        self.epoch = epoch
        self.seq = seq


_encoder: Final = msgspec.json.Encoder()
_message_decoder: Final = msgspec.json.Decoder(Message)
_EPOCH: Final = re.compile(rf"[!-~]{{1,{MAX_EPOCH}}}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")

STRICT_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the strict decoder raises for anything out of the ordinary."""


def encode(payload: Message | Birth | Status | Ack) -> bytes:
    """Return the compact JSON of a payload. Values must be finite: msgspec would write NaN as null."""
    return _encoder.encode(payload)


def decode_message(line: bytes) -> Message:
    """Decode one message strictly; raises one of STRICT_ERRORS for anything out of the ordinary."""
    _check_utf8(line)
    return _message_decoder.decode(line)


def decode_messages(payload: bytes) -> list[Message]:
    """Decode a bundle strictly, empty lines left out; raises one of STRICT_ERRORS if any line is out of place."""
    _check_utf8(payload)
    return _message_decoder.decode_lines(payload)


def decode_birth(payload: bytes) -> Birth:
    """Decode a birth; raises WireError."""
    return _decode(payload, Birth)


def decode_status(payload: bytes) -> Status:
    """Decode a status; raises WireError."""
    return _decode(payload, Status)


def decode_ack(payload: bytes) -> Ack:
    """Decode an ack; raises WireError."""
    return _decode(payload, Ack)


def _check_utf8(payload: bytes) -> None:
    """Raise UnicodeDecodeError for bytes that are no UTF-8, which msgspec passes over in keys that it does not know."""
    if not payload.isascii():
        payload.decode("utf-8")


def _decode(payload: bytes, struct: type[T]) -> T:
    try:
        _check_utf8(payload)
        return msgspec.json.decode(payload, type=struct)
    except STRICT_ERRORS as error:
        raise WireError(f"{struct.__name__.lower()}: {error}") from error


def bundle(lines: Iterable[bytes], limit: int = MAX_BUNDLE) -> tuple[bytes, int]:
    """Join encoded messages into one backfill payload of at most `limit` bytes.

    Returns:
        The payload and how many lines it holds; a first line that is longer than the limit goes alone.
    """
    taken: list[bytes] = []
    size = 0
    for line in lines:
        if taken and size + 1 + len(line) > limit:
            break
        taken.append(line)
        size += len(line) + (len(taken) > 1)
    return b"\n".join(taken), len(taken)


def lines_of(payload: bytes) -> list[bytes]:
    """Return the lines of a bundle without the empty ones."""
    return [line for line in payload.split(b"\n") if line.strip()]


def decode_leniently(line: bytes) -> Lenient:
    """Read what can be read of a message; raises BadEnvelope when nothing can be used."""
    found = _parse(line)
    epoch, seq = found.get("epoch"), found.get("seq")
    if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        raise BadEnvelope(Misfit.NO_EPOCH, f"epoch {_short(epoch)}, expected 1 to {MAX_EPOCH} visible ASCII characters")
    if not _is_integer(seq) or not 1 <= seq <= MAX_SEQ:
        raise BadEnvelope(Misfit.NO_SEQ, f"seq {_short(seq)}, expected an integer from 1 to {MAX_SEQ}", epoch)
    t = found.get("t")
    if not _is_integer(t) or abs(t) > 2**53:
        raise BadEnvelope(Misfit.BAD_TIME, f"t {_short(t)}, expected milliseconds since 1970", epoch, seq)
    readings, events = found.get("r", []), found.get("e", [])
    if not isinstance(readings, list):
        raise BadEnvelope(Misfit.BAD_READINGS, f"r {_short(readings)}, expected a list", epoch, seq)
    if not readings and not events:
        raise BadEnvelope(Misfit.EMPTY, "neither readings nor events", epoch, seq)
    refused: list[Refused] = []
    if not isinstance(events, list):  # costs the readings nothing
        refused.append(Refused("e", _short(events), Misfit.BAD_EVENTS))
        events = []
    r = [x for i, x in enumerate(readings) if _keep(reading_misfit(x), f"r[{i}]", x, refused)]
    e = [x for i, x in enumerate(events) if _keep(event_misfit(x), f"e[{i}]", x, refused)]
    message = Message(epoch, seq, t, [(name, None if v is None else float(v), s) for name, v, s in r], [*map(tuple, e)])
    return Lenient(message, refused)


def reading_misfit(item: object) -> Misfit | None:
    """Say why a decoded reading cannot be used, or None. Unknown channels and repeats are for ingest to see."""
    match item:
        case [str(), value, str(word)]:
            return value_misfit(value, word)
        case _:
            return Misfit.WRONG_TYPE


def value_misfit(value: object, word: str) -> Misfit | None:
    """Say why a value and a state word do not go together, or None."""
    state = STATE_OF_WORD.get(word)
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
        return Misfit.WRONG_TYPE
    if value is not None and not _is_finite(value):
        return Misfit.NOT_FINITE
    if state is None:
        return Misfit.UNKNOWN_STATE
    if value is not None and state is State.COMM:
        return Misfit.VALUE_WITH_COMM
    if value is None and state is State.OK:
        return Misfit.NULL_WITH_OK
    return None


def event_misfit(item: object) -> Misfit | None:
    """Say why a decoded event cannot be used, or None."""
    match item:
        case [str(kind), (str() | None) as device, str(detail), t] if _is_integer(t) and abs(t) <= 2**53:
            if any(len(text or "") > MAX_TEXT for text in (kind, device, detail)):
                return Misfit.TOO_LARGE
            return None if _is_storable(f"{kind}{device}{detail}") else Misfit.WRONG_TYPE
        case _:
            return Misfit.WRONG_TYPE


def _keep(misfit: Misfit | None, place: str, item: Any, refused: list[Refused]) -> bool:
    if misfit is not None:
        refused.append(Refused(place, _short(item), misfit))
    return misfit is None


def _parse(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadEnvelope(Misfit.NOT_UTF8, f"byte {error.start}: {error.reason}") from error
    try:
        found = json.loads(text)  # reads NaN, Infinity and 1e400, which are no JSON, as floats
    except (ValueError, RecursionError) as error:
        raise BadEnvelope(Misfit.NOT_JSON, str(error)) from error
    if not isinstance(found, dict):
        raise BadEnvelope(Misfit.NOT_AN_OBJECT, _short(found))
    return found


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not _SURROGATE.search(text)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer beyond the largest float
        return False


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
