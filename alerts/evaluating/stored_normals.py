"""Stored normals of channels: written by `rules normals`, read by evaluation and back-tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.rules.composite import CompositeRule
from alerts.rules.normals import Cell, Normals
from alerts.rules.rule import ChannelRule, MeasureKind
from quantrac.database.pool import Connection
from quantrac.telemetry.parameters import CATALOGUE

CELLS: Final = """
select c.channel, n.month, n.phase, n.median, n.mad, n.count
from channel_normal n join channel c using (channel_id) where c.channel = any(%s) order by 1, 2, 3
"""
INSERT: Final = """
insert into channel_normal (channel_id, month, phase, median, mad, count, from_t, to_t, made_at)
select c.channel_id, v.month, v.phase, v.median, v.mad, v.count, %(from)s, %(to)s, %(now)s
from channel c, unnest(%(month)s::int2[], %(phase)s::int2[], %(median)s::float8[], %(mad)s::float8[], %(count)s::int4[])
     as v (month, phase, median, mad, count)
where c.channel = %(channel)s
"""
FORGET: Final = "delete from channel_normal n using channel c where c.channel_id = n.channel_id and c.channel = %s"


def stamp(conn: Connection) -> datetime | None:
    """Return when normals were last made; None: never."""
    row = conn.execute("select max(made_at) from channel_normal").fetchone()
    return None if row is None else row[0]


def load_cells(conn: Connection, channels: Iterable[str]) -> dict[str, list[Cell]]:
    """Return the cells of channels, `<station>/<name>`; one without any is not there."""
    found: dict[str, list[Cell]] = {}
    for channel, *cell in conn.execute(CELLS, [sorted(set(channels))]):
        found.setdefault(channel, []).append(Cell(*cell))
    return found


def save_cells(
    conn: Connection, channel: str, cells: Sequence[Cell], period: tuple[datetime, datetime], now: datetime
) -> None:
    """Replace the normals of a channel. In a transaction."""
    conn.execute(FORGET, [channel])
    conn.execute(
        INSERT,
        {
            "channel": channel,
            "month": [cell.month for cell in cells],
            "phase": [cell.phase for cell in cells],
            "median": [cell.median for cell in cells],
            "mad": [cell.mad for cell in cells],
            "count": [cell.count for cell in cells],
            "from": period[0],
            "to": period[1],
            "now": now,
        },
    )


def with_normals(conn: Connection, rules: Mapping[str, Sequence[ChannelRule]]) -> dict[str, list[ChannelRule]]:
    """Return rules by channel, those of departure with what is normal for their channel."""
    wanted = [
        channel for channel, own in rules.items() if any(rule.measure.kind is MeasureKind.DEPARTURE for rule in own)
    ]
    cells = load_cells(conn, wanted) if wanted else {}
    return {channel: [_informed(rule, cells) for rule in own] for channel, own in rules.items()}


def composites_with_normals(conn: Connection, composites: Sequence[CompositeRule]) -> list[CompositeRule]:
    """Return composite rules, their members of departure with what is normal."""
    members = [member.rule for composite in composites for member in composite.members]
    wanted = [rule.channel for rule in members if rule.measure.kind is MeasureKind.DEPARTURE]
    cells = load_cells(conn, wanted) if wanted else {}
    return [
        replace(composite, members=tuple(replace(m, rule=_informed(m.rule, cells)) for m in composite.members))
        for composite in composites
    ]


def _informed(rule: ChannelRule, cells: Mapping[str, list[Cell]]) -> ChannelRule:
    if rule.measure.kind is not MeasureKind.DEPARTURE:
        return rule
    own = cells.get(rule.channel)
    normals = None if own is None else Normals.of(own, CATALOGUE[rule.parameter].resolution)
    return replace(rule, normals=normals)
