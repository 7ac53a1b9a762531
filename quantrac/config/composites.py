"""Composite rules (`composites` of a rule file): several conditions at one station, joined by all, any and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from quantrac.config.fields import Kebab, QualityWord, Real, Snake, refused
from quantrac.config.rules import HoldSpec, Measurand, Rationale, Selection
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.quality import Quality

MOST_NESTED: Final = 8


class Condition(Measurand):
    """One condition: what of a channel lies beyond a limit. It has no delays and no clear limit: the rule has."""

    channel: Snake | None = None
    """Name of the channel; without it the first of the parameter."""
    below: Real | None = None
    above: Real | None = None
    use: tuple[QualityWord, ...] = (Quality.GOOD,)
    """Qualities that count; with others the condition is unknown."""

    @model_validator(mode="after")
    def _one_limit(self) -> Condition:
        limits = sum(limit is not None for limit in (self.below, self.above))
        if limits != (0 if self.measure == "state" else 1):
            raise refused("one of `below` and `above` (with `of: state` none)")
        return self

    def channel_at(self, station: Station) -> Channel | None:
        """Return the channel that it looks at."""
        for channel in station.all_channels():
            named = channel.name == self.channel if self.channel else channel.statistic is None
            if channel.parameter == self.parameter and named:
                return channel
        return None


class Expression(NamedTuple):
    """What must hold: one condition (`is`), or others joined."""

    operator: Literal["is", "all", "any", "not"]
    name: str = ""
    parts: tuple[Expression, ...] = ()

    def names(self) -> Iterator[str]:
        """Yield every condition that is named."""
        if self.operator == "is":
            yield self.name
        for part in self.parts:
            yield from part.names()


def parse_expression(value: object, depth: int = 0) -> Expression:
    """Return the expression of a name, or of `{all: […]}`, `{any: […]}`, `{not: …}`."""
    allowed = "the name of a condition, {all: [...]}, {any: [...]} or {not: ...}"
    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        return Expression("is", value)
    if not isinstance(value, dict) or len(value) != 1 or depth == MOST_NESTED:
        raise refused(allowed)
    ((operator, inner),) = value.items()
    if operator == "not":
        return Expression("not", parts=(parse_expression(inner, depth + 1),))
    if operator not in ("all", "any") or not isinstance(inner, (list, tuple)) or not inner:
        raise refused(allowed)
    return Expression(operator, parts=tuple(parse_expression(part, depth + 1) for part in inner))


AnyExpression = Annotated[Expression, BeforeValidator(parse_expression), WithJsonSchema({"type": ["string", "object"]})]


class CompositeSpec(Rationale):
    """A composite rule as its file writes it, without its name."""

    watch: Selection = Selection()
    """Stations; it watches those that have a channel for every condition."""
    conditions: dict[Kebab, Condition] = Field(min_length=1)
    when: AnyExpression
    holds: dict[Kebab, HoldSpec] = Field(min_length=1)


class Composite(CompositeSpec):
    """A composite rule with its name."""

    name: Kebab

    def level_names(self) -> list[str]:
        """Return the names of its levels."""
        return list(self.holds)

    def channels_at(self, station: Station) -> dict[str, Channel] | None:
        """Return the channel of each condition; None where the rule watches nothing."""
        if not self.watch.selects(station):
            return None
        found = {name: condition.channel_at(station) for name, condition in self.conditions.items()}
        channels = {name: channel for name, channel in found.items() if channel is not None}
        return channels if len(channels) == len(found) else None
