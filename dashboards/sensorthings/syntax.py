"""Expressions of `$filter` and `$orderby` as a tree; each part knows where it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from quantrac.telemetry.errors import QuantracError


class BadExpression(QuantracError):
    """A query option that cannot be read or computed; `at` is the place of the mistake, from 1."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message} (at character {at + 1})")


@dataclass(frozen=True, slots=True)
class Shape:
    """A geometry that an expression names: `point`, `line` or `polygon`, its corners as longitude and latitude."""

    kind: str
    corners: tuple[tuple[float, float], ...]


Value = str | float | bool | datetime | date | time | timedelta | Shape | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the expression."""

    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class Path:
    """A property, by way of other entities where there are several parts."""

    parts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Application:
    """A function or operator and what it is applied to."""

    name: str
    arguments: tuple[Node, ...]
    at: int


Node = Literal | Path | Application
