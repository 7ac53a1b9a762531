"""Cursors: where the next page begins, as text that programs hand back and do not read. Pure.

A page begins behind the key of the last item of the page before it, not at a count: rows that come meanwhile shift
nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from quantrac.telemetry.errors import QuantracError

Key = str | int | datetime | date
LONGEST: Final = 1000
"""Characters of a cursor that is read at all."""


class BadCursor(QuantracError):
    """A cursor that this collection did not give."""


def cursor_of(key: Sequence[Key]) -> str:
    """Return the cursor behind an item's key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(cursor: str, kinds: Sequence[type[Key]]) -> list[Key]:
    """Return the key of a cursor, whose parts are of these kinds. Raises BadCursor."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(text, type=list[str | int])
        if len(parts) != len(kinds):
            raise ValueError
        return [_part(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    except (ValueError, OverflowError, binascii.Error, msgspec.MsgspecError):
        raise BadCursor("cursor: found one that this collection did not give: take it from `next`, as it is") from None


def _part(part: str | int, kind: type[Key]) -> Key:
    found: Key = msgspec.convert(part, kind)
    if isinstance(found, datetime):
        return found.astimezone(UTC)
    if isinstance(found, str) and "\0" in found:
        raise ValueError
    if isinstance(found, int) and not -(2**63) <= found < 2**63:
        raise ValueError
    return found
