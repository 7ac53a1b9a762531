"""A rule as evaluation sees it: limits of one channel, resolved, in base units. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from alerts.rules.normals import Normals
from alerts.rules.tide import Tide
from quantrac.config.rules import Level
from quantrac.telemetry.parameters import HOUSEKEEPING
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State
from quantrac.telemetry.words import Words

OF_THE_BOX: Final = frozenset(parameter.id for parameter in HOUSEKEEPING)
"""What instruments and box say of themselves: that of two instruments is two things."""
UTC_CLOCK: Final = ZoneInfo("UTC")
"""Of a rule that no network gave its time zone."""


@dataclass(frozen=True, slots=True)
class RuleTexts:
    """What people read of an alarm (rationalisation: cause, consequence, response, time to respond)."""

    title: Words
    cause: Words | None = None
    consequence: Words | None = None
    response: Words | None = None
    respond_within_ms: int | None = None
    sms: Words | None = None
    """Templates of the short message; an empty one: made from the title. Placeholders: `quantrac.config.rules`."""
    sms_cleared: Words | None = None
    """The same for the message that ends it."""
    source: Words | str | None = None
    """Where its limits come from; a bare text: of an alarm that rose before sources had two languages."""
    latched: bool = False
    """An alarm stands until a person resets it, also when its readings have returned to normal."""
    unit: str = ""
    """How people write the unit of its values; empty: they have none."""
    decimals: int = 2
    """With how many decimals values are written."""
    has_value: bool = True
    """False: what is compared with the limit (a state, an expression, on or off) says nothing to people."""
    measure: Words | None = None
    """What its values are where they are not readings: `thay đổi trong 24 giờ`, `change over 24 h`."""
    is_vn_aqi: bool = False
    """Its values are VN_AQI: they have classes, with advice."""
    by_day: bool = False
    """It can wait for the morning: short messages about it ring nobody at night, and nobody is called again."""


class MeasureKind(StrEnum):
    """What of the readings is compared with the limits."""

    VALUE = "value"
    CHANGE = "change"
    """Rise (levels above) since the least, or fall (levels below, negative) since the greatest value of the window."""
    SWING = "swing"
    """Greatest minus least value of the window."""
    STATE = "state"
    """1 while the device says one of the states, else 0; whatever the quality."""
    DEPARTURE = "departure"
    """Distance from the channel's own median of the month and tide phase, in its median absolute deviations."""
    COMPOSITE = "composite"
    """1 while an expression of several conditions holds, else 0."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared with the limits, and how far back it looks."""

    kind: MeasureKind = MeasureKind.VALUE
    window_ms: int = 0
    states: frozenset[State] = frozenset()
    expression: str = ""
    """Of several conditions: a word that is another one when one of them, or how they are joined, is changed."""

    @property
    def word(self) -> str:
        """A word for the measure; no other measure has it."""
        states = ",".join(sorted(state.word for state in self.states))
        return f"{self.kind} {self.window_ms} {states} {self.expression}".rstrip()


@dataclass(frozen=True, slots=True)
class Validity:
    """When the limits are in force, local time; outside, a condition does not hold and a standing alarm runs out."""

    months: frozenset[int] = frozenset(range(1, 13))
    from_minute: int = 0
    """Minute of the local day from which they are in force."""
    to_minute: int = 24 * 60
    """Minute until which; less than `from_minute`: over midnight."""
    zone: ZoneInfo = UTC_CLOCK
    """Whose local time."""
    phases: frozenset[int] | None = None
    """Phases of `tide` in which they are in force; None: all."""
    tide: Tide | None = None


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """One rule on one channel."""

    rule: str
    channel: str
    """`<station>/<name>`."""
    parameter: str
    unit: str
    decimals: int
    interval_ms: int
    """What one reading of the channel covers."""
    levels: tuple[Level, ...]
    """From the mildest to the most severe: a later one wins."""
    use: frozenset[Quality]
    """Qualities whose readings count; others neither raise nor clear."""
    texts: RuleTexts
    measure: Measure = Measure()
    validity: Validity | None = None
    tide: Tide | None = None
    """The tide of the station."""
    zone: ZoneInfo = UTC_CLOCK
    """In whose months normals are."""
    normals: Normals | None = None
    """What is normal for the channel, for a measure of departure; None: not known, it never rises."""
    cameras: tuple[str, ...] = ()
    """Cameras of the station that take a picture when it rises."""

    @property
    def lull_ms(self) -> int:
        """How long a lull of its alarm lasts at most; 0: it has none."""
        return max((level.off_delay_ms for level in self.levels if level.is_lull), default=0)

    @property
    def told_levels(self) -> tuple[Level, ...]:
        """Its levels without lulls: those that people are told of."""
        return tuple(level for level in self.levels if not level.is_lull)

    @property
    def longest_delay_ms(self) -> int:
        """The longest on-delay of its levels."""
        return max((level.on_delay_ms for level in self.levels), default=0)

    @property
    def station(self) -> str:
        """The station of the channel."""
        return self.channel.partition("/")[0]

    @property
    def story(self) -> str | None:
        """The parameter, where the station's other channels of it share the alarm; None: the channel stands alone."""
        is_its_own = self.measure.kind in (MeasureKind.STATE, MeasureKind.COMPOSITE) or self.parameter in OF_THE_BOX
        return None if is_its_own else self.parameter

    def level(self, key: str) -> Level | None:
        """Return the level with that key, None when the rule no longer has it."""
        return next((level for level in self.levels if level.key == key), None)


def memory_ms(rules: Iterable[ChannelRule]) -> int:
    """Return how far the rules of a channel look back."""
    return max((rule.measure.window_ms for rule in rules), default=0)
