"""Alarm rules (`station_configs/rules/`): what is watched, levels, groups, and the texts of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from quantrac.config.fields import (
    Duration,
    Flag,
    Kebab,
    Model,
    PositiveDuration,
    QualityWord,
    Real,
    SeverityWord,
    StateWord,
    TextOrWords,
    TimeOfDay,
    matched,
    refused,
    text_in,
)
from quantrac.config.limits import LIMIT_NAME, DecreeLimit
from quantrac.config.stations import Channel, Station
from quantrac.config.tides import TIDE_PHASES, TidePhaseWord
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

PLACEHOLDERS: Final = ("station", "time", "value", "unit", "limit", "trend", "title", "level", "channel")
"""What the text of a message may name in braces."""
OF_AN_INDEX: Final = ("class", "advice")
"""What that of a rule on VN_AQI may name besides: the class of the value, and what the decree advises in it."""


class Selection(Model):
    """Which stations: those that have all the tags and, where stations are named, are among them."""

    tags: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()

    def selects(self, station: Station) -> bool:
        """Whether the selection fits a station."""
        named = not self.stations or station.station in self.stations
        return named and set(self.tags) <= set(station.tags)


MeasureWord = Literal["value", "change", "swing", "state", "departure"]
"""What a file may say. A rule in force has one measure more (`MeasureKind`): that of a composite rule."""
FARMING_TAGS: Final = (
    "white-leg-shrimp", "black-tiger-shrimp", "pangasius", "artemia", "rice", "orchard",
    "stage-nursery", "stage-grow-out", "stage-harvest",
)  # fmt: skip
"""Species, crops and growth stages: tags that rules may name before any station has them."""
PLACE_TAGS: Final = (
    "water", "air", "fresh", "brackish", "river", "river-mouth", "canal", "coast", "pond", "sluice", "shrimp-intake",
    "urban",
)  # fmt: skip
"""Kinds of places: a library of rules names them whatever stations there are."""


class Measurand(Model):
    """What of a parameter is compared with limits."""

    parameter: str
    measure: MeasureWord = Field(default="value", alias="of")
    """The value; the rise (`above`) or fall (`below`, negative) within `over`; the swing (greatest less least) within
    `over`; 1 while the device says one of `states`, else 0; or the departure from the channel's own median of that
    month and tide phase, in its median absolute deviations."""
    over_ms: PositiveDuration | None = Field(default=None, alias="over", le=7 * 86_400_000)
    """Window of change and swing; at most 7d."""
    states: tuple[StateWord, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.measure in ("change", "swing")) != (self.over_ms is not None):
            raise refused("`over` (a duration) with `of: change` or `of: swing`, and only there")
        if (self.measure == "state") != bool(self.states):
            raise refused("`states` (such as [fault, comm]) with `of: state`, and only there")
        return self


class Watch(Measurand, Selection):
    """What a rule watches: every channel of a parameter at the selected stations, or only the channels named."""

    channels: tuple[str, ...] = ()
    """Names of channels; empty: all of the parameter."""


class Hours(Model):
    """Local hours of each day; `from` later than `to`: over midnight."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")


class Valid(Model):
    """When the limits of a rule are in force."""

    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = Field(default=tuple(range(1, 13)), min_length=1)
    hours: Hours | None = None
    tide: tuple[TidePhaseWord, ...] = Field(default=TIDE_PHASES, min_length=1)
    """Phases of the predicted tide; only at stations that a tide of network.yaml names."""


class Side(StrEnum):
    """On which side of the limit the alarm lies."""

    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a rule at one station: a limit with its own delays, deadband and addressees."""

    name: str
    side: Side
    limit: float
    """The condition holds strictly beyond it, in the channel's unit."""
    clear: float | None
    """Recovered strictly beyond it (hysteresis); None: recovered as soon as the condition does not hold."""
    on_delay_ms: int
    """Time that readings must hold the condition without one that does not, before the level is active."""
    off_delay_ms: int
    """Time that readings must be past `clear` without one that is not, before the level is left."""
    severity: Severity
    to: tuple[str, ...] = ()
    """Groups of contacts to tell."""
    breaks_quiet_hours: bool = False
    first: date | None = None
    """Local day from which its limit is in force, where a decree says so; None: always was."""
    last: date | None = None
    """Local day until which, inclusive, before another figure follows it; None: no end is known."""
    follows: bool = False
    """Its limit had another figure before."""
    lull_ms: int = 0
    """The alarm stands so long after the level is left, and a fall within that time is one of its own; 0: it ends."""
    is_lull: bool = False
    """It is what is left of the alarm in that time: nobody is told of it."""

    @property
    def key(self) -> str:
        """Unique in its rule: two sides may both have an `act`, and a level an earlier figure of its limit.

        A figure keeps its key when it gets an end and another one follows: alarms that stand go on.
        """
        return f"{self.side}.{self.name}.{self.first}" if self.follows else f"{self.side}.{self.name}"

    @property
    def badness(self) -> tuple[Severity, float]:
        """Order of levels: by severity; of two equal ones the farther limit is the worse."""
        return self.severity, self.limit if self.side is Side.ABOVE else -self.limit

    def holds(self, value: float) -> bool:
        """Whether a value is beyond the limit."""
        return value < self.limit if self.side is Side.BELOW else value > self.limit

    def has_recovered(self, value: float) -> bool:
        """Whether a value is past the clear limit."""
        if self.clear is None:
            return not self.holds(value)
        return value > self.clear if self.side is Side.BELOW else value < self.clear


