"""Files of rules: rules, composite rules, and their tests; and what was loaded of one file or of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from quantrac.config.composites import Composite, CompositeSpec
from quantrac.config.fields import (
    Day,
    Duration,
    Kebab,
    Model,
    PositiveDuration,
    QualityWord,
    Real,
    Snake,
    StateWord,
    refused,
)
from quantrac.config.limits import DecreeLimits
from quantrac.config.rules import Rule, RuleSpec
from quantrac.telemetry.quality import Quality

RUN: Final = re.compile(r"(_|-?\d+(?:\.\d+)?)(?:x(\d+))?")


def parse_series(text: object) -> tuple[float | None, ...]:
    """Return the readings of `2.8x6 _x20 4.6`: six of 2.8, twenty missing, one of 4.6."""
    runs = [RUN.fullmatch(word) for word in text.split()] if isinstance(text, str) else []
    if not runs or None in runs:
        raise refused('a series such as "2.8x6 _x20 4.6": value x times, _ for a missing reading')
    return tuple(
        None if run[1] == "_" else float(run[1]) for run in runs if run is not None for _ in range(int(run[2] or 1))
    )


def _series(value: Any) -> Any:
    return value if isinstance(value, dict) else {"values": value}


class Series(Model):
    """The readings of one channel in a test, one each `every`."""

    every_ms: PositiveDuration | None = Field(default=None, alias="every")
    """None: that of the test."""
    values: Annotated[tuple[float | None, ...], BeforeValidator(parse_series), WithJsonSchema({"type": "string"})]
    quality: QualityWord = Quality.GOOD
    state: StateWord | None = None


AnySeries = Annotated[Series, BeforeValidator(_series, json_schema_input_type=str | Series)]


class Normal(Model):
    """What is normal for a channel in a test, in every month and tide phase."""

    median: Real
    mad: Annotated[Real, Field(gt=0)]
    """Median absolute deviation."""


class Expectation(Model):
    """An alarm that the test must raise. Times count from the first reading; each reading holds for one interval."""

    rule: Kebab
    level: Kebab
    raised_ms: Duration = Field(alias="raised")
    cleared_ms: Duration | None = Field(default=None, alias="cleared")
    """None: still active at the end."""


class TestPlace(Model):
    """A made-up station of the tests of a file: what rules select it by, and channels that are no parameters."""

    __test__ = False  # not a test of our own, whatever its name suggests to a collector

    tags: tuple[Kebab, ...] = ()
    channels: dict[Snake, str] = Field(default_factory=dict)
    """Name → parameter, such as pm2_5_24h: pm2_5. Any parameter is a channel of its own name besides."""


def _place(value: Any) -> Any:
    return value if isinstance(value, dict) else {"tags": value}


AnyPlace = Annotated[TestPlace, BeforeValidator(_place, json_schema_input_type=tuple[str, ...] | TestPlace)]


class RuleTest(Model):
    """A made-up course of readings, and the alarms that the rules of the file must make of it."""

    name: str
    first: Day | None = Field(default=None, alias="from")
    """Local day at the beginning of which the series begin; None: on no day in particular, by the newest limits."""
    every_ms: PositiveDuration = Field(alias="every")
    series: dict[str, AnySeries] = Field(min_length=1)
    """`<station>/<channel>` → readings; in place of a station a place of the file."""
    normals: dict[str, Normal] = Field(default_factory=dict)
    """`<station>/<channel>` → what rules of departure take for normal."""
    expect: tuple[Expectation, ...]
    places: dict[Kebab, AnyPlace] = Field(default_factory=dict)
    """Made-up stations, beside those of the file."""

    def every_of(self, channel: str) -> int:
        """Return the interval of a channel's readings, in ms."""
        series = self.series.get(channel)
        return self.every_ms if series is None or series.every_ms is None else series.every_ms


class RulesFile(Model):
    """A file of rules and their tests."""

    schema_: Literal["quantrac/rules/1"] = Field(alias="schema")
    rules: dict[Kebab, RuleSpec] = Field(default_factory=dict)
    composites: dict[Kebab, CompositeSpec] = Field(default_factory=dict)
    places: dict[Kebab, AnyPlace] = Field(default_factory=dict)
    """Made-up stations of its tests, so that these hold whatever stations a network has."""
    tests: tuple[RuleTest, ...] = ()

    @model_validator(mode="after")
    def _some_rule(self) -> RulesFile:
        if not self.rules and not self.composites:
            raise refused("at least one rule under rules or composites")
        return self

    def loaded(self, limits: DecreeLimits) -> LoadedRules:
        """Return the rules with their names, and those of the limits that they name."""
        return LoadedRules(
            {
                name: Rule.model_construct(
                    name=name, named={key: limits[key] for key in spec.limit_names() if key in limits}, **dict(spec)
                )
                for name, spec in self.rules.items()
            },
            {name: Composite.model_construct(name=name, **dict(spec)) for name, spec in self.composites.items()},
            tuple(test.model_copy(update={"places": {**self.places, **test.places}}) for test in self.tests),
        )


@dataclass(frozen=True)
class LoadedRules:
    """Rules of one file or of all, by name."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    composites: Mapping[str, Composite] = field(default_factory=dict)
    tests: tuple[RuleTest, ...] = ()

    def __or__(self, more: LoadedRules) -> LoadedRules:
        """Return both; of two rules of one name the latter."""
        rules, composites = {**self.rules, **more.rules}, {**self.composites, **more.composites}
        return LoadedRules(rules, composites, self.tests + more.tests)

    def levels(self) -> dict[str, list[str]]:
        """Return the names of the levels that each rule has at some station."""
        known: dict[str, Rule | Composite] = {**self.rules, **self.composites}
        return {name: rule.level_names() for name, rule in known.items()}
