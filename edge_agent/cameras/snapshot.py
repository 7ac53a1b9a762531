"""One JPEG from a camera by HTTP, with a basic or digest login where the camera asks for one."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Final, NamedTuple, Protocol

from quantrac.telemetry.errors import QuantracError

TIMEOUT_S: Final = 20.0
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


class Snapshot(Protocol):
    """Takes a picture; blocking."""

    def __call__(self, url: str, max_bytes: int) -> bytes:
        """Return a JPEG of at most `max_bytes`; raises NoPicture."""
        ...


class HttpSnapshot:
    """Fetches snapshots; without a proxy, since cameras stand in the station's own network."""

    def __init__(self, login: Login | None = None) -> None:
        self._login = login

    def __call__(self, url: str, max_bytes: int) -> bytes:
        """Return a JPEG of at most `max_bytes`; raises NoPicture."""
        try:
            with self._opener(url).open(url, timeout=TIMEOUT_S) as answer:
                jpeg: bytes = answer.read(max_bytes + 1)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            hint = "; set QUANTRAC_CAMERA_LOGIN=user:password" if refusal.code == 401 else ""
            raise NoPicture(f"{url}: the camera answered {refusal.code} {refusal.reason}{hint}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NoPicture(f"{url}: {error}") from error
        return checked(url, jpeg, max_bytes)

    def _opener(self, url: str) -> urllib.request.OpenerDirector:
        """Return a way to ask, with nothing remembered of the last time: a digest's nonce may be used up."""
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._login is not None:
            known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            known.add_password(None, url, *self._login)
            handlers += [urllib.request.HTTPDigestAuthHandler(known), urllib.request.HTTPBasicAuthHandler(known)]
        return urllib.request.build_opener(*handlers)


def checked(url: str, jpeg: bytes, max_bytes: int) -> bytes:
    """Return what a camera sent if it is a whole JPEG of an allowed size; raises NoPicture."""
    if len(jpeg) > max_bytes:
        raise NoPicture(
            f"{url}: the picture is larger than {max_bytes // 1024} kB; ask the camera for a smaller one"
            " ({width} and {height} in its url), or raise max_kb"
        )
    if not jpeg.startswith(JPEG_BEGINS):
        raise NoPicture(f"{url}: found {jpeg[:12]!r}…, expected a JPEG")
    if JPEG_ENDS not in jpeg[-64:]:
        raise NoPicture(f"{url}: the picture ends in its middle, after {len(jpeg)} bytes")
    return jpeg
