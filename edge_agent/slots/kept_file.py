"""Files that outlive the agent, for its account alone. The small ones are always whole, also after a power cut."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Put `text` in the place of a file, on disk before this returns.

    Raises OSError: then the old file stands, and nothing of the new one takes room.
    """
    draft = path.with_suffix(".new")
    try:
        make_private(draft)
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def make_private(path: Path) -> None:
    """Make a file that only its owner may read and write, or take the rights of others from one that is there.

    Raises OSError.
    """
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # a card whose file system knows no rights
            path.chmod(0o600)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names of the files that were made or renamed in a folder."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
