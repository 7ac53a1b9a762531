"""The folder of configuration files: which files it has, and reading and replacing one without ever leaving half of it.

A file is named by its path below the folder, such as `stations/st-my-thanh.yaml` or `demo/network.yaml`. No other name
leads anywhere: not out of the folder, not through a link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quantrac.config.sources import MOST_BYTES, BadSource, read_text
from quantrac.telemetry.errors import TranslatableError

FOLDERS: Final = ("stations", "devices", "rules", "limits")
_NAME: Final = re.compile(
    r"(?:(?P<layer>[A-Za-z0-9][A-Za-z0-9_-]{0,63})/)?"
    r"(?:network|(?P<folder>stations|devices|rules|limits)/(?P<stem>[A-Za-z0-9][A-Za-z0-9._-]{0,99}))\.yaml"
)
_MODE: Final = 0o644
"""Of a new file: services of other users read it."""


class NoSuchFile(TranslatableError):
    """No file of the configuration has this name, or could have it."""

    exit_code = 2


class FileNotOurs(TranslatableError):
    """The file is there and cannot be read or replaced from here; the text says why."""


class OtherContent(Exception):
    """The file does not hold what was expected. `found`: what it holds; None: it is not there."""

    def __init__(self, found: bytes | None) -> None:
        super().__init__("the file holds something else")
        self.found = found


@dataclass(frozen=True, order=True)
class ConfigFile:
    """One file of the configuration."""

    name: str
    """Path below the folder."""
    layer: str
    """The overlay in which it stands; empty: none."""
    folder: str
    """`stations`, `devices`, `rules` or `limits`; empty: the network's settings."""
    stem: str
    """Name without `.yaml`; empty: the network's settings."""

    @property
    def station(self) -> str | None:
        """The station whose file it is, None for a file that several share."""
        return self.stem if self.folder == "stations" else None


def file_named(name: str) -> ConfigFile:
    """Return the file that a name means. Raises NoSuchFile for a name that no file may have. Pure."""
    found = _NAME.fullmatch(name)
    if found is None or found["layer"] in FOLDERS:
        raise NoSuchFile("the configuration has no file {file}", file=name[:120])
    return ConfigFile(name, found["layer"] or "", found["folder"] or "", found["stem"] or "")


def digest_of(content: bytes | None) -> str:
    """Return the sha256 (hex) of what a file holds; empty where there is none. Pure."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class ConfigFolder:
    """The files below `root`, and of the overlay in it that is in force."""

    root: Path
    overlay: str | None = None

    def file(self, name: str) -> ConfigFile:
        """Return the file of a name, whether it is there or not. Raises NoSuchFile."""
        found = file_named(name)
        if found.layer not in ("", self.overlay):
            raise NoSuchFile("the configuration has no file {file}", file=name[:120])
        return found

    def path(self, file: ConfigFile) -> Path:
        """Return where a file stands."""
        return self.root / file.name

    def files(self) -> list[ConfigFile]:
        """Return the files that are there, by name."""
        layers = [""] if self.overlay is None else ["", f"{self.overlay}/"]
        found = [f"{layer}network.yaml" for layer in layers if (self.root / layer / "network.yaml").is_file()]
        for layer in layers:
            for folder in FOLDERS:
                names = (path.name for path in (self.root / layer / folder).glob("[!.]*.yaml"))
                found += [f"{layer}{folder}/{name}" for name in names]
        return sorted(self.file(name) for name in found if _NAME.fullmatch(name))

    def digest(self) -> str:
        """Return the sha256 (hex) over the names of all files that are there and what the loader reads from them.

        Links are followed, as the loader does.
        """
        found = "".join(f"{file.name}\0{digest_of(_loaded(self.path(file)))}\n" for file in self.files())
        return digest_of(found.encode())

    def read(self, file: ConfigFile) -> bytes | None:
        """Return what a file holds; None where it is not there. Raises FileNotOurs."""
        try:
            with self._open_folder(file) as folder:
                return _read(file, folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_ours(file, error) from error

    def replace(self, file: ConfigFile, expected: bytes | None, content: bytes | None) -> None:
        """Let a file hold `content` (None: be gone) if it still holds `expected` (None: is not there).

        Whoever reads at the same time gets the one or the other; after a crash it is one of them, too. Raises
        OtherContent, FileNotOurs.
        """
        try:
            with self._open_folder(file) as folder:
                _expect(file, folder, expected)
                if content is None:
                    os.unlink(_base(file), dir_fd=folder)
                else:
                    _write(file, folder, expected, content)
                os.fsync(folder)
        except FileExistsError as error:
            raise OtherContent(self.read(file)) from error
        except OSError as error:
            raise _not_ours(file, error) from error

    @contextmanager
    def _open_folder(self, file: ConfigFile) -> Iterator[int]:
        """Give the folder of a file, reached without following a link below the root."""
        opened = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in Path(file.name).parts[:-1]:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened)
                os.close(opened)
                opened = below
            yield opened
        finally:
            os.close(opened)


def _base(file: ConfigFile) -> str:
    return file.name.rpartition("/")[2]


def _loaded(path: Path) -> bytes:
    """Return the text that the loader reads, or why it reads none."""
    try:
        return read_text(path).encode()
    except BadSource as error:
        return str(error).encode()


def _read(file: ConfigFile, folder: int) -> bytes | None:
    try:
        opened = os.open(_base(file), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(opened, "rb") as found:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise FileNotOurs("{file} is no regular file: look at it at a shell", file=file.name)
        content = found.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise FileNotOurs("{file} is larger than {most} bytes: part it at a shell", file=file.name, most=MOST_BYTES)
    return content


def _expect(file: ConfigFile, folder: int, expected: bytes | None) -> None:
    found = _read(file, folder)
    if found != expected:
        raise OtherContent(found)


def _write(file: ConfigFile, folder: int, expected: bytes | None, content: bytes) -> None:
    """Write beside the file, under a name that the loader passes over, and put that in its place."""
    name, draft = _base(file), f".{_base(file)}.{secrets.token_hex(6)}.new"
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE, dir_fd=folder)
    try:
        with os.fdopen(opened, "wb") as written:
            written.write(content)
            written.flush()
            _take_rights(opened, None if expected is None else os.stat(name, dir_fd=folder, follow_symlinks=False))
            os.fsync(opened)
        _expect(file, folder, expected)
        if expected is None:
            os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)  # refuses what is there
        else:
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)


def _take_rights(opened: int, before: os.stat_result | None) -> None:
    """Give a new file the group and the mode of the one that it replaces."""
    if before is not None:
        with suppress(PermissionError):  # a group of which this user is no member
            os.fchown(opened, -1, before.st_gid)
    os.fchmod(opened, _MODE if before is None else stat.S_IMODE(before.st_mode))


def _not_ours(file: ConfigFile, error: OSError) -> FileNotOurs:
    if isinstance(error, NotADirectoryError) or error.errno == errno.ELOOP:
        return FileNotOurs("{file} is a link or stands behind one: edit what it leads to at a shell", file=file.name)
    return FileNotOurs("{file} cannot be read or replaced from here ({why})", file=file.name, why=error.strerror)
