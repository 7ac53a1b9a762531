"""Profiles of Modbus instruments: registers, byte orders, status words, and directories of parameter codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.fields import Duration, Flag, Model, PositiveDuration, Snake, Whole, refused, several
from quantrac.config.frames import HexFrame
from quantrac.config.profiles import DeviceProfile, HexGolden, Signal, exactly_one

RegisterTable = Literal["holding", "input", "coil", "discrete"]
"""Function codes 03, 04, 01, 02."""
WordType = Literal[
    "bit", "uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64", "bcd16", "bcd32", "text"
]  # fmt: skip
WORDS_OF_TYPE: Final[dict[str, int]] = {
    "bit": 1, "uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "float32": 2, "uint64": 4, "int64": 4, "float64": 4,
    "bcd16": 1, "bcd32": 2,
}  # fmt: skip
MASKABLE: Final = ("uint16", "uint32")
"""Types of which a mask may select some bits."""
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


class Wipe(Model):
    """The register or coil that starts the instrument's wiper, and how long its readings mean nothing then."""

    write: Literal["holding", "coil"] = "holding"
    """Written with function 06 or 05, once, and only when a person asks for it."""
    at: Whole = Field(ge=0, le=65536)
    """Address as the manual counts."""
    value: Whole = Field(default=1, ge=0, le=65535)
    """Of a coil 0 or 1."""
    takes_ms: PositiveDuration = Field(alias="takes")
    settle_ms: Duration = Field(default=0, alias="settle")
    """From the end of wiping until the water at the sensor is what it was. Both times are state `maint`."""
    source: str
    verified: Flag

    @model_validator(mode="after")
    def _bit(self) -> Wipe:
        if self.write == "coil" and self.value > 1:
            raise refused("value 0 or 1 for a coil")
        return self


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
    wipe: Wipe | None = None
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

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of the signals' statuses and of the directory."""
        for name, signal in self.signals.items():
            yield from ((("signals", name, "status", n, "table"), each.table) for n, each in enumerate(signal.status))
        if self.directory is not None and self.directory.table is not None:
            yield ("directory", "table"), self.directory.table
