"""The time that a bulletin is about, by its name: `2026-W48`, `2026-11-29`, `2026-11`, `2026`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from quantrac.config.bulletins import BulletinKind
from reports.spans import BadSpan, ReportSpan

DAY: Final = timedelta(days=1)
_WEEK: Final = re.compile(r"(\d{4})-W(\d\d)")
_WORDS: Final = {
    BulletinKind.FARMERS_DAY: "day", BulletinKind.AIR_MONTH: "month", BulletinKind.MONTH: "month",
    BulletinKind.YEAR: "year",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BulletinPeriod:
    """Local days, both inclusive, and the name by which people ask for them."""

    name: str
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Return each of them."""
        return [self.first + n * DAY for n in range((self.last - self.first).days + 1)]

    @property
    def week(self) -> int:
        """The number of its week (ISO 8601)."""
        return self.first.isocalendar().week


def period_of(kind: BulletinKind, name: str) -> BulletinPeriod:
    """Return the period of a name. Raises BadSpan where a bulletin of this kind has none such."""
    if kind is BulletinKind.WATER_WEEK:
        return _week_of(name)
    span = ReportSpan.of(name)
    if span.word != _WORDS[kind]:
        raise BadSpan(
            "found the {found} {name}, expected a {expected}", found=span.word, name=name, expected=_WORDS[kind]
        )
    return BulletinPeriod(name, span.first, span.last)


def period_before(kind: BulletinKind, day: date) -> BulletinPeriod:
    """Return the last period that was over when a local day began."""
    last = day - DAY
    if kind is BulletinKind.WATER_WEEK:
        return week_with(day - 7 * DAY)
    if kind is BulletinKind.FARMERS_DAY:
        return period_of(kind, f"{last}")
    if kind is BulletinKind.YEAR:
        return period_of(kind, f"{day.year - 1}")
    return period_of(kind, f"{day.replace(day=1) - DAY:%Y-%m}")


def week_with(day: date) -> BulletinPeriod:
    """Return the week that holds a day; it begins on Monday (ISO 8601)."""
    year, week, weekday = day.isocalendar()
    first = day - (weekday - 1) * DAY
    return BulletinPeriod(f"{year}-W{week:02}", first, first + 6 * DAY)


def year_before(period: BulletinPeriod) -> BulletinPeriod:
    """Return the week of the same number a year before; for week 53, where that year has none, its 52nd."""
    year, week, _ = period.first.isocalendar()
    try:
        return week_with(date.fromisocalendar(year - 1, week, 1))
    except ValueError:
        return week_with(date.fromisocalendar(year - 1, 52, 1))


def _week_of(name: str) -> BulletinPeriod:
    found = _WEEK.fullmatch(name)
    try:
        if found is None or not 1970 < int(found[1]) < 2100:
            raise ValueError
        return week_with(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    except ValueError:
        raise BadSpan("found {name}, expected a week such as 2026-W48", name=name) from None
