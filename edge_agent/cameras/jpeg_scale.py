"""A camera's JPEG in the size that the station file states: smaller, never larger, its shape kept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from edge_agent.cameras.snapshot import NoPicture

if TYPE_CHECKING:
    from PIL import Image

QUALITIES: Final = (80, 60, 40)
"""JPEG qualities that are tried, one after the other, until the picture is small enough."""


def scaled(jpeg: bytes, width: int, height: int, max_bytes: int) -> bytes:
    """Return a JPEG that fits into `width` x `height` pixels and `max_bytes`; one that does already is left alone.

    Raises NoPicture: it cannot be decoded, or does not become small enough.
    """
    try:
        from PIL import Image  # not before a station has a picture: an agent without cameras does not carry it
    except ImportError as missing:
        if len(jpeg) <= max_bytes:
            return jpeg
        raise NoPicture(f"{_size(jpeg)}, and nothing here can scale it: pip install quantrac[edge]") from missing
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
            if picture.width <= width and picture.height <= height and len(jpeg) <= max_bytes:
                return jpeg
            return _encoded(_reduced(picture, width, height), max_bytes)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise NoPicture(f"{_size(jpeg)} cannot be scaled: {error}") from error


def _reduced(picture: Image.Image, width: int, height: int) -> Image.Image:
    from PIL import ImageOps

    picture.draft(None, (width, height))  # the decoder itself leaves out what is not needed: quick, and little memory
    upright = ImageOps.exif_transpose(picture)
    upright.thumbnail((width, height), reducing_gap=2.0)
    return upright if upright.mode in ("RGB", "L") else upright.convert("RGB")


def _encoded(picture: Image.Image, max_bytes: int) -> bytes:
    for quality in QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= max_bytes:
            return out.getvalue()
    raise NoPicture(
        f"the picture takes more than {max_bytes // 1024} kB even at {picture.width} x {picture.height} and quality"
        f" {QUALITIES[-1]}: lower width and height, or raise max_kb"
    )


def _size(jpeg: bytes) -> str:
    return f"a picture of {len(jpeg) // 1024} kB"
