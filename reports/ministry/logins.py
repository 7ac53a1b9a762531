"""What receivers know us by: a file of lines, which only the one who sends may read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quantrac.telemetry.errors import QuantracError


class ReceiverLogin(NamedTuple):
    """What a receiver knows us by: a password, or the file of a private key."""

    user: str
    password: str | None = None
    key: Path | None = None


class BadLogins(QuantracError):
    """The file of logins is not what it should be."""

    exit_code = 2


def logins(file: Path) -> dict[str, ReceiverLogin]:
    """Read a file of lines `<receiver> <user> password <password>` or `<receiver> <user> key <file>`.

    Raises BadLogins with file and line, never with what stands there.
    """
    found: dict[str, ReceiverLogin] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadLogins(f"{file}: {error}, expected lines `<receiver> <user> password <password>`") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.strip().split(maxsplit=3)
        if len(words) != 4 or words[2] not in ("password", "key"):
            expected = "<receiver> <user> password <password>, or <receiver> <user> key <file>"
            raise BadLogins(f"{file}:{number}: found another line, expected {expected}")
        receiver, user, way, secret = words
        found[receiver] = ReceiverLogin(user, secret) if way == "password" else ReceiverLogin(user, key=Path(secret))
    return found
