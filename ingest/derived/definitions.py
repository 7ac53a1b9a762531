"""Definitions of the derived channels (formula, inputs, options), as `quantrac stations apply` stored them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.indices.formulas import FORMULAS, Basis, Formula, Options, options_of
from quantrac.telemetry.local_time import Calendar

IN_FORCE: Final = """
select d.channel_id, c.station, d.formula, d.inputs, d.options, d.made, (select valid_share from network)
from derived_channel d join channel c using (channel_id) join station s using (station)
where c.active and s.active order by d.channel_id
"""
MADE: Final = "update derived_channel set made = %s where channel_id = %s"


@dataclass(frozen=True, slots=True)
class Definition:
    """One derived channel."""

    channel_id: int
    station: str
    formula: Formula
    inputs: Mapping[str, int]
    """Input of the formula → channel_id."""
    options: Options
    written: Mapping[str, Any]
    """All that decides its values."""
    calendar: Calendar
    is_made: bool
    """Its stored values were made with this definition."""

    @property
    def window(self) -> timedelta:
        """How far before its own time a value reaches: a day on which clocks are set back has an hour more."""
        return timedelta(hours=self.formula.hours + (self.formula.basis is Basis.DAY))


def definitions(conn: Connection) -> list[Definition]:
    """Return the derived channels of active stations, those before others that are made of them."""
    calendar = Calendar(time_zone(conn))
    return ordered([_definition(calendar, *row) for row in conn.execute(IN_FORCE)])


def ordered(found: Iterable[Definition]) -> list[Definition]:
    """Return them so that each comes after those that it is made of; there are no circles, the files were checked."""
    done: dict[int, Definition] = {}
    waiting = {each.channel_id: each for each in found}
    while waiting:
        ready = [each for each in waiting.values() if not waiting.keys() & set(each.inputs.values())]
        for each in ready or list(waiting.values()):
            done[each.channel_id] = waiting.pop(each.channel_id)
    return list(done.values())


def with_dependants(chosen: Collection[int], every: Sequence[Definition]) -> list[Definition]:
    """Return the chosen channels and all that is made of them, in the order of `every`."""
    found = set(chosen)
    for each in every:
        if found & set(each.inputs.values()):
            found.add(each.channel_id)
    return [each for each in every if each.channel_id in found]


def mark_made(conn: Connection, made: Iterable[Definition]) -> None:
    """Record that the stored values of these channels were made with these definitions."""
    for each in made:
        conn.execute(MADE, [Jsonb(each.written), each.channel_id])


def _definition(
    calendar: Calendar, channel_id: int, station: str, formula: str, inputs: dict[str, int], options: dict[str, Any],
    made: dict[str, Any] | None, share: float,
) -> Definition:  # fmt: skip
    what = FORMULAS[formula]
    written = {"formula": formula, "inputs": inputs, "options": options, "share": share}
    if what.basis is not Basis.MOMENT:
        written["hours_begin"] = calendar.shift.total_seconds()
    if what.basis is Basis.DAY:
        written["time_zone"] = calendar.zone.key
    return Definition(channel_id, station, what, inputs, options_of(options, share), written, calendar, made == written)
