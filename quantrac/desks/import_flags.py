"""The desk of experts' flags in imported files: they become verdicts of whoever imports them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from ingest.importing import files
from ingest.importing.flags import JUDGEMENTS, FlagWords, Judgement, words_of
from ingest.importing.import_run import Order, TargetStation, load_station, notation_of
from ingest.importing.line import FilePlace, LineProblem
from ingest.importing.table import FlagLine
from quantrac.database.pool import Connection
from quantrac.desks.verdicts import ReadingVerdict, flag_each
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.slots import EPOCH

FLAGS_A_BATCH: Final = 400_000
"""A batch is judged at once: it has to fit the memory."""


@dataclass(slots=True)
class ImportedFlags:
    """What became of the flags of an import."""

    words: Mapping[str, FlagWords]
    """Every way in which they are written, with its meaning."""
    verdicts: Counter[Quality] = field(default_factory=Counter)
    """New ones, by what they say."""
    left: int = 0
    """Flags that say something, of readings that have a verdict already, no value, or were not imported."""


def flag_words(conn: Connection, order: Order, said: Mapping[str, Judgement]) -> Mapping[str, FlagWords]:
    """Return every way in which the flags of the files are written.

    Raises UnclearFlags where nobody has said what one means, and as `run_import` does.
    """
    return words_of((line for line in _lines(conn, order) if isinstance(line, FlagLine)), said)


def unread_flags(conn: Connection, order: Order) -> list[str]:
    """Return the columns of the files that hold experts' flags, where these are neither read nor left out."""
    if order.flag_column is not None or order.file_format != "csv":
        return []
    found = files.found(order.paths, order.file_format)
    return files.unread_flags(found, notation_of(conn, order, found))


def import_flags(
    conn: Connection,
    order: Order,
    words: Mapping[str, FlagWords],
    now: datetime,
    moved: Callable[[FilePlace], None],
    import_id: int | None = None,
) -> ImportedFlags:
    """Give the readings of the files the verdicts that experts wrote beside them; file and words are the reason.

    A verdict that stands already is left alone, so the same files again change nothing. `import_id`: of these files.
    Raises DaySigned; NotPossible where the import was undone meanwhile.
    """
    station = load_station(conn, order)
    done = ImportedFlags(words)
    lines = (line for line in _lines(conn, order) if isinstance(line, FlagLine))
    while batch := list(islice(lines, FLAGS_A_BATCH)):
        for channel, verdicts in _by_channel(batch, station, words).items():
            told = Counter(one.verdict for one in verdicts if one.verdict is not None)
            because = f"flags of {_names(batch)}"
            given = flag_each(conn, channel, verdicts, order.person, because, now, import_id)
            done.verdicts += given
            done.left += told.total() - given.total()
            moved(batch[-1].place)
    return done


def _lines(conn: Connection, order: Order) -> Iterator[FlagLine | LineProblem]:
    found = files.found(order.paths, order.file_format)
    return files.flags(found, notation_of(conn, order, found))


def _by_channel(
    batch: list[FlagLine], station: TargetStation, words: Mapping[str, FlagWords]
) -> dict[str, list[ReadingVerdict]]:
    judged: defaultdict[str, list[ReadingVerdict]] = defaultdict(list)
    channels = {name: station.channel(name) for name in {line.name for line in batch}}
    for line in batch:
        if (channel := channels[line.name]) is not None:
            judgement = words[line.words].judgement
            verdict = None if judgement is None else JUDGEMENTS[judgement]
            time = EPOCH + timedelta(milliseconds=line.t_ms)
            because = f" ({line.because})" if line.because else ""
            judged[f"{station.name}/{channel.name}"].append(
                ReadingVerdict(time, verdict, f"{line.place.file.name}: {line.words}{because}")
            )
    return judged


def _names(batch: list[FlagLine]) -> str:
    return ", ".join(dict.fromkeys(line.place.file.name for line in batch))
