"""Profiles of Modbus instruments: registers, byte orders, status words, and directories of parameter codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.fields import Flag, Model, PositiveDuration, Real, Snake, Span, Whole, refused, several
from quantrac.config.frames import HexFrame
from quantrac.config.profiles import Action, DeviceProfile, HexGolden, Signal, exactly_one

RegisterTable = Literal["holding", "input", "coil", "discrete"]
"""Function codes 03, 04, 01, 02."""
WordType = Literal[
    "bit", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64",
    "bcd16", "bcd32", "text",
]  # fmt: skip
WORDS_OF_TYPE: Final[dict[str, int]] = {
    "bit": 1, "uint8": 1, "int8": 1, "uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "float32": 2,
    "uint64": 4, "int64": 4, "float64": 4, "bcd16": 1, "bcd32": 2,
}  # fmt: skip
MASKABLE: Final = ("uint16", "uint32")
"""Types of which a mask may select some bits."""
WHOLE_NUMBERS: Final = frozenset(WORDS_OF_TYPE) - {"bit", "float32", "float64"}
LARGEST_FLOAT32: Final = 3.402823e38
STEP_TOLERANCE: Final = 1e-6
Mask = Annotated[Whole, Field(gt=0, le=0xFFFF_FFFF)]
"""The bits of a word that count, shifted down to the lowest: `0x0F00` of 0x4200 is 2."""
Offset = Annotated[Whole, Field(ge=-125, le=125)]
"""Registers from the first of the value; negative: before it."""
ByteOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]


class ModbusStatus(Model):
    """Where a signal's status stands: `at` an address of its own, or `offset` registers after the signal's first."""

    at: Whole | None = Field(default=None, ge=0, le=65535)
    offset: Offset | None = None
    read: RegisterTable | None = None
    """None: the table of the signal."""
    type: Literal["uint16", "uint32"] = "uint16"
    mask: Mask | None = None
    count: Whole = Field(default=1, ge=1, le=64)
    """Of discrete inputs or coils read as one word, the first is bit 0; with registers always 1."""
    table: Snake
    """Name of a table under `states`."""

    _place = exactly_one("at", "offset")


class WordCheck(Model):
    """A register that must hold a certain number (a unit or parameter code), else the reading is null, `fault`."""

    at: Whole | None = Field(default=None, ge=0, le=65535)
    offset: Offset | None = None
    mask: Mask | None = None
    is_: Whole = Field(alias="is")

    _place = exactly_one("at", "offset")


class ScaleWord(Model):
    """A register of the same unit that scales the value, such as the scale factors of SunSpec's models."""

    at: Whole | None = Field(default=None, ge=0, le=65536)
    offset: Offset | None = None
    read: RegisterTable | None = None
    """None: the table of the signal."""
    type: Literal["uint8", "int8", "uint16", "int16", "float32"] = "int16"
    order: ByteOrder = "ABCD"
    means: Literal["factor", "divisor", "exponent", "decimals"]
    """What is done with its number n: value times n, value / n, value times 10**n, value / 10**n."""
    missing: tuple[Real, ...] = ()
    """Numbers that mean "no value" (-32768): null, `fault`."""

    _place = exactly_one("at", "offset")


class Age(Model):
    """The instrument's own time of measurement: when it is older than `most`, the reading is null, `comm`."""

    at: Whole = Field(ge=0, le=65536)
    type: Literal["tai64", "unix32"]
    """`tai64`: four registers, 2**62 + TAI seconds since 1970; `unix32`: two registers, UTC seconds since 1970."""
    most_ms: PositiveDuration = Field(alias="most")

    @property
    def words(self) -> int:
        """Registers that it takes."""
        return {"tai64": 4, "unix32": 2}[self.type]


Statuses = Annotated[tuple[ModbusStatus, ...], BeforeValidator(several, json_schema_input_type=Any)]
Checks = Annotated[tuple[WordCheck, ...], BeforeValidator(several, json_schema_input_type=Any)]


