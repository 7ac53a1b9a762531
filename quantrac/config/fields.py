"""The types of value in configuration files, each with the one sentence that says what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError

from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.states import STATE_OF_WORD, State
from quantrac.telemetry.words import Words


class Model(BaseModel):
    """Base of everything read from a file: unknown keys are refused, nothing changes after loading.

    The JSON of a model (`by_alias`) is its file again, key by key, so that JSON of ours is read by the same models.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


with_config(ConfigDict(extra="forbid"))(Words)


def refused(allowed: str) -> PydanticCustomError:
    """Return the error of a value that is not allowed; `allowed` completes the sentence "found …, allowed …"."""
    return PydanticCustomError("refused", "{allowed}", {"allowed": allowed})


def matched(pattern: str, text: object, allowed: str) -> re.Match[str]:
    """Return how a whole text matches a pattern; raise what says what is allowed where it does not."""
    match = re.fullmatch(pattern, text) if isinstance(text, str) else None
    if match is None:
        raise refused(allowed)
    return match


def matching(pattern: str, allowed: str) -> AfterValidator:
    """Return what lets through texts of a pattern."""
    return AfterValidator(lambda text: matched(pattern, text, allowed)[0])


def pair(allowed: str) -> BeforeValidator:
    """Return what lets through a list of two, as a tuple."""

    def parse(value: object) -> object:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise refused(allowed)
        return tuple(value)

    return BeforeValidator(parse)


Whole = Annotated[int, Strict()]


def _code(key: Any, info: ValidationInfo) -> Any:
    return int(key) if info.mode == "json" and re.fullmatch(r"-?\d+", key) else key


Code = Annotated[Whole, BeforeValidator(_code)]
"""A whole number as a key; keys of JSON are text."""
Real = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]

MS_OF_UNIT: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(text: object) -> int:
    """Return the milliseconds of a duration such as `250ms`, `1.5s`, `10s`, `5m`, `1h`, `30d`; zero is `0s`."""
    match = matched(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text, "a duration such as 250ms, 10s, 5m, 1h, 30d")
    return round(float(match[1]) * MS_OF_UNIT[match[2]])


def _positive(value: int) -> int:
    if value <= 0:
        raise refused("a duration longer than 0s")
    return value


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(lambda ms: f"{ms}ms", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"}),
]
"""Written `10s`, held as milliseconds."""
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]

