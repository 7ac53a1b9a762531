"""Spans of reports: a local day, a month or a year, by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from quantrac.telemetry.errors import TranslatableError

_SPAN: Final = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


class BadSpan(TranslatableError):
    """What was asked for cannot be shown."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ReportSpan:
    """The local days that a report is about, both inclusive."""

    name: str
    """`2026-10-03`, `2026-10` or `2026`."""
    first: date
    last: date

    @classmethod
    def of(cls, name: str) -> ReportSpan:
        """Return the day, month or year of a name. Raises BadSpan."""
        found = _SPAN.fullmatch(name)
        try:
            if found is None or not 1970 <= int(found[1]) < 2100:
                raise ValueError
            first = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
            after = (first + timedelta(days=31 if found[2] else 366)).replace(day=1)
        except ValueError:
            raise BadSpan("found {name}, expected a day, month or year: 2026-10-03, 2026-10, 2026", name=name) from None
        return cls(name, first, first if found[3] else after - timedelta(days=1))

    @property
    def word(self) -> str:
        """`day`, `month` or `year`."""
        return {10: "day", 7: "month", 4: "year"}[len(self.name)]

    def part(self, day: date) -> date:
        """Return the first day of the part in which a day is: its month, or, of a report about a day, the day."""
        return day if self.first == self.last else day.replace(day=1)

    def name_of(self, part: date) -> str:
        """Return how the report names a part."""
        return self.name if self.first == self.last else f"{part:%Y-%m}"
