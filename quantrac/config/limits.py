"""Limits of decrees and standards (`station_configs/limits/`): for which use, over which time, from when to when.

A limit has a name: `qcvn-05-2023/pm2_5/24h` is what the file `qcvn-05-2023.yaml` has for the parameter `pm2_5` in its
case `24h`. Where a decree changes a figure, the limit has a version for each period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.documents import Key, Tree, follow, key_place
from quantrac.config.fields import Day, Flag, Kebab, Model, Real, Snake, TextOrWords, refused, several
from quantrac.config.findings import Findings, one_of
from quantrac.config.stations import CENTRE, Channel
from quantrac.telemetry.parameters import Parameter
from quantrac.telemetry.words import Words

LIMIT_NAME: Final = r"[a-z0-9-]+/[a-z0-9_]+/[a-z0-9-]+"


class Averaging(StrEnum):
    """Over which time a value is a mean before it is held against a limit."""

    VALUE = "value"
    """None: each reading."""
    HOUR = "1h"
    EIGHT_HOURS = "8h"
    DAY = "24h"
    YEAR = "year"


class Period(Model):
    """Local days on which something holds, both inclusive; one that is left out: without an end."""

    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first and self.last and self.last < self.first:
            raise refused("`from` not after `to`")
        return self


class LimitCase(Model):
    """A case that a decree tells apart: a class of water, a species, an averaging time."""

    title: Words
    average: Averaging = Averaging.VALUE
    article: TextOrWords
    """Article or table of the decree."""


class LimitVersion(Period):
    """One limit as a file writes it; without `from` and `to` it holds as long as its decree."""

    low: Real | None = None
    """The least value that is allowed, in the unit of the catalogue."""
    high: Real | None = None
    """The greatest."""
    confirmed: Flag
    """Somebody read the figure in the decree, or in an office's own print of it; false: from memory, or second-hand."""

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.low is None and self.high is None:
            raise refused("`low`, `high` or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise refused("`low` less than `high`")
        return self


Versions = Annotated[
    tuple[LimitVersion, ...],
    BeforeValidator(several, json_schema_input_type=LimitVersion | tuple[LimitVersion, ...]),
    Field(min_length=1),
]


class LimitsFile(Model):
    """The limits of one decree or standard."""

    schema_: Literal["quantrac/limits/1"] = Field(alias="schema")
    decree: str = Field(min_length=1)
    """Its number, as people cite it."""
    title: Words
    in_force: Period = Period()
    source: str
    """Where the figures were read."""
    cases: dict[Kebab, LimitCase] = Field(min_length=1)
    limits: dict[Snake, dict[Kebab, Versions]] = Field(min_length=1)
    """By parameter and case."""


@dataclass(frozen=True, slots=True)
class DecreeLimit:
    """A decree limit: one figure, with all that must be said of it."""

    name: str
    """`<file>/<parameter>/<case>`."""
    decree: str
    article: Words
    parameter: str
    case: str
    title: Words
    """Of the case."""
    average: Averaging
    low: float | None
    """In the unit of the catalogue; the value itself is allowed."""
    high: float | None
    first: date | None
    """Local day from which it holds, inclusive; None: nothing is known of a beginning."""
    last: date | None
    confirmed: bool

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a local day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def is_exceeded(self, value: float) -> bool:
        """Whether a value is not allowed."""
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


def averaging_of(channel: Channel) -> Averaging:
    """Return over which time the values of a channel are means that the centre made."""
    made = channel.signal.removeprefix("mean-") if channel.device == CENTRE else ""
    return Averaging(made) if made in set(Averaging) else Averaging.VALUE


DecreeLimits = Mapping[str, tuple[DecreeLimit, ...]]
"""Every limit by its name, its versions in the order of their periods."""


def in_force(
    limits: DecreeLimits, parameter: str, day: date, average: Averaging | None = None, case: str | None = None
) -> list[DecreeLimit]:
    """Return the limits of a parameter that hold on a local day, by name; None: of every averaging time, every case."""
    return [
        limit
        for name in sorted(limits)
        for limit in limits[name]
        if limit.parameter == parameter
        and limit.holds_on(day)
        and average in (None, limit.average)
        and case in (None, limit.case)
    ]


def limits_of(
    stem: str, file: LimitsFile, tree: Tree, findings: Findings, catalogue: Mapping[str, Parameter]
) -> dict[str, tuple[DecreeLimit, ...]]:
    """Return the limits of a file by their names; what cannot be goes to the findings."""
    found: dict[str, tuple[DecreeLimit, ...]] = {}
    for parameter, cases in file.limits.items():
        if parameter not in catalogue:
            path: tuple[Key, ...] = ("limits", parameter)
            findings.add(key_place(tree, path).problem(path, one_of(parameter, catalogue)))
            continue
        for case, versions in cases.items():
            path = ("limits", parameter, case)
            if case not in file.cases:
                findings.add(key_place(tree, path).problem(path, one_of(case, file.cases)))
                continue
            name = f"{stem}/{parameter}/{case}"
            made = [_limit(name, file, parameter, case, version) for version in versions]
            found[name] = tuple(sorted(made, key=lambda limit: limit.first or date.min))
            if (overlap := _overlap(found[name])) is not None:
                message = f"found two figures for {overlap}, allowed one at a time: give the earlier one a `to`"
                findings.add(follow(tree, path)[1].problem(path, message))
    return found


def _limit(name: str, file: LimitsFile, parameter: str, case: str, version: LimitVersion) -> DecreeLimit:
    of_case = file.cases[case]
    return DecreeLimit(
        name=name,
        decree=file.decree,
        article=of_case.article,
        parameter=parameter,
        case=case,
        title=of_case.title,
        average=of_case.average,
        low=version.low,
        high=version.high,
        first=version.first or file.in_force.first,
        last=version.last or file.in_force.last,
        confirmed=version.confirmed,
    )


def _overlap(versions: Iterable[DecreeLimit]) -> date | None:
    """Return the first day on which two versions hold."""
    for earlier, later in pairwise(versions):
        first = later.first or date.min
        if earlier.last is None or first <= earlier.last:
            return first
    return None
