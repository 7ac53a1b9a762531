"""What tests and people say of a stretch of readings: a hint beside the value in charts and on the workbench."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from dashboards.console.texts import Language
from quantrac.database.pool import Connection

SAID: Final = """
select extract(epoch from bucket_end(time, %(width)s))::float8, tests, score, words, words_en, verdict, "by", reason
from reading_words(%(channel)s, %(after)s, %(until)s, null) order by 1, score desc nulls last, time
"""
"""Those of one point of the chart stand together, the strongest first."""


class ReadingRemark(NamedTuple):
    """What is said of readings side by side; the words are those of the finding that goes farthest."""

    from_s: float
    to_s: float
    """Of the points that it is about: from < t <= to, seconds since 1970."""
    tests: list[str]
    score: float | None
    words: str | None
    verdict: int | None
    """A person's flag; None: nobody's stands."""
    by: str | None
    reason: str | None

    def goes_on(self, other: ReadingRemark, width_s: float) -> bool:
        """Tell whether another one says the same of the next point."""
        same = (self.tests, *self[5:]) == (other.tests, *other[5:])
        return same and other.from_s <= self.to_s + 0.5 * width_s


def read_remarks(
    conn: Connection, channel: str, after: datetime, until: datetime, width: timedelta, language: Language
) -> list[ReadingRemark]:
    """Return what is said of readings, after < time <= until, in points of a width, by time."""
    asked = {"channel": channel, "after": after, "until": until, "width": width}
    width_s = width.total_seconds()
    found = [
        ReadingRemark(t - width_s, t, tests, score, vi if language == "vi" else en, *person)
        for t, tests, score, vi, en, *person in conn.execute(SAID, asked)
    ]
    return joined(found, width_s)


def joined(found: Iterable[ReadingRemark], width_s: float) -> list[ReadingRemark]:
    """Return one remark for points side by side of which the same is said, and at most one a point. Pure."""
    points: list[ReadingRemark] = []
    for one in found:
        if not points or points[-1].to_s != one.to_s:
            points.append(one)
        elif points[-1].verdict is None and one.verdict is not None:
            points[-1] = points[-1]._replace(verdict=one.verdict, by=one.by, reason=one.reason)
    whole: list[ReadingRemark] = []
    for one in points:
        if whole and whole[-1].goes_on(one, width_s):
            kept = max(whole[-1], one, key=_strength)
            whole[-1] = whole[-1]._replace(to_s=one.to_s, score=kept.score, words=kept.words)
        else:
            whole.append(one)
    return whole


def _strength(one: ReadingRemark) -> Any:
    return -1.0 if one.score is None else one.score
