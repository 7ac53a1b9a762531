"""Signals in registers: where each stands, and its value with the device's own state. No sentinel is a number.

Pure. What was read of a device in one sample lies in `SampledRegisters`; `decode` makes one signal of it. The order is
that of `quantrac.config.profiles`: raw number → missing, status → scale, offset → range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from edge_agent.modbus import codec
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, measured
from quantrac.config.modbus import Directory, ModbusProfile, ModbusSignal, ModbusStatus, ScaleWord
from quantrac.telemetry.states import State, worst

TAI64_EPOCH: Final = 1 << 62
"""TAI64 label of 1970-01-01 00:00:00 TAI (cr.yp.to/libtai/tai64.html)."""
TAI_AHEAD_S: Final = 37
"""TAI - UTC since 2017; no leap second has been announced since (IERS Bulletin C)."""
MOST_POWER: Final = 30
"""A scale register that holds a larger power of ten holds something else."""
FUNCTION_OF_TABLE: Final = {
    "coil": Function.COIL,
    "discrete": Function.DISCRETE,
    "holding": Function.HOLDING,
    "input": Function.INPUT,
}


class SampledRegisters:
    """Registers and bits of one device as read in one sample."""

    def __init__(self) -> None:
        self._words: dict[tuple[Function, int], int] = {}

    def put(self, span: RegisterSpan, words: Sequence[int]) -> None:
        """Note what a span held."""
        for offset, word in enumerate(words):
            self._words[span.function, span.at + offset] = word

    def get(self, span: RegisterSpan) -> list[int] | None:
        """Return what a span held, None unless all of it was read."""
        words = [self._words.get((span.function, address)) for address in range(span.at, span.end)]
        return None if None in words else [word for word in words if word is not None]


class StatusWord(NamedTuple):
    """Where a status stands, and the table that says what it means."""

    span: RegisterSpan
    table: str
    mask: int | None = None


class CheckWord(NamedTuple):
    """A register (the last of its span) that must hold a number."""

    span: RegisterSpan
    is_: int
    mask: int | None = None


class ScalePlace(NamedTuple):
    """Where what scales a value stands, and what it means."""

    span: RegisterSpan
    word: ScaleWord


class Fields(NamedTuple):
    """Where one signal stands, in wire addresses."""

    value: RegisterSpan
    statuses: tuple[StatusWord, ...]
    checks: tuple[CheckWord, ...]
    age: RegisterSpan | None = None
    """Where the instrument's own time stands."""
    scale: ScalePlace | None = None


def directory_spans(profile: ModbusProfile) -> RegisterSpan | None:
    """Return where the list of parameter codes stands, None for a device without one."""
    directory = profile.directory
    if directory is None:
        return None
    return RegisterSpan(FUNCTION_OF_TABLE[directory.read], profile.wire(directory.at), directory.count)


def listed_codes(sampled: SampledRegisters, profile: ModbusProfile) -> tuple[int, ...]:
    """Return the codes of the directory as far as they were read, up to the one that ends the list."""
    span = directory_spans(profile)
    codes: list[int] = []
    for address in range(span.at, span.end) if span else ():
        word = sampled.get(RegisterSpan(span.function, address, 1)) if span else None
        if not word or (profile.directory and word[0] == profile.directory.end):
            break
        codes.append(word[0])
    return tuple(codes)


def locate(profile: ModbusProfile, signal: ModbusSignal, codes: Sequence[int]) -> Fields | None:
    """Return where a signal stands; None if its code is not in the device's directory."""
    if signal.code is not None:
        return _located_by_code(profile, signal, codes)
    assert signal.at is not None
    value = RegisterSpan(FUNCTION_OF_TABLE[signal.read], profile.wire(signal.at), signal.words)
    statuses = (StatusWord(_status_span(profile, value, status), status.table, status.mask) for status in signal.status)
    checks = (
        CheckWord(
            RegisterSpan(value.function, _place(profile, value, check.at, check.offset), 1), check.is_, check.mask
        )
        for check in signal.expect_word
    )
    age = RegisterSpan(value.function, profile.wire(signal.age.at), signal.age.words) if signal.age else None
    return Fields(value, tuple(statuses), tuple(checks), age, _scale_place(profile, value, signal))


def spans(fields: Fields) -> Iterator[RegisterSpan]:
    """Return what must be read for a signal."""
    yield fields.value
    yield from (status.span for status in fields.statuses)
    yield from (check.span for check in fields.checks)
    if fields.age is not None:
        yield fields.age
    if fields.scale is not None:
        yield fields.scale.span


