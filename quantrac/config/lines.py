"""Profiles of instruments that send lines of fields: NMEA 0183, Gill, and makers' own lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, model_validator

from quantrac.config.fields import Flag, Model, PositiveDuration, Snake, Whole, matching, refused, several
from quantrac.config.frames import TextFrame, parse_text, show_text
from quantrac.config.profiles import Action, DeviceProfile, Signal, TextGolden, exactly_one

LINE_PROTOCOLS: Final = ("nmea-0183", "gill-ascii", "line")
FieldNumber = Annotated[Whole, Field(ge=0, le=99)]
"""Place of a field in its line; the head of the line (`$WIMWV`, Gill's node letter) is field 0."""


def _text(value: object) -> str:
    return parse_text(value).decode("latin-1")


LineText = Annotated[str, BeforeValidator(_text), PlainSerializer(lambda text: show_text(text.encode("latin-1")))]
"""Characters as they stand in a line, Latin-1; written as a frame is: `<B0>C` is a degree sign and C."""


def _place(key: object, info: ValidationInfo) -> object:
    if isinstance(key, str) and key.isdecimal():
        if info.mode == "json":
            return int(key)
        raise refused("the number of a field without quotes, or the name of a field `key=value`")
    return key


FieldPlace = Annotated[FieldNumber | LineText, Field(union_mode="left_to_right"), BeforeValidator(_place)]
"""A field by its place, or by its name where fields are `key=value`; keys of JSON are text."""

CheckKind = Literal["xor", "sum", "negative-sum", "sum16", "crc16-modbus", "crc16-arc", "crc16-xmodem", "crc16-ccitt"]


class Checksum(Model):
    """Hexadecimal digits behind a mark: two of a XOR or a sum modulo 256 (or its negative), four of 16 bits."""

    kind: CheckKind
    behind: Annotated[LineText, Field(min_length=1)]
    """The mark before it: `*`, or `<ETX>`, also where that ends the telegram."""
    marks_count: Flag = False
    """Whether `start` and the mark are checked with what stands between them."""

    @property
    def digits(self) -> int:
        """How many hexadecimal digits it has."""
        return 4 if "16" in self.kind else 2


def _separators(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Separators = Annotated[
    tuple[Annotated[LineText, Field(min_length=1)], ...],
    BeforeValidator(_separators, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class LineStatus(Model):
    """A status among the fields: one number, or `count` fields of 0 and 1 read as one word (the first is bit 0)."""

    line: str | None = None
    """Head of the line in which it stands; None: the line of the value."""
    field: FieldNumber | None = None
    key: LineText | None = None
    """Name of the field where fields are `key=value`."""
    count: Whole = Field(default=1, ge=1, le=32)
    base: Literal[10, 16] = 10
    table: Snake
    """Name of a table under `states`."""

    _place = exactly_one("field", "key")

    @model_validator(mode="after")
    def _one(self) -> LineStatus:
        if self.key is not None and self.count > 1:
            raise refused("count beside field, and only there")
        return self


class Transducer(Model):
    """A group of an NMEA sentence XDR: its type letter, and its name where several have one type."""

    type: Annotated[str, Field(pattern=r"^[A-Z]$")]
    id: str | None = None


class LineSignal(Signal):
    """A field of a line: by its place, by its name (`key=value`), or by its transducer in an NMEA sentence XDR."""

    line: str = ""
    """Head of the lines that carry it: an NMEA sentence (`MWV`, any talker), or how the line begins; "": any line."""
    field: FieldNumber | None = None
    key: LineText | None = None
    """Name of the field where fields are `key=value`; in lines of any head only those count that have it."""
    transducer: Transducer | None = None
    suffix: LineText = ""
    """What stands behind the number in its field: `C` of `23.4C`. Anything else is null, `fault`."""
    where: dict[FieldPlace, str] = Field(default_factory=dict)
    """Fields that say whether the line is about this signal at all (MWV: R relative, T true)."""
    valid: dict[FieldPlace, str] = Field(default_factory=dict)
    """Fields that must read so (status A, unit M), else null, `fault`."""
    status: Annotated[tuple[LineStatus, ...], BeforeValidator(several, json_schema_input_type=Any)] = ()

    _place = exactly_one("field", "key", "transducer")


class Step(Model):
    """A piece of asking: what is sent, and what its answer ends with."""

    send: TextFrame = b""
    """Nothing: only listen."""
    until: TextFrame


class SentAction(Action):
    """What is sent, and what the answer ends with."""

    send: TextFrame
    until: TextFrame = b""
    """Nothing: no answer comes."""


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
    """The framing: `$…*hh` with the XOR between; `<STX>…<ETX>hh` likewise; or as `start` and `end` say, unchecked."""
    mode: Literal["talker", "polled"] = "talker"
    ask: tuple[Step, ...] = ()
    """Polled: the conversation, step by step; all that came is looked through for lines."""
    separator: Separators = (",",)
    """Between fields, or a list of several that do the same; a blank stands for any number of blanks."""
    equals: LineText = Field(default="=", min_length=1)
    """Between key and value of a field `key=value`."""
    decimal: Literal[".", ","] = "."
    """What stands before the decimals of a number."""
    start: TextFrame = b""
    """What a telegram begins with, `<STX>`: noise before it does not count, and line breaks within it are text."""
    end: TextFrame = b"\n"
    """What a line ends with."""
    check: Checksum | None = None
    """The checksum of what stands between `start` and its mark."""
    actions: dict[Snake, SentAction] = Field(default_factory=dict)
    """Polled: what a person may order it to do, by name."""
    stamp: Stamp | None = None
    signals: dict[Snake, LineSignal]
    golden: tuple[TextGolden, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _asking(self) -> LineProfile:
        if (self.mode == "polled") != bool(self.ask):
            raise refused("`ask:` with mode polled, and only there")
        if self.actions and self.mode == "talker":
            raise refused("actions with mode polled, and only there")
        if self.decimal in self.separator:
            raise refused("another separator than the decimal comma")
        if self.check is not None and self.protocol != "line":
            raise refused("check with protocol line, and only there")
        if self.check_length and not self.start:
            raise refused("`start:` where a checksum stands behind `end:`")
        if self.start and (self.protocol != "line" or self.end == b"\n"):
            raise refused("start and end of a telegram together, with protocol line, and only there")
        for signal in self.signals.values():
            if signal.transducer is not None and (self.protocol != "nmea-0183" or signal.line != "XDR"):
                raise refused("`transducer:` in line XDR of nmea-0183, and only there")
        return self

    @property
    def check_length(self) -> int:
        """Characters of the checksum behind `end`, 0 if none stands there."""
        check = self.check
        return check.digits if check is not None and check.behind.encode("latin-1") == self.end else 0

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the tables of the signals' statuses."""
        for name, signal in self.signals.items():
            yield from ((("signals", name, "status", n, "table"), each.table) for n, each in enumerate(signal.status))