class ModbusSignal(Signal):
    """A number in registers or bits, `at` a fixed address, or found by `code` through the profile's directory."""

    at: Whole | None = Field(default=None, ge=0, le=65536)
    """Address as the manual counts; `ModbusProfile.wire` turns it into the address on the wire."""
    code: Whole | None = Field(default=None, ge=0, le=65535)
    read: RegisterTable = "holding"
    type: WordType
    order: ByteOrder = "ABCD"
    mask: Mask | None = None
    registers: Whole | None = Field(default=None, ge=1, le=32)
    """Of `type: text`, a number written in letters: how many registers it takes, two characters each."""
    status: Statuses = ()
    """What the device says of the value: all of it is read before the value, and the worst counts."""
    expect_word: Checks = ()
    scaled_by: ScaleWord | None = None
    """Applied before `scale` and `offset`."""
    age: Age | None = None

    _place = exactly_one("at", "code")

    @model_validator(mode="after")
    def _only_there(self) -> ModbusSignal:
        if (self.read in ("coil", "discrete")) != (self.type == "bit"):
            raise refused("type bit with read coil or discrete, and only there")
        if self.mask is not None and self.type not in MASKABLE:
            raise refused(f"mask with type {' or '.join(MASKABLE)}, and only there")
        if (self.registers is not None) != (self.type == "text"):
            raise refused("registers with type text, and only there")
        return self

    @property
    def words(self) -> int:
        """Registers (or bits) that the value takes."""
        return self.registers or WORDS_OF_TYPE[self.type]

    @property
    def told_step(self) -> float | None:
        """What the profile says, else one count of a whole number that nothing but `scale` scales."""
        if self.resolution is None and self.type in WHOLE_NUMBERS and self.scaled_by is None:
            return abs(self.scale) or None
        return self.resolution


class EntryRow(Model):
    """A row of equal entries: entry i begins at `at + i * stride`."""

    at: Whole = Field(ge=0, le=65535)
    stride: Whole = Field(ge=1, le=16)


class Directory(Model):
    """Instruments whose layout follows what is plugged in: a list of parameter codes, and values in the same order.

    The signal with `code: c` is entry i where the i-th code equals c: its value begins at
    `values.at + i * values.stride`, its status word at `status.at + i * status.stride`. A code that is not in the list
    gives null, `fault`.
    """

    read: RegisterTable = "holding"
    at: Whole = Field(ge=0, le=65535)
    """First of `count` code registers (uint16)."""
    count: Whole = Field(ge=1, le=64)
    end: Whole = 0
    """The code that ends the list."""
    values: EntryRow
    status: EntryRow | None = None
    table: Snake | None = None
    """Table of the status words, under `states`."""


class RegisterAction(Action):
    """A register or coil that is written, once, when a person orders it: with one value, or one within a range."""

    write: Literal["holding", "coil"] = "holding"
    """Function 06 or 05; function 16 for numbers of 32 bits, and with `multiple`."""
    at: Whole = Field(ge=0, le=65536)
    """Address as the manual counts."""
    type: Literal["uint16", "int16", "uint32", "int32", "float32"] = "uint16"
    order: ByteOrder = "ABCD"
    multiple: Flag = False
    """Function 16 for a single register, too: for instruments without function 06."""
    value: Real | None = None
    """What is written; of a coil 0 or 1."""
    range: Span | None = None
    """The least and the most that a person may order, in `unit`."""
    unit: str = "1"
    scale: Real = Field(default=1.0, gt=0)
    """The value is the number in the register times this."""

    _value = exactly_one("value", "range")

    @model_validator(mode="after")
    def _fits(self) -> RegisterAction:
        if self.write == "coil" and self.value not in (0, 1):
            raise refused("value 0 or 1 for a coil")
        for value in (self.value,) if self.range is None else self.range:
            if value is not None and (why := self._misfit(value)):
                raise refused(f"what a register of type {self.type} can hold ({why})")
        return self

    @property
    def words(self) -> int:
        """Registers that are written."""
        return WORDS_OF_TYPE[self.type]

    @property
    def allows(self) -> str:
        """The value that goes with an order, for people; empty: none."""
        return "" if self.range is None else f"{self.range[0]:g} to {self.range[1]:g} {self.unit}"

    def refusal(self, value: float | None) -> str:
        """Return what stands against an order with this value; empty: nothing."""
        if self.range is None:
            return super().refusal(value)
        if value is None or not self.range[0] <= value <= self.range[1]:
            return f"found the value {'nothing' if value is None else f'{value:g}'}, allowed {self.allows}"
        return self._misfit(value)

    def number(self, value: float | None) -> float:
        """Return the number to write for the value of an order that is not refused."""
        wanted = self.value if value is None else value
        assert wanted is not None
        return wanted / self.scale if self.type == "float32" else round(wanted / self.scale)

    def _misfit(self, value: float) -> str:
        if self.type == "float32":
            return "" if abs(value / self.scale) <= LARGEST_FLOAT32 else f"{value:g} is too large"
        number = value / self.scale
        bits = 16 * self.words
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if self.type[0] == "i" else (0, 2**bits - 1)
        if abs(number - round(number)) > STEP_TOLERANCE:
            return f"found the value {value:g}, allowed steps of {self.scale:g}"
        return "" if least <= round(number) <= most else f"{value:g} is outside"


