"""How far a sensor is from what a laboratory found, and whether that is within the tolerance. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

DEFAULT_AROUND_MS: Final = 900_000
"""Readings of so long on each side of a sample are compared with it, unless network.yaml says otherwise."""
_NUMBER: Final = r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_FOUND: Final = re.compile(_NUMBER)
_TWO_WAYS: Final = re.compile(r"(?<![0-9.,])([1-9][0-9]{0,2})([.,])([0-9]{3})(?![0-9.,eE])")
"""A point or a comma that may part thousands."""
_MARK: Final = re.compile(r"(?<![0-9.,])[0-9]+([.,])[0-9]+(?![0-9.,])")
_NOT_FOUND: Final = re.compile(
    rf"(?:(?:kph|nd|khp)\s*)?(?:<\s*|\(\s*(?:<|(?:lod|mdl)\s*[=:]?)\s*)({_NUMBER})\s*\)?", re.IGNORECASE
)
"""`<0.02`, `KPH (<0,02)` (không phát hiện), `ND (LOD = 0.02)`."""


class LaboratoryValue(NamedTuple):
    """What a laboratory found: a value, or that it is below the limit of detection; one of them is None."""

    value: float | None
    detection_limit: float | None


class Tolerance(NamedTuple):
    """How far a sensor may be from the laboratory: `units`, or `percent` of the result; the larger one counts."""

    units: float | None
    percent: float | None
    source: str
    """Where it comes from."""

    def allowed(self, result: float) -> float:
        """Return how far a sensor may be from a result, in its unit."""
        return max(self.units or 0.0, abs(result) * (self.percent or 0.0) / 100)


class ComparisonSettings(NamedTuple):
    """How laboratory results and readings are compared: `samples` of network.yaml."""

    around_ms: float
    tolerances: Mapping[str, Tolerance]
    """By parameter."""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> ComparisonSettings:
        """Return it as the database keeps it."""
        tolerances = {
            name: Tolerance(said.get("units"), said.get("percent"), said["source"])
            for name, said in (kept.get("tolerances") or {}).items()
        }
        return cls(kept.get("around_ms", DEFAULT_AROUND_MS), tolerances)


class Bias(NamedTuple):
    """A sensor beside a laboratory's result."""

    difference: float | None
    """Sensor minus laboratory, in the parameter's unit. None: nothing stands beside it, or it is below its limit."""
    percent: float | None
    """Of the result; None also for a result of zero."""
    allowed: float | None
    """How far it may be; None: the network has no tolerance for the parameter."""
    verdict: Literal["within", "beyond"] | None
    """None: nobody can say."""


UNKNOWN: Final = Bias(None, None, None, None)


def bias_of(found: LaboratoryValue, beside: float | None, tolerance: Tolerance | None) -> Bias:
    """Return how far a sensor's value is from a result, and whether that is within the tolerance.

    A result below its limit of detection has no difference: the sensor is within the tolerance if it is not farther
    above that limit than a result of that value would let it be.
    """
    limit = found.detection_limit if found.value is None else found.value
    if limit is None:
        return UNKNOWN
    allowed = None if tolerance is None else tolerance.allowed(limit)
    if beside is None:
        return Bias(None, None, allowed, None)
    difference = beside - limit
    off = abs(difference) if found.value is not None else max(0.0, difference)
    verdict: Literal["within", "beyond"] | None = None
    if allowed is not None:  # 4.2 - 3.9 is a little more than 0.3: a tolerance is not told apart from rounding
        verdict = "within" if off <= allowed or math.isclose(off, allowed, rel_tol=1e-9) else "beyond"
    if found.value is None:
        return Bias(None, None, allowed, verdict)
    percent = difference / abs(found.value) * 100 if found.value else None
    return Bias(difference, percent if percent is not None and math.isfinite(percent) else None, allowed, verdict)


def laboratory_value(text: str) -> LaboratoryValue | None:
    """Return what a laboratory wrote: `4.2`, `4,2`, `<0.02`, `KPH (LOD = 0,02)`; None for anything else."""
    said = text.strip().replace("\N{MINUS SIGN}", "-")
    if _FOUND.fullmatch(said):
        value = _number(said)
        return None if value is None else LaboratoryValue(value, None)
    if not_found := _NOT_FOUND.fullmatch(said):
        limit = _number(not_found[1])
        return None if limit is None or limit <= 0 else LaboratoryValue(None, limit)
    return None


def two_ways(text: str, decimal_mark: str = "") -> tuple[str, str] | None:
    """Return how `2.400` is written as either number that it may be: `2400`, `2.4000`; None: it is no such number.

    `decimal_mark`: what is known to begin decimals, a point or a comma; empty: nobody knows.
    """
    found = _TWO_WAYS.search(text)
    return None if found is None or found[2] == decimal_mark else (found[1] + found[3], f"{found[0]}0")


def decimal_marks(texts: Iterable[str]) -> set[str]:
    """Return what begins decimals in these numbers, as those of them show that cannot part thousands there.

    Such as `0.42`, `0.500` or `1234.5`. Texts that are no results say nothing.
    """
    numbers = (text for text in texts if laboratory_value(text) is not None and not _TWO_WAYS.search(text))
    return {found[1] for text in numbers if (found := _MARK.search(text))}


def one_mark(marks: Collection[str]) -> str:
    """Return the one mark that begins decimals. Empty: no number shows it, or some say a point and others a comma."""
    return next(iter(marks)) if len(marks) == 1 else ""


def _number(text: str) -> float | None:
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None
