"""Alarm rules (`station_configs/rules/`): what is watched, levels, groups, and the texts of messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

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
    TimeOfDay,
    refused,
)
from quantrac.config.stations import Channel, Station
from quantrac.config.tides import TIDE_PHASES, TidePhaseWord
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

PLACEHOLDERS: Final = ("station", "time", "value", "unit", "limit", "trend", "title", "level", "channel")
"""What the text of a message may name in braces."""


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

    @property
    def key(self) -> str:
        """Unique in its rule: two sides may both have an `act`."""
        return f"{self.side}.{self.name}"

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


class HoldSpec(Model):
    """What every level of a rule file says: how long the condition must hold, how bad that is, whom it concerns."""

    on_delay_ms: Duration = Field(alias="on_delay")
    off_delay_ms: Duration = Field(alias="off_delay")
    """The alarm ends when the condition has not held for so long."""
    severity: SeverityWord
    to: tuple[Kebab, ...] = Field(min_length=1)
    """Groups of network.yaml that are told."""
    breaks_quiet_hours: Flag = False


class LevelSpec(HoldSpec):
    """One level as a rule file writes it."""

    limit: Real
    clear: Real
    """The alarm ends when the value has been beyond this (not at it) for `off_delay`."""


class LevelPart(Model):
    """What `instead` may say about a level: any part of it."""

    limit: Real | None = None
    clear: Real | None = None
    on_delay_ms: Duration | None = Field(default=None, alias="on_delay")
    off_delay_ms: Duration | None = Field(default=None, alias="off_delay")
    severity: SeverityWord | None = None
    to: tuple[Kebab, ...] | None = None
    breaks_quiet_hours: Flag | None = None


class Instead(Selection):
    """Other levels for some stations: the levels named here replace the rule's set; keys left out stay."""

    below: dict[Kebab, LevelPart] | None = None
    above: dict[Kebab, LevelPart] | None = None


def _text(value: object) -> object:
    return {"vi": value} if isinstance(value, str) else value


class SmsText(Model):
    """The text of a short message; English falls back to the rule's title with value and limit."""

    vi: str
    """Without diacritics, so that it fits one SMS of 160 characters."""
    en: str = ""

    @model_validator(mode="after")
    def _placeholders(self) -> SmsText:
        for name in re.findall(r"\{(.*?)\}", self.vi + self.en):
            if name not in PLACEHOLDERS:
                raise refused("placeholders " + " ".join("{" + known + "}" for known in PLACEHOLDERS))
        return self


MessageText = Annotated[SmsText, BeforeValidator(_text, json_schema_input_type=str | SmsText)]


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
    source: str
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


class Rule(RuleSpec):
    """A rule with its name."""

    name: Kebab

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
        levels = _levels(Side.BELOW, self.below, other.below) + _levels(Side.ABOVE, self.above, other.above)
        return StationRule(channels, tuple(sorted(levels, key=lambda level: level.badness)))


def _levels(side: Side, levels: dict[str, LevelSpec] | None, instead: dict[str, LevelPart] | None) -> list[Level]:
    own = {name: level.model_dump() for name, level in (levels or {}).items()}
    if instead is not None:
        own = {name: own.get(name, {}) | part.model_dump(exclude_none=True) for name, part in instead.items()}
    return [Level(name, side, **level) for name, level in own.items()]