def levels_on(levels: Sequence[Level], day: date) -> tuple[Level, ...]:
    """Return levels in their order, each with one figure of its limit: that of a local day, else the nearest to it.

    Without lulls: they have the limits of others.
    """
    levels = [level for level in levels if not level.is_lull]
    farthest_first = sorted(levels, key=lambda level: _days_off(level, day), reverse=True)
    shown = {(level.side, level.name): level for level in farthest_first}
    return tuple(level for level in levels if shown[level.side, level.name] is level)


LULL: Final = "lull"


def with_lulls(levels: Iterable[Level]) -> tuple[Level, ...]:
    """Return levels from the mildest to the worst with the lull of each side: of the mildest level that has one.

    It holds as that level does and is left when nothing has held it for `lull_ms`, so the alarm stands that long.
    Beside a level as bad as itself it is the milder: people are told of a level of the least severity too.
    """
    own = sorted(levels, key=lambda level: level.badness)
    lulls: dict[Side, list[Level]] = {}
    for level in own:
        known = lulls.setdefault(level.side, [])
        if level.lull_ms and (not known or known[0].name == level.name):
            known.append(level)
    made = [
        replace(
            level, name=LULL, off_delay_ms=level.lull_ms, severity=Severity.LOW, to=(), breaks_quiet_hours=False,
            lull_ms=0, is_lull=True,
        )
        for known in lulls.values() for level in known
    ]  # fmt: skip
    return tuple(sorted([*made, *own], key=lambda level: level.badness))


def _days_off(one: Level | LimitFigure, day: date) -> timedelta:
    """Return how far a local day is from those on which a figure is in force."""
    return max(timedelta(0), (one.first or day) - day, day - (one.last or day))


class HoldSpec(Model):
    """What every level of a rule file says: how long the condition must hold, how bad that is, whom it concerns."""

    on_delay_ms: Duration = Field(alias="on_delay")
    off_delay_ms: Duration = Field(alias="off_delay")
    """The alarm ends when the condition has not held for so long."""
    severity: SeverityWord
    to: tuple[Kebab, ...] = Field(min_length=1)
    """Groups of network.yaml that are told."""
    breaks_quiet_hours: Flag = False