def decode(profile: ModbusProfile, name: str, sampled: SampledRegisters, now_ms: int | None = None) -> Measured | None:
    """Return a signal, in its own unit, of what was read; None if not all of its registers were.

    With `now_ms` (milliseconds since 1970 UTC) what the instrument measured too long ago is not taken for new.
    """
    signal = profile.signals[name]
    fields = locate(profile, signal, listed_codes(sampled, profile))
    if fields is None:
        listed = [*listed_codes(sampled, profile)]
        why = f"code {signal.code} is not plugged in; there are {listed}"
        return NO_MEASUREMENT._replace(why=why) if listed else None
    words = sampled.get(fields.value)
    if words is None or any(sampled.get(span) is None for span in spans(fields)):
        return None
    for check in fields.checks:
        if _masked(_words(sampled, check.span)[-1], check.mask) != check.is_:
            return NO_MEASUREMENT._replace(why=f"register {check.span.end - 1} does not hold what the profile expects")
    if signal.age and fields.age and now_ms is not None:
        measured_ms = _time_ms(_words(sampled, fields.age), signal.age.type)
        if now_ms - measured_ms > signal.age.most_ms:
            return Measured(None, State.COMM, f"its newest measurement is {(now_ms - measured_ms) / 1000:.0f} s old")
    state = worst(
        profile.states[status.table].state_of(int(_masked(_word(signal, status.span, sampled), status.mask)))
        for status in fields.statuses
    )
    try:
        return measured(signal, _number(signal, words), state, _factor(fields.scale, sampled))
    except (codec.CodecError, ValueError):  # digits that are none
        return Measured(None, worst((state, State.FAULT)), "the registers hold no number")


def _time_ms(words: Sequence[int], kind: str) -> int:
    """Return a time in registers, milliseconds since 1970 UTC."""
    if kind == "unix32":
        return int(codec.decode(words, "uint32")) * 1000
    return (int(codec.decode(words, "uint64")) - TAI64_EPOCH - TAI_AHEAD_S) * 1000


def _number(signal: ModbusSignal, words: Sequence[int]) -> float:
    """Return the number in a signal's registers; raises CodecError or ValueError if there is none."""
    if signal.type == "bit":
        return words[0]
    if signal.type == "text":
        return float(codec.decode_text(words, signal.order))
    return _masked(codec.decode(words, signal.type, signal.order), signal.mask)


def _factor(scale: ScalePlace | None, sampled: SampledRegisters) -> float:
    """Return what a value is multiplied by; raises CodecError if its register holds no factor."""
    if scale is None:
        return 1.0
    number = float(codec.decode(_words(sampled, scale.span), scale.word.type, scale.word.order))
    power = number if scale.word.means == "exponent" else -number
    if not math.isfinite(number) or number in scale.word.missing:
        raise codec.CodecError(f"{number} scales nothing")
    if scale.word.means in ("exponent", "decimals"):
        if abs(power) > MOST_POWER:
            raise codec.CodecError(f"10 to the {power:g} is no scale")
        return float(10.0**power)
    if scale.word.means == "divisor" and number == 0:
        raise codec.CodecError("a divisor of 0")
    return number if scale.word.means == "factor" else 1 / number


def _masked(number: int | float, mask: int | None) -> int | float:
    return number if mask is None else codec.bits(int(number), mask)


def _words(sampled: SampledRegisters, span: RegisterSpan) -> list[int]:
    return sampled.get(span) or []


def _word(signal: ModbusSignal, span: RegisterSpan, sampled: SampledRegisters) -> int:
    """Return a status as one word; of bits the first is bit 0."""
    words = _words(sampled, span)
    if span.function.is_bits:
        return sum(bit << place for place, bit in enumerate(words))
    return words[0] if len(words) == 1 else int(codec.decode(words, "uint32", signal.order))


def _located_by_code(profile: ModbusProfile, signal: ModbusSignal, codes: Sequence[int]) -> Fields | None:
    directory = profile.directory
    if directory is None or signal.code not in codes:
        return None
    index = codes.index(signal.code)
    function = FUNCTION_OF_TABLE[directory.read]
    value = RegisterSpan(function, profile.wire(directory.values.at) + index * directory.values.stride, signal.words)
    return Fields(
        value,
        _directory_status(profile, directory, index),
        (CheckWord(RegisterSpan(function, profile.wire(directory.at), index + 1), codes[index]),),
        scale=_scale_place(profile, value, signal),
    )


def _directory_status(profile: ModbusProfile, directory: Directory, index: int) -> tuple[StatusWord, ...]:
    if directory.status is None or directory.table is None:
        return ()
    at = profile.wire(directory.status.at) + index * directory.status.stride
    return (StatusWord(RegisterSpan(FUNCTION_OF_TABLE[directory.read], at, 1), directory.table),)


def _status_span(profile: ModbusProfile, value: RegisterSpan, status: ModbusStatus) -> RegisterSpan:
    function = FUNCTION_OF_TABLE[status.read] if status.read else value.function
    at = _place(profile, value, status.at, status.offset)
    if function.is_bits:
        return RegisterSpan(function, at, status.count)
    return RegisterSpan(function, at, codec.width(status.type))


def _scale_place(profile: ModbusProfile, value: RegisterSpan, signal: ModbusSignal) -> ScalePlace | None:
    word = signal.scaled_by
    if word is None:
        return None
    function = FUNCTION_OF_TABLE[word.read] if word.read else value.function
    at = _place(profile, value, word.at, word.offset)
    return ScalePlace(RegisterSpan(function, at, codec.width(word.type)), word)


def _place(profile: ModbusProfile, value: RegisterSpan, at: int | None, offset: int | None) -> int:
    return profile.wire(at) if at is not None else value.at + (offset or 0)
