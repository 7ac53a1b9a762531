"""One value of an imported file, and the report of a line that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from quantrac.telemetry.ministry import STATE_OF_STATUS
from quantrac.telemetry.states import STATE_OF_WORD, State


class FilePlace(NamedTuple):
    """Where a line stands; numbers begin with 1."""

    file: Path
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


class ImportLine(NamedTuple):
    """A value as its file gives it."""

    place: FilePlace
    name: str
    value: float | None
    unit: str | None
    """As written; None where the file names none."""
    t_ms: int
    """End of the time it stands for, milliseconds since 1970 UTC."""
    state: State


LONGEST_PIECE: Final = 200_000
"""Characters of a file that are looked at together; a longer line comes in pieces, of which none is a value."""
MOST_SHOWN: Final = 300
"""Characters of a problem."""


def pieces(text: TextIO) -> Iterator[str]:
    """Yield the lines of a file; memory does not grow with a line."""
    while line := text.readline(LONGEST_PIECE):
        yield line


class LineProblem(NamedTuple):
    """A line that cannot be used."""

    place: FilePlace
    message: str
    is_end: bool = False
    """Nothing behind it can be read: what follows is not imported, and the import is not finished."""

    @property
    def what(self) -> str:
        """What is wrong, shortened."""
        return self.message if len(self.message) <= MOST_SHOWN else f"{self.message[:MOST_SHOWN]}…"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def state(text: str, value: float | None) -> State:
    """Read a state: a code of the ministry or a word of ours; a missing value without a reason is `comm`.

    Raises ValueError.
    """
    bare = text.strip().lower()
    found = STATE_OF_STATUS.get(bare.zfill(2)) if bare.isdecimal() else STATE_OF_WORD.get(bare or "ok")
    if found is None:
        raise ValueError(text)
    return State.COMM if value is None and found is State.OK else found