class Wake(Model):
    """How to wake an instrument that sleeps between requests."""

    send: HexFrame
    wait_ms: PositiveDuration = Field(alias="wait")


class ModbusProfile(DeviceProfile):
    """An instrument that speaks Modbus. Golden frames are RTU frames, or MBAP frames with `protocol: modbus-tcp`."""

    protocol: Literal["modbus-rtu", "modbus-tcp"]
    """How the golden frames are framed; the instrument may hang on any Modbus bus."""
    address_base: Literal[0, 1] = 0
    """1: the manual counts registers from 1."""
    wake: Wake | None = None
    actions: dict[Snake, RegisterAction] = Field(default_factory=dict)
    """What a person may order it to do, by name: `quantrac commands act`."""
    max_registers: Whole = Field(default=100, ge=1, le=125)
    """Most registers (or bits, times 16) in one request."""
    max_gap: Whole = Field(default=16, ge=0, le=125)
    """Unused registers that may be read along rather than ask twice."""
    directory: Directory | None = None
    signals: dict[Snake, ModbusSignal]
    golden: tuple[HexGolden, ...] = Field(default=(), exclude=True)

    def wire(self, address: int) -> int:
        """Return the address on the wire of an address as the profile writes it."""
        return address - self.address_base

    def places(self) -> Iterator[tuple[tuple[str | int, ...], int, int]]:
        """Yield where each register stands that the profile names: its key, its address on the wire, how many."""
        for name, signal in self.signals.items():
            key: tuple[str | int, ...] = ("signals", name)
            value = None if signal.at is None else self.wire(signal.at)
            if value is not None:
                yield (*key, "at"), value, signal.words
            scales = () if signal.scaled_by is None else (signal.scaled_by,)
            besides: dict[str, Sequence[ModbusStatus | WordCheck | ScaleWord]]
            besides = {"status": signal.status, "expect_word": signal.expect_word, "scaled_by": scales}
            for word, those in besides.items():
                for number, each in enumerate(those):
                    if each.at is not None:
                        yield (*key, word, number, "at"), self.wire(each.at), 1
                    elif value is not None and each.offset is not None:
                        yield (*key, word, number, "offset"), value + each.offset, 1
            if signal.age is not None:
                yield (*key, "age", "at"), self.wire(signal.age.at), signal.age.words
        if self.directory is not None:
            directory = self.directory
            yield ("directory", "at"), self.wire(directory.at), directory.count
            yield ("directory", "values", "at"), self.wire(directory.values.at), 1
            if directory.status is not None:
                yield ("directory", "status", "at"), self.wire(directory.status.at), 1
        for name, action in self.actions.items():
            yield ("actions", name, "at"), self.wire(action.at), action.words

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of the signals' statuses and of the directory."""
        for name, signal in self.signals.items():
            yield from ((("signals", name, "status", n, "table"), each.table) for n, each in enumerate(signal.status))
        if self.directory is not None and self.directory.table is not None:
            yield ("directory", "table"), self.directory.table
