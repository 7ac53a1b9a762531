"""How good tests are, against what people say of the same readings. Pure.

A test is right when it blames what a person rejects. Of what people reject, recall is the share that it blames; of what
it blames, precision is the share that people reject; F1 is the harmonic mean of the two (van Rijsbergen, Information
Retrieval, 1979, chapter 7). The share of false flags is counted among the good readings: what it costs to run the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

TOGETHER: Final = "together"
"""In place of a test's name: a reading that any of them blames."""
EVERY: Final = "all"
"""In place of a parameter."""


class CountedReadings(NamedTuple):
    """So many readings of a parameter of which people and tests say the same."""

    parameter: str
    is_bad: bool
    """A person calls them suspect or failed; False: good."""
    blaming: frozenset[str]
    """Names of the tests that blame them, suspect or fail."""
    readings: int


@dataclass(frozen=True, slots=True)
class TestScore:
    """How one test, or all together, did on one parameter; a share is None where it would be of nothing."""

    __test__ = False  # it is no test of pytest's

    parameter: str
    test: str
    readings: int
    """That people have judged."""
    bad: int
    """Of these, what people reject."""
    flagged: int
    """What the test blames."""
    hits: int
    """What both blame."""
    precision: float | None
    recall: float | None
    f1: float | None
    false_share: float | None
    """Of the good readings the share that the test blames."""

    @classmethod
    def of(cls, parameter: str, test: str, *, readings: int, bad: int, flagged: int, hits: int) -> TestScore:
        """Return the score that counted readings make."""
        return cls(
            parameter, test, readings, bad, flagged, hits,
            precision=_share(hits, flagged), recall=_share(hits, bad), f1=_share(2 * hits, flagged + bad),
            false_share=_share(flagged - hits, readings - bad),
        )  # fmt: skip


def scores(counted: Iterable[CountedReadings], tests: Mapping[str, Iterable[str]]) -> list[TestScore]:
    """Return the score of each test by parameter, each alone and together, parameters first singly, then all.

    Args:
        counted: readings that people have judged.
        tests: by parameter the tests that run on it, also those that blame nothing.
    """
    rows = list(counted)
    found: list[TestScore] = []
    for parameter in sorted({row.parameter for row in rows}):
        own = [row for row in rows if row.parameter == parameter]
        found += _of_parameter(parameter, own, set(tests.get(parameter, ())))
    if len({row.parameter for row in rows}) > 1:
        found += _of_parameter(EVERY, rows, set().union(*tests.values()))
    return found


def _of_parameter(parameter: str, rows: Sequence[CountedReadings], tests: set[str]) -> list[TestScore]:
    names = sorted(tests.union(*(row.blaming for row in rows)))
    alone = [_score(parameter, name, rows, frozenset([name])) for name in names]
    return [*alone, _score(parameter, TOGETHER, rows, frozenset(names))]


def _score(parameter: str, test: str, rows: Sequence[CountedReadings], names: frozenset[str]) -> TestScore:
    readings = sum(row.readings for row in rows)
    bad = sum(row.readings for row in rows if row.is_bad)
    flagged = sum(row.readings for row in rows if row.blaming & names)
    hits = sum(row.readings for row in rows if row.is_bad and row.blaming & names)
    return TestScore.of(parameter, test, readings=readings, bad=bad, flagged=flagged, hits=hits)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
