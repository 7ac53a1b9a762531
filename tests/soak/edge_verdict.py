"""The verdict on a soak of the edge: spools, both books, stored readings and the instruments' journals must agree."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from edge_agent.spooling import inspection
from quantrac.cli.demo.comparison import STORING_MS, ServedSeries, StoredReading, UnexplainedReading, differences
from quantrac.cli.demo.journals import channel_series, read_journal
from quantrac.config.stations import Station
from quantrac.telemetry.states import State
from tests.soak.edge_agent_process import AgentProcess, Life

SETTLING_MS: Final = 2_000
"""From the moment the agent says it has started until every bus is read."""
BOOKS: Final = """
select highest_seq, stored, dead, lost, missing, conflict, received - "new" - duplicate - rejected from v_ledger
where station = %s and epoch <> ''
"""
READINGS: Final = """
select split_part(channel, '/', 2), (extract(epoch from time) * 1000)::int8, raw_value, state from v_reading
where station = %s order by 1, 2
"""


def judge(
    conn: psycopg.Connection, agent: AgentProcess, station: Station, spool: Path, journal: Path
) -> dict[str, Any]:
    """Return figures of one station; `wrong` lists what does not agree."""
    produced = inspection.inspect(spool).produced
    books = conn.execute(BOOKS, [station.station]).fetchall()
    wrong = [f"spool: {finding}" for finding in inspection.verify(spool)]
    if books != [(produced, produced, 0, 0, 0, 0, 0)]:
        wrong.append(f"books: {books}, the spool produced {produced}")
    stored = defaultdict(list)
    for channel, t_ms, value, word in conn.execute(READINGS, [station.station]):
        stored[channel].append(StoredReading(t_ms, value, State.from_word(word)))
    sent = dict(_sent(spool))
    kept = {(channel, r.t_ms): (r.value, r.state) for channel, readings in stored.items() for r in readings}
    if sent != kept:
        odd = [key for key in sent.keys() | kept.keys() if sent.get(key) != kept.get(key)]
        wrong.append(f"{len(odd)} stored readings are not those of the spool, such as {odd[:3]}")
    served = read_journal(journal)
    figures: Counter[str] = Counter(produced=produced, readings=len(kept))
    for name, series in channel_series(station, served):
        readings = stored[name.partition("/")[2]]
        figures["compared"] += sum(reading.value is not None for reading in readings)
        wrong += [f"{name}: no slot at {gap}" for gap in gaps(series, readings)]
        for found in unexplained(name, series, readings, agent.lives):
            if found.is_unanswered:
                figures["unanswered"] += 1
            else:
                wrong.append(str(found))
    return {"station": station.station, **figures, "wrong": wrong}


def gaps(series: ServedSeries, readings: Sequence[StoredReading]) -> Iterator[int]:
    """Yield the end of each slot that should follow a stored one and does not."""
    for before, after in itertools.pairwise(readings):
        if after.t_ms - before.t_ms != series.width_ms:
            yield before.t_ms + series.width_ms


def unexplained(
    name: str, series: ServedSeries, readings: Iterable[StoredReading], lives: Sequence[Life]
) -> Iterator[UnexplainedReading]:
    """Yield readings that the journal does not explain; nulls for want of an agent are judged by when it lived."""
    absent = (State.FAULT, State.WARMUP)
    strict = [r._replace(state=State.FAULT) if r.value is None and r.state in absent else r for r in readings]
    for found in differences(name, series, strict):
        excused = found.stored is None and found.state == State.FAULT.word
        if not excused or is_lived_through(lives, found.t_ms, series.width_ms):
            yield found


def is_lived_through(lives: Iterable[Life], end_ms: int, width_ms: int) -> bool:
    """Return whether one life of the agent holds a whole slot and the time it takes to store it."""
    begin_s, end_s = (end_ms - width_ms - SETTLING_MS) / 1000, (end_ms + STORING_MS) / 1000
    return any(life.began_s <= begin_s and life.ended_s >= end_s for life in lives)


def _sent(spool: Path) -> Iterator[tuple[tuple[str, int], tuple[float | None, State]]]:
    for line in inspection.export(spool):
        message = json.loads(line)
        for channel, value, word in message["r"]:
            yield (channel, message["t"]), (value, State.from_word(word))
