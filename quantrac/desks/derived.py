"""Stores the definitions of a station's derived channels when its file is applied."""

from __future__ import annotations

from typing import Any, Final

from psycopg.types.json import Jsonb

from quantrac.config.stations import Station
from quantrac.database.pool import Connection

CHANNELS: Final = "select name, channel_id from channel where station = %s"
IN_FORCE: Final = """
select c.name, d.formula, d.inputs, d.options from derived_channel d join channel c using (channel_id)
where c.station = %s
"""
DEFINE: Final = """
insert into derived_channel (channel_id, formula, inputs, options) values (%s, %s, %s, %s)
on conflict (channel_id) do update set formula = excluded.formula, inputs = excluded.inputs, options = excluded.options
"""
FORGET: Final = """
delete from derived_channel d using channel c where c.channel_id = d.channel_id and c.station = %s and c.name = any(%s)
"""


def define_derived(conn: Connection, station: Station) -> list[str]:
    """Write how the station's derived channels are made; its channels must be there. Return the names that changed.

    A consumer makes values anew whose definition is not the one that they were made with; of a channel that is derived
    no longer the values stay as they are.
    """
    numbers: dict[str, int] = dict(conn.execute(CHANNELS, [station.station]).fetchall())
    before = {name: definition for name, *definition in conn.execute(IN_FORCE, [station.station])}
    wanted: dict[str, list[Any]] = {
        name: [d.formula, {entry: numbers[channel] for entry, channel in d.inputs.items()}, d.options]
        for name, d in station.derived.items()
    }
    changed = [name for name, definition in wanted.items() if before.get(name) != definition]
    for name in changed:
        formula, inputs, options = wanted[name]
        conn.execute(DEFINE, [numbers[name], formula, Jsonb(inputs), Jsonb(options)])
    gone = sorted(before.keys() - wanted.keys())
    conn.execute(FORGET, [station.station, gone])
    return [*changed, *gone]