BYTES_OF_UNIT: Final = {"KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def parse_size(text: object) -> int:
    """Return the bytes of a size such as `500MB`, `4GB`."""
    match = matched(r"(\d+(?:\.\d+)?)(KB|MB|GB)", text, "a size such as 500MB, 4GB")
    return round(float(match[1]) * BYTES_OF_UNIT[match[2]])


Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": "string"})]


def parse_rate(text: object) -> float:
    """Return the number a second of a rate such as `50/s`."""
    rate = float(matched(r"(\d+(?:\.\d+)?)/s", text, "a rate such as 50/s")[1])
    if rate <= 0:
        raise refused("a rate such as 50/s")
    return rate


Rate = Annotated[float, BeforeValidator(parse_rate), WithJsonSchema({"type": "string"})]


FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199


def parse_day(text: object) -> date:
    """Return the date of `2019-06-01`, of a year that a time zone can shift."""
    if isinstance(text, date):
        return text
    try:
        day = date.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise refused("a date such as 2019-06-01") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise refused(f"a date from {FIRST_YEAR} to {LAST_YEAR}, such as 2019-06-01")
    return day


Day = Annotated[date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] >= span[1]:
        raise refused("[low, high] with low < high")
    return span


def text_in(*languages: str) -> Callable[[object], object]:
    """Return what takes a bare text for the text in these languages."""

    def taken(value: object) -> object:
        if value is None:
            raise refused("text, or a mapping of vi, en")
        return dict.fromkeys(languages, value) if isinstance(value, str) else value

    return taken


TextOrWords = Annotated[Words, BeforeValidator(text_in("vi", "en"), json_schema_input_type=str | Words)]
"""A text in both languages; one text: the same in both, such as the name of a decree."""


def several(value: Any) -> Any:
    """One mapping is a list of one; nothing is an empty list."""
    if isinstance(value, dict):
        return (value,)
    return () if value is None else tuple(value) if isinstance(value, list) else value


Span = Annotated[
    tuple[Real, Real], pair("[low, high], two numbers with decimal points, such as [0.5, 14]"), AfterValidator(_ordered)
]
"""`[low, high]`, both inclusive."""


def parse_state(word: object) -> State:
    """Return the state that a word of configuration names."""
    if isinstance(word, State):
        return word
    if not isinstance(word, str) or word not in STATE_OF_WORD:
        raise refused("a state: " + ", ".join(STATE_OF_WORD))
    return STATE_OF_WORD[word]


def word_of(*members: Enum) -> BeforeValidator:
    """Return what reads the word of one of these members of an enumeration: its name in lower case."""
    of_word = {member.name.lower(): member for member in members}

    def parse(word: object) -> Enum:
        if isinstance(word, type(members[0])):
            return word
        if not isinstance(word, str) or word not in of_word:
            raise PydanticCustomError("word", "{allowed}", {"allowed": ", ".join(of_word)})
        return of_word[word]

    return BeforeValidator(parse, json_schema_input_type=Literal[tuple(of_word)])


AS_WORD: Final = PlainSerializer(lambda member: member.name.lower(), return_type=str, when_used="json")
SEVERITIES: Final = tuple(severity.word for severity in Severity)
SeverityWord = Annotated[Severity, word_of(*Severity), AS_WORD]
QualityWord = Annotated[Quality, word_of(Quality.GOOD, Quality.NOT_EVALUATED, Quality.SUSPECT, Quality.FAIL), AS_WORD]
"""Of a reading with a value."""
StateWord = Annotated[
    State, BeforeValidator(parse_state), AS_WORD, WithJsonSchema({"type": "string", "enum": list(STATE_OF_WORD)})
]


def _limit(value: object) -> float:
    if value == "off":
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise refused("a number above 0, or off")
    return float(value)


def _score(value: object) -> float:
    score = _limit(value)
    if 0 < score < 1:
        raise refused("a score of 1 or more, or off")
    return score


def _share(value: object) -> float:
    share = _limit(value)
    if 0 < share < LEAST_SHARE:
        raise refused(f"a share of {LEAST_SHARE:g} or more, or off")
    return share


def _limit_duration(value: object) -> float:
    if value == "off":
        return 0.0
    try:
        seconds = parse_duration(value) / 1000
    except PydanticCustomError:
        raise refused("a duration such as 12h, or off") from None
    if not seconds:
        raise refused("a duration above 0, or off")
    return seconds


_NUMBER_OR_OFF: Final[dict[str, Any]] = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "off"}]}
LimitOrOff = Annotated[float, BeforeValidator(_limit), WithJsonSchema(_NUMBER_OR_OFF)]
"""A limit; off is 0."""
ScoreOrOff = Annotated[
    float, BeforeValidator(_score), WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1}, {"const": "off"}]})
]
"""Times the evidence that a test needs as shipped; off is 0."""
LEAST_SHARE: Final = 0.5
"""Of the air pressure at sea level so much is left at 5,500 m."""
ShareOrOff = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": LEAST_SHARE}, {"const": "off"}]}),
]
"""The same, and less where the air is thin; off is 0."""
DurationOrOff = Annotated[float, BeforeValidator(_limit_duration), WithJsonSchema({"type": "string"})]
"""Seconds of a duration; off is 0."""


Kebab = Annotated[
    str, matching(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens, such as st-my-thanh")
]
"""Names of stations, profiles, rules, groups."""
Snake = Annotated[
    str, matching(r"[a-z][a-z0-9_]*", "lower-case letters, digits and underscores, such as wind_speed_max")
]
"""Names of channels and signals."""


def _time_of_day(text: object) -> object:
    return matched(r"([01]\d|2[0-3]):[0-5]\d", text, 'a time of day in quotes, such as "22:00"')[0]


TimeOfDay = Annotated[str, BeforeValidator(_time_of_day)]


class LineSettings(NamedTuple):
    """A serial line: `19200 8E1` is 19200 baud, 8 bits, even parity, 1 stop bit."""

    baud: int
    bits: int
    parity: str
    """N, E or O."""
    stop: int

    @property
    def bits_per_byte(self) -> int:
        """Bits that one byte takes on the wire, start and stop bits included."""
        return 1 + self.bits + (self.parity != "N") + self.stop


def parse_line(text: object) -> LineSettings:
    """Return the settings written as `19200 8E1`."""
    match = matched(r"(\d{3,6}) ([78])([NEO])([12])", text, "line settings such as 9600 8N1 or 19200 8E1")
    return LineSettings(int(match[1]), int(match[2]), match[3], int(match[4]))


def _line(value: object) -> LineSettings:
    return value if isinstance(value, LineSettings) else parse_line(value)


Line = Annotated[
    LineSettings,
    BeforeValidator(_line),
    PlainSerializer(lambda line: f"{line.baud} {line.bits}{line.parity}{line.stop}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+ [78][NEO][12]$"}),
]
