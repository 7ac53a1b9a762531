"""Definitions of the derived channels (formula, inputs, options), as `quantrac stations apply` stored them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from quantrac.database.pool import Connection
from quantrac.telemetry.indices.formulas import FORMULAS, Basis, Formula, Options, options_of
from quantrac.telemetry.local_time import Calendar

SETTINGS: Final = "select valid_share, time_zone from network"
IN_FORCE: Final = """
select d.channel_id, c.station, d.formula, d.inputs, d.options, d.made,
       (select min(i.interval_s) from jsonb_each_text(d.inputs) e join channel i on i.channel_id = e.value::int4)
from derived_channel d join channel c using (channel_id) join station s using (station)
where c.active and s.active order by d.channel_id
"""
MADE: Final = """
update derived_channel d set made = m.written from unnest(%s::int4[], %s::jsonb[]) as m(channel_id, written)
where d.channel_id = m.channel_id
"""


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
    interval: timedelta
    """Of the input that comes most often."""

    @property
    def window(self) -> timedelta:
        """How far before its own time a value reaches: a day on which clocks are set back has an hour more."""
        return timedelta(hours=self.formula.hours + (self.formula.basis is Basis.DAY))


Layers = Sequence[Sequence[Definition]]
"""Derived channels, those of each layer made of earlier layers and of what the stations send."""


def settings(conn: Connection) -> tuple[float, str]:
    """Return what all definitions depend on: the valid share and the time zone of the network."""
    share, zone = conn.execute(SETTINGS).fetchall()[0]
    return share, zone


def definitions(conn: Connection) -> Layers:
    """Return the derived channels of active stations."""
    share, zone = settings(conn)
    calendar = Calendar(ZoneInfo(zone))
    return layers([_definition(calendar, share, *row) for row in conn.execute(IN_FORCE)])


def layers(found: Iterable[Definition]) -> Layers:
    """Return the definitions in layers, inputs first. The checks of the files refuse circles."""
    done: list[list[Definition]] = []
    waiting = {each.channel_id: each for each in found}
    while waiting:
        ready = [each for each in waiting.values() if waiting.keys().isdisjoint(each.inputs.values())]
        done.append(ready or list(waiting.values()))
        for each in done[-1]:
            del waiting[each.channel_id]
    return done


def with_dependants(chosen: Collection[int], every: Layers) -> Layers:
    """Return the chosen channels and all that is made of them."""
    found = set(chosen)
    for layer in every:
        found.update(each.channel_id for each in layer if not found.isdisjoint(each.inputs.values()))
    return [[each for each in layer if each.channel_id in found] for layer in every]


def mark_made(conn: Connection, made: Layers) -> None:
    """Record that the stored values of these channels were made with these definitions."""
    rows = [(each.channel_id, Jsonb(each.written)) for layer in made for each in layer]
    conn.execute(MADE, [[channel_id for channel_id, _ in rows], [written for _, written in rows]])


def _definition(
    calendar: Calendar, share: float, channel_id: int, station: str, formula: str, inputs: dict[str, int],
    options: dict[str, Any], made: dict[str, Any] | None, interval_s: float,
) -> Definition:  # fmt: skip
    what = FORMULAS[formula]
    written = {"formula": formula, "inputs": inputs, "options": options, "share": share}
    if what.basis is not Basis.MOMENT:
        written["hours_begin"] = calendar.shift.total_seconds()
    if what.basis is Basis.DAY:
        written["time_zone"] = calendar.zone.key
    return Definition(
        channel_id, station, what, inputs, options_of(options, share), written, calendar, made == written,
        timedelta(seconds=interval_s),
    )  # fmt: skip
