"""Profiles of instruments that send lines of fields: NMEA 0183, Gill, and makers' own lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.fields import Code, Model, PositiveDuration, Snake, Whole, matching, refused, several
from quantrac.config.frames import TextFrame
from quantrac.config.profiles import DeviceProfile, Signal, TextGolden, exactly_one

LINE_PROTOCOLS: Final = ("nmea-0183", "gill-ascii", "line")
FieldNumber = Annotated[Whole, Field(ge=0, le=99)]
"""Place of a field in its line; the head of the line (`$WIMWV`, Gill's node letter) is field 0."""


class LineStatus(Model):
    """A status among the fields: one number, or `count` fields of 0 and 1 read as one word (the first is bit 0)."""

    line: str | None = None
    """Head of the line in which it stands; None: the line of the value."""
    field: FieldNumber
    count: Whole = Field(default=1, ge=1, le=32)
    base: Literal[10, 16] = 10
    table: Snake
    """Name of a table under `states`."""


class Transducer(Model):
    """A group of an NMEA sentence XDR: its type letter, and its name where several have one type."""

    type: Annotated[str, Field(pattern=r"^[A-Z]$")]
    id: str | None = None


class LineSignal(Signal):
    """A field of a line, by its place, or by its transducer in an NMEA sentence XDR."""

    line: str = ""
    """Head of the lines that carry it: an NMEA sentence (`MWV`, any talker), or how the line begins; "": any line."""
    field: FieldNumber | None = None
    transducer: Transducer | None = None
    where: dict[Annotated[Code, Field(ge=0, le=99)], str] = Field(default_factory=dict)
    """Fields that say whether the line is about this signal at all (MWV: R relative, T true)."""
    valid: dict[Annotated[Code, Field(ge=0, le=99)], str] = Field(default_factory=dict)
    """Fields that must read so (status A, unit M), else null, `fault`."""
    status: Annotated[tuple[LineStatus, ...], BeforeValidator(several, json_schema_input_type=Any)] = ()

    _place = exactly_one("field", "transducer")


class Step(Model):
    """A piece of asking: what is sent, and what its answer ends with."""

    send: TextFrame = b""
    """Nothing: only listen."""
    until: TextFrame


class Stamp(Model):
    """The instrument's own time in its line: the reading belongs to that time, not to when it was fetched."""

    field: FieldNumber = 0
    format: str
    """As `strptime` has it: `%m/%d/%y %H:%M`."""
    zone: Annotated[str, matching(r"[+-](0\d|1[0-4]):[0-5]\d", 'an offset from UTC in quotes, such as "+07:00"')] = (
        "+07:00"
    )
    means: Literal["end", "start"] = "end"
    """Whether the instrument stamps the end or the beginning of what it measured."""
    covers_ms: PositiveDuration = Field(alias="covers")
    """How long a measurement takes; the device's report interval must be the same."""


class LineProfile(DeviceProfile):
    """An instrument that sends lines of fields by itself (`talker`), or when it is asked (`polled`)."""

    protocol: Literal["nmea-0183", "gill-ascii", "line"]
    """The framing: `$…*hh` with the XOR between; `<STX>…<ETX>hh` with the XOR between; or bare lines."""
    mode: Literal["talker", "polled"] = "talker"
    ask: tuple[Step, ...] = ()
    """Polled: the conversation, step by step; all that came is looked through for lines."""
    separator: str = Field(default=",", min_length=1, max_length=1)
    """Between fields; a blank stands for any number of blanks."""
    end: TextFrame = b"\n"
    """What a talker's lines end with."""
    stamp: Stamp | None = None
    signals: dict[Snake, LineSignal]
    golden: tuple[TextGolden, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _asking(self) -> LineProfile:
        if (self.mode == "polled") != bool(self.ask):
            raise refused("`ask:` with mode polled, and only there")
        for signal in self.signals.values():
            if signal.transducer is not None and (self.protocol != "nmea-0183" or signal.line != "XDR"):
                raise refused("`transducer:` in line XDR of nmea-0183, and only there")
        return self

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of the signals' statuses."""
        for name, signal in self.signals.items():
            yield from ((("signals", name, "status", n, "table"), each.table) for n, each in enumerate(signal.status))
