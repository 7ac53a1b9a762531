"""A file that somebody asked for, in its place once it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(place: Path) -> Iterator[IO[bytes]]:
    """Open a file beside its place and move it there when it is whole; what ends before leaves what was there.

    A pipe or a device, such as /dev/null, is written as it is: nothing takes its place.
    """
    if place.exists() and not place.is_file():
        with place.open("wb") as out:
            yield out
        return
    part = place.with_name(place.name + ".part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
