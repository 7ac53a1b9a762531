"""Profiles of instruments with text protocols: SDI-12, Vaisala ASCII, Bayern-Hessen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from quantrac.config.fields import Flag, Model, PositiveDuration, Snake, Whole
from quantrac.config.profiles import Action, DeviceProfile, Signal, TextGolden, exactly_one


class Sdi12Status(Model):
    """A status word among the values of the same measurement."""

    value: Whole = Field(ge=1, le=99)
    table: Snake


class Sdi12Signal(Signal):
    """The n-th value of a measurement."""

    measure: Annotated[str, Field(pattern=r"^(M[1-9]?|C[1-9]?|R[0-9])$")] = "M"
    """`M`, `M1`…`M9`, `C`, `C1`…`C9` or `R0`…`R9`: sent as `aM!`, `aC!`, `aR0!`."""
    value: Whole = Field(ge=1, le=99)
    """Place among the values, the first is 1."""
    status: Sdi12Status | None = None


class Sdi12Verify(Model):
    """Status by `aV!` and `aD0!`: the n-th value is a status word."""

    every_ms: PositiveDuration = Field(alias="every")
    value: Whole = Field(default=1, ge=1)
    table: Snake


class Sdi12Profile(DeviceProfile):
    """An instrument on an SDI-12 line. `timeout_ms` is the longest wait for the first character of an answer."""

    protocol: Literal["sdi-12"]
    crc: Flag = False
    """Ask with checksums (`aMC!`, `aCC!`, `aRC0!`): SDI-12 from 1.3 on."""
    verify: Sdi12Verify | None = None
    signals: dict[Snake, Sdi12Signal]
    golden: tuple[TextGolden, ...] = Field(default=(), exclude=True)

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of statuses and of the verification."""
        for name, signal in self.signals.items():
            if signal.status is not None:
                yield ("signals", name, "status", "table"), signal.status.table
        if self.verify is not None:
            yield ("verify", "table"), self.verify.table


class VaisalaSignal(Signal):
    """A `key=valueLETTER` field of a Vaisala line, such as `Sm=3.4M`."""

    key: Annotated[str, Field(pattern=r"^[A-Z][a-z]$")]
    letter: Annotated[str, Field(pattern=r"^[A-Za-z]$")]
    """Unit letter that must follow the number; `#` means invalid data: null, `fault`. Another letter: null, `fault`."""


class VaisalaProfile(DeviceProfile):
    """A Vaisala WXT or WMT transmitter in ASCII mode, polled or automatic."""

    protocol: Literal["vaisala-ascii"]
    mode: Literal["polled", "talker"] = "polled"
    """`talker`: it sends its messages by itself (`aXU,M=A` or `a`), each at its own interval."""
    poll: Annotated[str, Field(pattern=r"^R[0-5]?$")] = "R0"
    """What is asked in polled mode: `<address>R0<CR><LF>` is the composite message."""
    crc: Flag = False
    """Lower-case commands (or, of a talker, messages) with the SDI-12 checksum."""
    signals: dict[Snake, VaisalaSignal]
    golden: tuple[TextGolden, ...] = Field(default=(), exclude=True)


class BayernHessenSignal(Signal):
    """One value of an `MD` answer: by its measuring address (`id`) or by its place (`block`, the first is 1)."""

    id: Whole | None = Field(default=None, ge=0, le=999)
    block: Whole | None = Field(default=None, ge=1, le=99)

    _place = exactly_one("id", "block")


class ControlAction(Action):
    """A control command `ST aaa X`; the instrument does not answer it."""

    control: Annotated[str, Field(pattern=r"^[A-Z]$")]
    """`N` zero gas, `K` span gas, `M` measure, as a rule."""


class BayernHessenProfile(DeviceProfile):
    """An instrument that answers `DA` with `MD` (Bayern-Hessen, Gesytec II)."""

    protocol: Literal["bayern-hessen"]
    checksum: Flag = True
    """False: commands end with <CR> and carry no checksum."""
    status: Snake | None = None
    """Table of the status byte, under `states`; bit 0 is hexadecimal 01."""
    error: Snake | None = None
    """Table of the error byte."""
    actions: dict[Snake, ControlAction] = Field(default_factory=dict)
    """What a person may order it to do, by name; it needs an address for that."""
    signals: dict[Snake, BayernHessenSignal]
    golden: tuple[TextGolden, ...] = Field(default=(), exclude=True)

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of the status and the error byte."""
        yield from (((key,), table) for key, table in (("status", self.status), ("error", self.error)) if table)
