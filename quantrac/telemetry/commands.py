"""Commands from the centre to a station and the station's replies: signed, expiring, carried out at most once.

The signature is HMAC-SHA256 with the station's key (RFC 2104) over the canonical JSON of station, id and everything in
the command but the signature: a command of one station or id is none of another. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from quantrac.telemetry.errors import QuantracError, TranslatableError

LONGEST_MS: Final = 3_600_000
"""A command that may still be carried out after an hour is refused: nobody remembers it."""
AHEAD_MS: Final = 5 * 60_000
"""How far the centre's clock may be ahead of the station's."""
LEAST_KEY_BYTES: Final = 16
ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
ENVELOPE: Final = ("issued", "expires", "sig")


class BadCommand(QuantracError):
    """A command that must not be carried out; the text says why."""


class BadKeyFile(TranslatableError):
    """The file of keys cannot be used."""

    exit_code = 2


class Command(NamedTuple):
    """A command that may be carried out."""

    id: str
    expires_ms: int
    order: dict[str, Any]
    """`do` and what belongs to it."""


def sign(key: bytes, station: str, command_id: str, body: Mapping[str, Any]) -> str:
    """Return the signature (hex) of a command's body; a `sig` in it does not count."""
    content = {name: value for name, value in body.items() if name != "sig"}
    text = json.dumps(
        [station, command_id, content], sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def encode_command(
    key: bytes, station: str, command_id: str, order: Mapping[str, Any], *, issued_ms: int, expires_ms: int
) -> bytes:
    """Return the payload of a command."""
    body = {**order, "issued": issued_ms, "expires": expires_ms}
    return json.dumps({**body, "sig": sign(key, station, command_id, body)}, ensure_ascii=False).encode()


def read_command(key: bytes, station: str, command_id: str, payload: bytes, now_ms: int) -> Command:
    """Return the command that a payload holds; raises BadCommand: malformed, unsigned, of another key, too old."""
    if not ID.fullmatch(command_id):
        raise BadCommand("its id is not 8 to 64 letters, digits, - and _")
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadCommand("it is not JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("do"), str):
        raise BadCommand("it does not say what to do")
    signature = body.get("sig")
    if not isinstance(signature, str):
        raise BadCommand("it is not signed")
    try:
        genuine = hmac.compare_digest(signature.encode(), sign(key, station, command_id, body).encode())
    except ValueError as error:  # NaN, a lone surrogate: nobody can have signed them
        raise BadCommand("it is JSON that cannot be signed") from error
    if not genuine:
        raise BadCommand("its signature is wrong: another key, another station, or changed on the way")
    _check_times(body.get("issued"), body.get("expires"), now_ms)
    order = {name: value for name, value in body.items() if name not in ENVELOPE}
    return Command(command_id, int(body["expires"]), order)


def _check_times(issued: object, expires: object, now_ms: int) -> None:
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise BadCommand("it does not say when it was issued and when it expires")
    if not 0 < expires - issued <= LONGEST_MS:
        raise BadCommand(f"it holds for {(expires - issued) / 1000:g} s, allowed up to {LONGEST_MS // 1000} s")
    if now_ms > expires:
        raise BadCommand(f"it expired {(now_ms - expires) / 1000:.1f} s ago")
    if issued > now_ms + AHEAD_MS:
        raise BadCommand(f"it was issued {(issued - now_ms) / 1000:.1f} s in the future: a clock is wrong")


def read_key(path: Path, station: str, warn: Callable[..., object] | None = None) -> bytes:
    """Return a station's key from a file of lines `<station> <key in hex>`; raises BadKeyFile.

    `warn` (as a logger's `warning`) is told if every user of the machine may read the file.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeyFile("{file}: the keys cannot be read ({error})", file=path, error=error) from error
    if warn is not None and mode & stat.S_IROTH:
        warn("keys_readable_by_all", file=str(path), mode=f"{stat.S_IMODE(mode):04o}", do=f"chmod o= {path}")
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words[:1] == [station]:
            return _key(words, f"{path}:{number}")
    raise BadKeyFile(
        "{file}: found no line for {station}, expected: {station} <key>; make one: quantrac commands key",
        file=path, station=station,
    )  # fmt: skip


def _key(words: list[str], place: str) -> bytes:
    try:
        key = bytes.fromhex(words[1]) if len(words) == 2 else b""
    except ValueError:
        key = b""
    if len(key) < LEAST_KEY_BYTES:
        raise BadKeyFile(
            "{place}: expected a station and at least {digits} hexadecimal digits",
            place=place, digits=2 * LEAST_KEY_BYTES,
        )  # fmt: skip
    return key
