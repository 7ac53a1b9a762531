"""Bytes in a profile as people write them: hexadecimal pairs, or text with named control characters."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from quantrac.config.fields import matched, refused

CONTROL: Final = {"<STX>": b"\x02", "<ETX>": b"\x03", "<CR>": b"\r", "<LF>": b"\n", "<ESC>": b"\x1b"}


def parse_hex(text: object) -> bytes:
    """Return the bytes of `01 03 15 CF`."""
    allowed = 'hexadecimal pairs in quotes, such as "01 03 15 CF"'
    return bytes.fromhex(matched(r"[0-9A-Fa-f]{2}( ?[0-9A-Fa-f]{2})*", text, allowed)[0])


def parse_text(text: object) -> bytes:
    """Return the bytes of `<STX>DA<ETX>04` or `0M!`: Latin-1, with control characters by name."""
    if not isinstance(text, str):
        raise refused('text in quotes, such as "<STX>DA<ETX>04"')
    unknown = [name for name in re.findall(r"<[A-Z]+>", text) if name not in CONTROL]
    if unknown or not text.isascii():
        raise refused("printable ASCII and " + " ".join(CONTROL))
    frame = text.encode("ascii")
    for name, byte in CONTROL.items():
        frame = frame.replace(name.encode("ascii"), byte)
    return frame


def show_hex(frame: bytes) -> str:
    """Write bytes as hexadecimal pairs."""
    return frame.hex(" ").upper()


def show_text(frame: bytes) -> str:
    """Write bytes as text with named control characters."""
    text = frame.decode("ascii")
    for name, byte in CONTROL.items():
        text = text.replace(byte.decode("ascii"), name)
    return text


HexFrame = Annotated[
    bytes, BeforeValidator(parse_hex), PlainSerializer(show_hex, return_type=str), WithJsonSchema({"type": "string"})
]
TextFrame = Annotated[
    bytes, BeforeValidator(parse_text), PlainSerializer(show_text, return_type=str), WithJsonSchema({"type": "string"})
]
