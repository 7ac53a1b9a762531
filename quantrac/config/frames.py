"""Bytes in a profile as people write them: hexadecimal pairs, or text with named control characters."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from quantrac.config.fields import matched, refused

CONTROL: Final = {
    "SOH": 0x01, "STX": 0x02, "ETX": 0x03, "EOT": 0x04, "ENQ": 0x05, "ACK": 0x06, "TAB": 0x09, "LF": 0x0A, "CR": 0x0D,
    "NAK": 0x15, "ESC": 0x1B,
}  # fmt: skip
NAMED: Final = re.compile(r"<([A-Z]+|[0-9A-F]{2})>")
"""A byte that is no printable character: by its name, or as two upper-case hexadecimal digits."""
_NAME_OF: Final = {code: name for name, code in CONTROL.items()}


def parse_hex(text: object) -> bytes:
    """Return the bytes of `01 03 15 CF`."""
    allowed = 'hexadecimal pairs in quotes, such as "01 03 15 CF"'
    return bytes.fromhex(matched(r"[0-9A-Fa-f]{2}( ?[0-9A-Fa-f]{2})*", text, allowed)[0])


def parse_text(text: object) -> bytes:
    """Return the bytes of `<STX>DA<ETX>04`, `0M!` or `<A9>`: ASCII, and what is not printable by name or number."""
    if not isinstance(text, str):
        raise refused('text in quotes, such as "<STX>DA<ETX>04"')
    unknown = [name for name in NAMED.findall(text) if name not in CONTROL and not re.fullmatch("[0-9A-F]{2}", name)]
    if unknown or not text.isascii():
        names = " ".join(f"<{name}>" for name in CONTROL)
        raise refused(f"printable ASCII, {names}, or any byte as two digits, such as <A9>")
    return NAMED.sub(lambda found: chr(_code(found[1])), text).encode("latin-1")


def _code(name: str) -> int:
    return CONTROL[name] if name in CONTROL else int(name, 16)


def show_hex(frame: bytes) -> str:
    """Write bytes as hexadecimal pairs."""
    return frame.hex(" ").upper()


def show_text(frame: bytes) -> str:
    """Write bytes as `parse_text` reads them: what is not printable by name, or as two digits."""
    return "".join(_shown(byte) for byte in frame)


def _shown(byte: int) -> str:
    if byte in _NAME_OF:
        return f"<{_NAME_OF[byte]}>"
    return chr(byte) if 0x20 <= byte < 0x7F and byte != ord("<") else f"<{byte:02X}>"


HexFrame = Annotated[
    bytes, BeforeValidator(parse_hex), PlainSerializer(show_hex, return_type=str), WithJsonSchema({"type": "string"})
]
TextFrame = Annotated[
    bytes, BeforeValidator(parse_text), PlainSerializer(show_text, return_type=str), WithJsonSchema({"type": "string"})
]
