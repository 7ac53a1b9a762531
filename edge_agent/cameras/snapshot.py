"""A snapshot: one JPEG of a camera, fetched by HTTP (basic or digest login), checked, and scaled."""

from __future__ import annotations

import hashlib
import io
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import TYPE_CHECKING, Final, NamedTuple

from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from PIL import Image

TIMEOUT_S: Final = 20.0
"""Longest silence of a camera."""
WHOLE_S: Final = 60.0
"""Longest time of a whole picture: a camera that drips holds up the others."""
PIECE: Final = 65_536
LARGEST: Final = 12_000_000
"""Bytes of a snapshot: a camera of twelve megapixels sends half of it."""
QUALITIES: Final = (80, 60, 40)
"""JPEG qualities that are tried, one after the other, until the picture is small enough."""
JPEG_BEGINS: Final = b"\xff\xd8\xff"
JPEG_ENDS: Final = b"\xff\xd9"


class Login(NamedTuple):
    """User and password of a camera."""

    user: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Login:
        """Read `user:password`."""
        user, _, password = text.partition(":")
        return cls(user, password)


class NoPicture(QuantracError):
    """The camera gave none that can be sent."""


class HttpSnapshot:
    """Fetches snapshots; without a proxy, since cameras stand in the station's own network."""

    def __init__(self, login: Login | None = None) -> None:
        self._login = login

    def __call__(self, url: str) -> bytes:
        """Return a whole JPEG as the camera sends it; raises NoPicture."""
        place = url.partition("?")[0]  # some cameras take their password behind it
        try:
            with self._opener(url).open(url, timeout=TIMEOUT_S) as answer:
                jpeg = _read_whole(answer, time.monotonic() + WHOLE_S)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            hint = "; set QUANTRAC_CAMERA_LOGIN=user:password" if refusal.code == 401 else ""
            raise NoPicture(f"{place}: the camera answered {refusal.code} {refusal.reason}{hint}") from None
        except InvalidURL:
            raise NoPicture(f"{place}: found no URL, expected http://host/path without blanks") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NoPicture(f"{place}: {error}") from error
        return checked(place, jpeg)

    def _opener(self, url: str) -> urllib.request.OpenerDirector:
        """Return a way to ask, with nothing remembered of the last time: a digest's nonce may be used up."""
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._login is not None:
            known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            known.add_password(None, url, *self._login)
            handlers += [_Digest(known), urllib.request.HTTPBasicAuthHandler(known)]
        return urllib.request.build_opener(*handlers)


class _Digest(urllib.request.HTTPDigestAuthHandler):
    """Also answers cameras that ask for SHA-256 (RFC 7616), which the library does only from Python 3.14 on."""

    def get_algorithm_impls(self, algorithm: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        if algorithm != "SHA-256":
            return super().get_algorithm_impls(algorithm)

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


def _read_whole(answer: HTTPResponse, until: float) -> bytes:
    """Return what a camera sends, but not much more than LARGEST bytes; raises TimeoutError."""
    jpeg = bytearray()
    while len(jpeg) <= LARGEST and (piece := answer.read1(PIECE)):
        jpeg += piece
        if time.monotonic() > until:
            raise TimeoutError(f"the picture was not whole after {WHOLE_S:g} s, {len(jpeg)} bytes of it")
    return bytes(jpeg)


def checked(place: str, jpeg: bytes) -> bytes:
    """Return what a camera sent if it is a whole JPEG; raises NoPicture."""
    if len(jpeg) > LARGEST:
        raise NoPicture(f"{place}: more than {LARGEST // 1_000_000} MB; is it a video stream instead of a snapshot?")
    if not jpeg.startswith(JPEG_BEGINS):
        raise NoPicture(f"{place}: found {jpeg[:12]!r}…, expected a JPEG")
    if JPEG_ENDS not in jpeg[-64:]:
        raise NoPicture(f"{place}: the picture ends in its middle, after {len(jpeg)} bytes")
    return jpeg


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
