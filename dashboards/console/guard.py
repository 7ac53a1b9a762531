"""Refuses requests that no page of the console makes, before the application sees them, and says what may be kept.

An attacker's name that points here (DNS rebinding) makes this console the same site as the attacker's page, whatever
the checks of `Origin` say: so only names that are known pass. An IP address cannot be rebound.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi.datastructures import Headers
from fastapi.responses import JSONResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LARGEST_BODY: Final = 64_000
"""Bytes: ten times the longest note of a person. Each connection may hold as many at the same time."""
BODY_S: Final = 10.0
"""Longest time for a body to come."""

_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = [
    ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
"""Of every answer, also of the 500 that the server gives for an application that failed."""


def headers(tiles: str | None = None) -> list[tuple[str, str]]:
    """Return the headers of every answer; `tiles`: the origin from which the map may ask for pictures, too."""
    allowed = "img-src 'self' data:" if tiles is None else f"img-src 'self' data: {tiles}"
    return [(name, value.replace("img-src 'self' data:", allowed)) for name, value in HEADERS]


class _RequestRefused(Exception):
    """The request gets this answer instead of its own."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """ASGI: the application behind the checks of each request's host, origin and body."""

    def __init__(self, app: Application, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request to the application, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keep = _private(send)
        try:
            headers = Headers(scope=scope)
            _check_host(headers.getlist("host"), self._hosts)
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                raise _RequestRefused(400, "found a NUL in the address")
            if scope["method"] not in ("GET", "HEAD"):
                _check_origin(scope["path"], headers)
                receive = _again(await _body(receive, headers.get("content-length")), receive)
        except _RequestRefused as refusal:
            answer = JSONResponse({"error": str(refusal)}, refusal.status, {"Connection": "close"})
            await answer(scope, receive, keep)
        else:
            await self._app(scope, receive, keep)


def hosts_of(*addresses: str | None, names: str = "") -> frozenset[str]:
    """Return the names under which the console answers: those given, with commas between them, and of addresses."""
    of_addresses = (urlsplit(address).hostname for address in addresses if address)
    given = (name.strip().lower().rstrip(".") for name in names.split(","))
    return frozenset(name for name in (*of_addresses, *given, "localhost") if name)


def is_linked(path: str) -> bool:
    """Whether a path proves itself by a signature."""
    return path.startswith("/a/")


def _check_host(found: list[str], hosts: Iterable[str]) -> None:
    """Raise _RequestRefused unless the one host is an IP address or a name that is known; the port does not matter."""
    name = (urlsplit(f"//{found[0]}").hostname or "").rstrip(".") if len(found) == 1 and "@" not in found[0] else ""
    if name not in hosts and not _is_ip(name):
        raise _RequestRefused(
            421,
            f"bảng điều khiển không có tên {name!r}: thêm tên vào QUANTRAC_CONSOLE_HOSTS, hoặc dùng địa chỉ IP; "
            f"the console has no name {name!r}: add it to QUANTRAC_CONSOLE_HOSTS, or use the IP address",
        )


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _check_origin(path: str, headers: Headers) -> None:
    """Raise _RequestRefused for what another site's page sends. A signed link is its own proof."""
    origin = headers.get("origin")
    is_json = headers.get("content-type", "").startswith("application/json")
    is_ours = origin is None or origin.partition("://")[2] == headers["host"]
    if not is_linked(path) and not (is_json and is_ours):
        raise _RequestRefused(403, "not from this console's own page")


async def _body(receive: Receive, announced: str | None) -> bytes:
    """Return the whole body. Raises _RequestRefused for one that is too large, or comes too slowly."""
    too_large = _RequestRefused(413, f"a body has at most {LARGEST_BODY} bytes")
    if announced is not None and announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _RequestRefused(408, f"the body did not come within {BODY_S:.0f} s") from None


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what hands a body that was read to the application, and then what comes: that the browser has gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def handed() -> Message:
        return waiting.pop() if waiting else await receive()

    return handed


def _private(send: Send) -> Send:
    """Return what forbids caches to keep an answer, unless it says itself for how long."""

    async def keep(message: Message) -> None:
        headers = message.get("headers", [])
        if message["type"] == "http.response.start" and not any(name == b"cache-control" for name, _ in headers):
            message["headers"] = [*headers, (b"cache-control", b"no-store")]
        await send(message)

    return keep
