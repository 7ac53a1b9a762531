"""Applies the limits of decrees to the database, where programs read them as `v_limit`; part of applying a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from typing import Final

from psycopg.types.json import Jsonb

from quantrac.config.limits import DecreeLimit, DecreeLimits
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.desks.setting_changes import SettingChange
from quantrac.telemetry.parameters import parameter


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A figure of a limit as table `decree_limit` has it."""

    name: str
    decree: str
    article: str
    parameter: str
    class_: str
    title: Mapping[str, str]
    average: str
    low: float | None
    high: float | None
    unit: str
    valid_from: date | None
    valid_to: date | None
    confirmed: bool

    @classmethod
    def of(cls, limit: DecreeLimit) -> LimitRow:
        """Return the row of a limit of the files."""
        return cls(
            limit.name, limit.decree, limit.article.en, limit.parameter, limit.case,
            {"vi": limit.title.vi, "en": limit.title.en}, limit.average.value, limit.low, limit.high,
            parameter(limit.parameter).unit, limit.first, limit.last, limit.confirmed,
        )  # fmt: skip

    def __str__(self) -> str:
        """Return it as lists of changes show it."""
        bounds = (f"{side} {bound:g}" for side, bound in (("low", self.low), ("high", self.high)) if bound is not None)
        days = f" from {self.valid_from or '…'} to {self.valid_to or '…'}" if self.valid_from or self.valid_to else ""
        return f"{self.name.partition('/')[2]}: {', '.join(bounds)}{days}{'' if self.confirmed else ' (unconfirmed)'}"


COLUMNS: Final = columns_of(LimitRow).replace("class_", "class")
IN_FORCE: Final = f"select {COLUMNS.replace('class', 'class as class_')} from decree_limit"  # noqa: S608  # our own names
FORGET: Final = "delete from decree_limit"
KEEP: Final = f"insert into decree_limit ({COLUMNS}) values (%s{', %s' * COLUMNS.count(',')})"  # noqa: S608


def apply_limits(conn: Connection, limits: DecreeLimits) -> list[SettingChange]:
    """Replace the limits by those of the files; return what changed, by file. Nothing is written where nothing did."""
    before = rows_of(conn, LimitRow, IN_FORCE)
    after = [LimitRow.of(limit) for versions in limits.values() for limit in versions]
    changes = changed_limits(before, after)
    if changes:
        conn.execute(FORGET)
        with conn.cursor() as cursor:
            cursor.executemany(
                KEEP, [[Jsonb(each) if isinstance(each, dict) else each for each in astuple(row)] for row in after]
            )
    return changes


def changed_limits(before: Iterable[LimitRow], after: Iterable[LimitRow]) -> list[SettingChange]:
    """Return each file of which some figure differs, with those figures; None: the file has none. Pure."""
    old, new = _by_file(before), _by_file(after)
    return [
        SettingChange(
            f"limits/{file}", _differing(old.get(file), new.get(file)), _differing(new.get(file), old.get(file))
        )
        for file in sorted({*old, *new})
        if old.get(file) != new.get(file)
    ]


def _by_file(rows: Iterable[LimitRow]) -> dict[str, dict[tuple[str, date], LimitRow]]:
    found: dict[str, dict[tuple[str, date], LimitRow]] = {}
    for row in rows:
        found.setdefault(row.name.partition("/")[0], {})[row.name, row.valid_from or date.min] = row
    return found


def _differing(
    rows: Mapping[tuple[str, date], LimitRow] | None, others: Mapping[tuple[str, date], LimitRow] | None
) -> list[str] | None:
    """Return the figures that the other side does not have like this; of a file that it has not, their number."""
    if rows is None:
        return None
    if others is None:
        return [f"{len(rows)} figures"]
    return [str(row) for key, row in sorted(rows.items()) if others.get(key) != row]
