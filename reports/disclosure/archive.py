"""A ZIP archive whose bytes follow from what is in it alone: fixed times, fixed rights, the order of writing."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

AT: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in it: the earliest that ZIP can say."""
UNIX: Final = 3
READABLE: Final = 0o100644 << 16
PACKED: Final = frozenset({"parquet"})
"""Suffixes of files that are compressed by themselves."""


class ArchivedFile(NamedTuple):
    """A file of the archive."""

    path: str
    bytes: int
    sha256: str


class _Member:
    """Takes the bytes of a file, counts them and sums them up; what writes Parquet takes it for a file."""

    closed = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.size, self.digest = out, 0, hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write bytes, or what holds some."""
        count = self._out.write(data)
        self.digest.update(data)
        self.size += count
        return count

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def flush(self) -> None:
        """Do nothing: the archive writes by itself."""

    def close(self) -> None:
        """Do nothing: the archive closes it."""


class Archive:
    """Writes files one behind the other."""

    def __init__(self, out: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(out, "w")
        self.files: list[ArchivedFile] = []

    @contextmanager
    def file(self, path: str) -> Iterator[Any]:
        """Give what takes the bytes of a file."""
        about = zipfile.ZipInfo(path, AT)
        about.create_system, about.external_attr = UNIX, READABLE
        packed = path.rpartition(".")[2] in PACKED
        about.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        with self._zip.open(about, "w", force_zip64=True) as out:
            member = _Member(out)
            yield member
        self.files.append(ArchivedFile(path, member.size, member.digest.hexdigest()))

    def add(self, path: str, text: str) -> None:
        """Write a file of text."""
        with self.file(path) as out:
            out.write(text.encode())

    def close(self) -> None:
        """Write the table of contents."""
        self._zip.close()
