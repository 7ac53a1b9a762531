"""The tests with a history in one form: limits of a parameter, reach in time, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ingest.quality import flat, rate, spike
from ingest.quality.readings import Floats, TestedReadings, Verdicts
from ingest.quality.windows import Reach
from quantrac.quality.accuracy import coarseness
from quantrac.quality.finding_words import filled
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

Judge = Callable[[TestedReadings, Floats, Floats], Verdicts]
"""Readings, and for each its limit and its channel's interval (seconds), to a verdict a reading."""


@dataclass(frozen=True, slots=True)
class HistoryTest:
    """One test. Its limit is where a value becomes suspect: a difference, or seconds."""

    name: str
    usual: Callable[[str], float | None]
    """Limit of a parameter; None: it does not have the test unless files say so."""
    reach: Callable[[float, int], Reach]
    """How far a verdict looks, for a limit and the farthest a neighbour may be, microseconds."""
    judge: Judge
    found: Words
    """What a finding says of `value` and the `limit` it exceeds."""
    withdrawn: Words
    fail_factor: float
    shown_in: float = 1.0
    """The limit is shown to people in so many of its units: seconds as hours."""


TESTS: Final[Mapping[str, HistoryTest]] = MappingProxyType(
    {
        test.name: test
        for test in (
            HistoryTest(
                name=spike.TEST,
                usual=spike.suspect_from,
                reach=lambda _, gap: Reach(gap, gap, gap),
                judge=spike.spikes,
                found=Words(
                    "{value:g} lệch quá {limit:g} so với trung bình của hai giá trị liền kề",
                    "{value:g} stands off from the mean of its neighbours by more than {limit:g}",
                ),
                withdrawn=Words(
                    "rút lại: có thêm số liệu về sau thì không phải gai nhọn",
                    "withdrawn: with the readings that came later it is no spike",
                ),
                fail_factor=spike.FAIL_FACTOR,
            ),
            HistoryTest(
                name=flat.TEST,
                usual=flat.SUSPECT_AFTER.get,
                reach=lambda limit, gap: Reach(round(flat.FAIL_FACTOR * limit * 1e6), 0, gap),
                judge=flat.flat_lines,
                found=Words(
                    "{value:g} đứng yên đã hơn {limit:g} giờ",
                    "{value:g} has not moved for more than {limit:g} h",
                ),
                withdrawn=Words(
                    "rút lại: có thêm số liệu về sau thì không phải đứng yên",
                    "withdrawn: with the readings that came later it is no flat line",
                ),
                fail_factor=flat.FAIL_FACTOR,
                shown_in=flat.HOUR_S,
            ),
            HistoryTest(
                name=rate.TEST,
                usual=rate.MOST_AN_HOUR.get,
                reach=lambda _, gap: Reach(2 * gap, 0, gap),
                judge=rate.jumps,
                found=Words(
                    "{value:g} cách các giá trị trước đó quá {limit:g} mỗi giờ",
                    "{value:g} is further from the readings before it than {limit:g} an hour",
                ),
                withdrawn=Words(
                    "rút lại: có thêm số liệu về sau thì không phải đổi quá nhanh",
                    "withdrawn: with the readings that came later it is no jump",
                ),
                fail_factor=rate.FAIL_FACTOR,
            ),
        )
    }
)
"""Every test by its name."""


def limits_of(parameter: str, own: Mapping[str, Any]) -> dict[str, float]:
    """Return the tests that a channel has, with their limits; `own` are its own by test, 0 switches it off."""
    usual = {name: own.get(name, test.usual(parameter)) for name, test in TESTS.items()}
    return {name: limit for name, limit in usual.items() if limit}


def limits_at(parameter: str, resolution: float | None) -> dict[str, float]:
    """Return the usual limits that are wider for an instrument of coarse steps: the time for which a value may rest."""
    usual, times = TESTS[flat.TEST].usual(parameter), coarseness(parameter, resolution)
    return {flat.TEST: usual * times} if usual is not None and times > 1 else {}


def words(test: HistoryTest, flag: Quality, value: float, limit: float) -> Words:
    """Return what a finding says, of a value and its channel's limit."""
    exceeded = limit * (test.fail_factor if flag is Quality.FAIL else 1) / test.shown_in
    return filled(test.found, {"value": value, "limit": exceeded})