def _number_or_name(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return matched(LIMIT_NAME, value, "a number, or the name of a limit such as qcvn-05-2023/pm2_5/24h")[0]


NumberOrLimit = Annotated[float | str, BeforeValidator(_number_or_name), WithJsonSchema({"type": ["number", "string"]})]
"""A figure of its own, or that of a decree: below its least, above its greatest value allowed."""


class LevelSpec(HoldSpec):
    """One level as a rule file writes it."""

    limit: NumberOrLimit
    clear: Real
    """The level is left when the value has been beyond this (not at it) for `off_delay`."""
    lull_ms: Duration = Field(default=0, alias="lull")
    """Falls with shorter pauses than this are one alarm: it ends when the value has been beyond `clear` so long."""


class LevelPart(Model):
    """What `instead` may say about a level: any part of it."""

    limit: NumberOrLimit | None = None
    clear: Real | None = None
    on_delay_ms: Duration | None = Field(default=None, alias="on_delay")
    off_delay_ms: Duration | None = Field(default=None, alias="off_delay")
    lull_ms: Duration | None = Field(default=None, alias="lull")
    severity: SeverityWord | None = None
    to: tuple[Kebab, ...] | None = None
    breaks_quiet_hours: Flag | None = None


class Instead(Selection):
    """Other levels for some stations: the levels named here replace the rule's set; keys left out stay."""

    below: dict[Kebab, LevelPart] | None = None
    above: dict[Kebab, LevelPart] | None = None


class SmsText(Model):
    """The text of a short message; English falls back to the rule's title with value and limit."""

    vi: str
    """Without diacritics, so that it fits one SMS of 160 characters."""
    en: str = ""

    @model_validator(mode="after")
    def _placeholders(self) -> SmsText:
        for name in re.findall(r"\{(.*?)\}", self.vi + self.en):
            if name not in PLACEHOLDERS + OF_AN_INDEX:
                raise refused("placeholders " + " ".join("{" + known + "}" for known in PLACEHOLDERS))
        return self


MessageText = Annotated[SmsText, BeforeValidator(text_in("vi"), json_schema_input_type=str | SmsText)]


class LimitFigure(NamedTuple):
    """The limit of a level, and the local days on which it is in force."""

    limit: float
    first: date | None = None
    last: date | None = None
    follows: bool = False
    """Another figure was in force before."""


class StationRule(NamedTuple):
    """A rule at one station."""

    channels: tuple[Channel, ...]
    levels: tuple[Level, ...]
    """From the mildest to the worst."""


def _pictured(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise refused("true, or a list of stations that have a camera")


Pictured = Annotated[bool | tuple[str, ...], BeforeValidator(_pictured, json_schema_input_type=bool | tuple[str, ...])]


class Rationale(Model):
    """What a rule tells people, why, and when it holds."""

    title: Words
    valid: Valid = Valid()
    """Outside, nothing rises, and what stands runs out after its off-delay."""
    source: TextOrWords
    respond_within_ms: PositiveDuration | None = Field(default=None, alias="respond_within")
    cause: Words | None = None
    consequence: Words | None = None
    response: Words | None = None
    sms: MessageText
    sms_cleared: MessageText | None = None
    latched: Flag = False
    """An alarm stands until a person resets it, also when its readings have returned to normal."""
    picture: Pictured = False
    """The cameras of a station take a picture when an alarm rises there: at every station, or at those named."""

    def is_pictured_at(self, station: str) -> bool:
        """Whether an alarm that rises at a station asks for a picture."""
        return self.picture if isinstance(self.picture, bool) else station in self.picture


class RuleSpec(Rationale):
    """A rule as its file writes it, without its name."""

    watch: Watch
    below: dict[Kebab, LevelSpec] | None = None
    above: dict[Kebab, LevelSpec] | None = None
    instead: tuple[Instead, ...] = ()
    """The first whose selection fits a station counts there."""
    use: tuple[QualityWord, ...] = (Quality.GOOD,)
    """Qualities that may raise or clear it; others count as no reading."""

    @model_validator(mode="after")
    def _some_level(self) -> RuleSpec:
        if not self.below and not self.above:
            raise refused("at least one level under below or above")
        return self

    def limit_names(self) -> set[str]:
        """Return the limits of decrees that its levels name."""
        own = [level.limit for side in (self.below, self.above) for level in (side or {}).values()]
        parts = [side for instead in self.instead for side in (instead.below, instead.above)]
        other = [level.limit for side in parts for level in (side or {}).values()]
        return {limit for limit in (*own, *other) if isinstance(limit, str)}


class Rule(RuleSpec):
    """A rule with its name."""

    name: Kebab
    named: dict[str, tuple[DecreeLimit, ...]] = Field(default_factory=dict)
    """The limits of decrees that its levels name."""

    def level_names(self) -> list[str]:
        """Return the names of the levels that it has at some station."""
        instead = [side for part in self.instead for side in (part.below, part.above)]
        return list(dict.fromkeys(name for side in (self.below, self.above, *instead) for name in side or ()))

    def channels_at(self, station: Station) -> tuple[Channel, ...]:
        """Return the channels that it watches at a station."""
        if not self.watch.selects(station):
            return ()
        watched = [c for c in station.all_channels() if c.parameter == self.watch.parameter]
        named = self.watch.channels
        return tuple(c for c in watched if (c.name in named if named else c.statistic is None))

    def for_station(self, station: Station) -> StationRule | None:
        """Return the rule as it stands at a station; None where it watches nothing there."""
        channels = self.channels_at(station)
        if not channels:
            return None
        other = next((instead for instead in self.instead if instead.selects(station)), Instead())
        levels = [
            level
            for side, own, instead in ((Side.BELOW, self.below, other.below), (Side.ABOVE, self.above, other.above))
            for level in self._levels(side, own, instead)
        ]
        return StationRule(channels, tuple(sorted(levels, key=lambda level: level.badness)))

    def _levels(
        self, side: Side, levels: dict[str, LevelSpec] | None, instead: dict[str, LevelPart] | None
    ) -> Iterator[Level]:
        own = {name: level.model_dump() for name, level in (levels or {}).items()}
        if instead is not None:
            own = {name: own.get(name, {}) | part.model_dump(exclude_none=True) for name, part in instead.items()}
        for name, level in own.items():
            for figure in self.figures(side, level.pop("limit")):
                yield Level(name, side, **figure._asdict(), **level)

    def figures(self, side: Side, limit: float | str) -> list[LimitFigure]:
        """Return what a level compares values with: a number, or each figure that a decree has for its side."""
        if not isinstance(limit, str):
            return [LimitFigure(limit)]
        versions = self.named.get(limit, ())
        figures = ((one.low if side is Side.BELOW else one.high, one.first, one.last) for one in versions)
        known = [(figure, first, last) for figure, first, last in figures if figure is not None]
        return [LimitFigure(*figure, follows=number > 0) for number, figure in enumerate(known)]

    def figure_on(self, side: Side, limit: float | str, day: date) -> float:
        """Return the limit of a level on a local day; where none is in force then, the nearest to it."""
        return min(self.figures(side, limit), key=lambda figure: _days_off(figure, day)).limit
