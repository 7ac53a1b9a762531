"""Problems in the files: each with file, line, column, key, what was found and what is allowed."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from quantrac.telemetry.errors import QuantracError

MOST_SHOWN: Final = 80
"""Characters of what was found."""
MOST_NAMES: Final = 6
"""Names that are listed of a list without an end: profiles, stations."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is not allowed, where it stands. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    key: str
    """Path of keys, such as `devices.sonde.channels.do.expect`; empty: the file as a whole."""
    message: str
    """"found …, allowed …"."""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}:{self.column}: {key}{self.message}"


class Place(NamedTuple):
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, path: Iterable[str | int], message: str) -> Problem:
        """Return a problem at this place."""
        return Problem(self.file, self.line, self.column, ".".join(cut(str(step)) for step in path), message)


class ConfigErrors(QuantracError):
    """The files hold mistakes; nothing was started."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass
class Findings:
    """Collects problems while files are read and checked."""

    problems: set[Problem] = field(default_factory=set)

    def add(self, problem: Problem) -> None:
        """Note a problem; the same one twice is one."""
        self.problems.add(problem)

    def raise_if_any(self) -> None:
        """Raise ConfigErrors with all problems, by file and line; do nothing when there is none."""
        if self.problems:
            raise ConfigErrors(sorted(self.problems))


def one_of(found: object, known: Iterable[str]) -> str:
    """Return "found 'sond', allowed sonde, gauge; did you mean 'sonde'?"."""
    names = list(known)
    allowed = ", ".join(names) if names else "none, for there are none yet"
    return f"found {cut(repr(found))}, allowed {allowed}{_hint(found, names)}"


def one_of_many(found: object, known: Iterable[str]) -> str:
    """Return the same where there may be hundreds of names: those that are most like what was found."""
    names = list(known)
    if len(names) <= MOST_NAMES:
        return one_of(found, names)
    near = difflib.get_close_matches(str(found)[:MOST_SHOWN], names, n=MOST_NAMES, cutoff=0.3) or names[:MOST_NAMES]
    allowed = f"allowed one of {len(names)}, such as {', '.join(near)}"
    return f"found {cut(repr(found))}, {allowed}{_hint(found, names)}"


def _hint(found: object, names: list[str]) -> str:
    near = difflib.get_close_matches(str(found)[:MOST_SHOWN], names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def cut(text: str) -> str:
    """Return a text as a message shows it: the beginning of a long one, control characters escaped."""
    text = "".join(
        repr(each)[1:-1] if unicodedata.category(each) in ("Cc", "Cs") else each for each in text[: MOST_SHOWN + 1]
    )
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
