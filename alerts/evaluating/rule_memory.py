"""The memory of rules: in this process between rounds, in the database with each round.

A channel has one cursor for all its rules: the time of the newest reading that they have evaluated. A rule at rest
(nothing pending, standing or late) remembers nothing else, so it has no row: the cursors of a station, which move with
every reading, are one row. One service evaluates at a time and is the only one that writes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import msgspec

from alerts.evaluating.evaluation import RuleState
from alerts.evaluating.reading_window import milliseconds
from quantrac.database.columns import array
from quantrac.database.pool import Connection

Key = tuple[str, int]
"""(rule, channel_id)."""

LOAD_STATES: Final = "select rule, channel_id, state::text from rule_state"
LOAD_CURSORS: Final = "select station, channels, until_ms from rule_cursor"
SAVE_STATES: Final = """
insert into rule_state (rule, channel_id, state) select * from unnest(%s::text[], %s::int4[], %s::text[]::jsonb[])
on conflict (rule, channel_id) do update set state = excluded.state
"""
SAVE_CURSORS: Final = """
insert into rule_cursor (station, channels, until_ms)
select station, channels::int4[], until_ms::int8[]
from unnest(%s::text[], %s::text[], %s::text[]) as c (station, channels, until_ms)
on conflict (station) do update set channels = excluded.channels, until_ms = excluded.until_ms
"""
FORGET_STATES: Final = """
delete from rule_state where (rule, channel_id) in (select * from unnest(%s::text[], %s::int4[]))
"""


class RuleMemory:
    """The memory of rules. Save only within `transaction`."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._is_ahead = False
        """Whether memory holds what is not committed yet."""
        self._states: dict[Key, RuleState] = {}
        self._cursors: dict[str, dict[int, int]] = {}
        """By station and channel_id."""
        self._load()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction; if it fails, memory goes back to what it was."""
        self._is_ahead = False
        try:
            with self._conn.transaction():
                yield
        except BaseException:
            if self._is_ahead and not self._conn.broken:
                self._load()
            raise

    def state(self, station: str, key: Key) -> RuleState:
        """Return what a rule remembers of a channel of a station."""
        return self._states.get(key) or RuleState(self.cursor_ms(station, key[1]))

    def cursor_ms(self, station: str, channel_id: int) -> int | None:
        """Return the time of the newest reading that rules have evaluated; None: none yet."""
        return self._cursors.get(station, {}).get(channel_id)

    def not_at_rest(self) -> Iterable[Key]:
        """Return the rules and channels that have a state of their own."""
        return self._states.keys()

    def unsettled(self) -> list[Key]:
        """Return the rules and channels that remember late readings."""
        return [key for key, state in self._states.items() if state.late is not None]

    def move(self, cursors: Mapping[str, Mapping[int, int]]) -> None:
        """Save cursors that have moved, by station and channel_id."""
        self._is_ahead = True
        for station, moved in cursors.items():
            self._cursors.setdefault(station, {}).update(moved)
        rows = [(station, array(self._cursors[station]), array(self._cursors[station].values())) for station in cursors]
        if rows:  # as literals: psycopg would quote each element by itself
            quoted = [array(f'"{each}"' for each in column) for column in zip(*sorted(rows), strict=True)]
            self._conn.execute(SAVE_CURSORS, quoted)

    def shift(self, channels: Iterable[int], from_t: datetime, to_t: datetime, by_ms: int) -> None:
        """Let rules go on from another time, where the cursor of a channel lies between two times."""
        first, last, wanted = milliseconds(from_t), milliseconds(to_t), set(channels)
        moved = {
            station: {id_: t + by_ms for id_, t in own.items() if id_ in wanted and first <= t <= last}
            for station, own in self._cursors.items()
        }
        self.move({station: own for station, own in moved.items() if own})
        cursors = {id_: t for own in moved.values() for id_, t in own.items()}
        self.save(
            {
                key: msgspec.structs.replace(state, cursor_ms=cursors[key[1]])
                for key, state in self._states.items() if key[1] in cursors
            },
            frozenset(rule for rule, _ in self._states),
        )  # fmt: skip

    def save(self, states: Mapping[Key, RuleState], kept: frozenset[str]) -> None:
        """Save states that have changed. A rule at rest is forgotten, unless its name is one of those `kept`."""
        known, changed = self._states, dict[Key, RuleState]()
        self.forget([key for key, state in states.items() if state.is_at_rest and key in known and key[0] not in kept])
        for key, state in sorted(states.items(), key=lambda item: item[0]):
            if known.get(key) != state and (key in known or not state.is_at_rest):
                changed[key] = state
        if changed:
            rules, channels = [rule for rule, _ in changed], [id_ for _, id_ in changed]
            written = [msgspec.json.encode(state).decode() for state in changed.values()]
            self._conn.execute(SAVE_STATES, [rules, channels, written])
            self._states.update(changed)
            self._is_ahead = True

    def forget(self, keys: Sequence[Key]) -> None:
        """Drop what rules remember of channels, but for the cursors."""
        if keys:
            self._conn.execute(FORGET_STATES, [[rule for rule, _ in keys], [id_ for _, id_ in keys]])
            self._is_ahead = True
        for key in keys:
            self._states.pop(key, None)

    def _load(self) -> None:
        rows = self._conn.execute(LOAD_STATES).fetchall()
        self._states = {(rule, id_): msgspec.json.decode(state, type=RuleState) for rule, id_, state in rows}
        self._cursors = {
            station: dict(zip(channels, until_ms, strict=True))
            for station, channels, until_ms in self._conn.execute(LOAD_CURSORS)
        }
