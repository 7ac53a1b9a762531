"""What strangers send to the console: other names, huge and half requests, reasons of blanks; nobody else notices."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from dashboards.console import connections, guard, service
from tests.fixtures.console import RunningConsole, with_session
from tests.fixtures.timing import eventually


def raw(console: RunningConsole, request: bytes) -> tuple[socket.socket, http.client.HTTPResponse]:
    """Send bytes; the answer is not read yet."""
    host, _, port = console.address.partition(":")
    line = socket.create_connection((host, int(port)), timeout=180)
    line.sendall(request)
    return line, http.client.HTTPResponse(line)


def answer(console: RunningConsole, request: bytes) -> tuple[int, dict[str, str], bytes]:
    line, response = raw(console, request)
    with line:
        response.begin()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def is_closed(line: socket.socket) -> bool:
    """Whether the console has ended a connection that sends a letter now and then, but never a whole request."""
    time.sleep(0.1)
    try:
        line.send(b"X")
    except OSError:
        return True
    return False


def posting(path: str, headers: str, body: bytes = b"") -> bytes:
    """Return a request without a session: what is refused here is refused before anybody asks who comes."""
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}\r\n".encode() + body


def test_requests_that_no_page_makes_are_refused_and_every_answer_carries_the_policies(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = console.raise_alarm()
    path = f"/api/alarms/{alarm}/acknowledge"
    comment = f"/api/alarms/{alarm}/comment"

    def get(head: str) -> bytes:
        return f"{head}\r\n\r\n".encode()

    session = "".join(f"{name}: {value}\r\n" for name, value in with_session(console.sign_in()).items())

    def acts(reason: str, where: str = comment, device: str | None = None) -> bytes:
        body = json.dumps({"reason": reason, "device": device}).encode()
        return posting(where, f"{session}Content-Length: {len(body)}\r\n", body)

    def coming_in(body: str) -> bytes:
        return posting("/api/sign-in", f"Content-Length: {len(body)}\r\n", body.encode())

    refusals = {
        421: [
            get("GET / HTTP/1.1\r\nHost: rebound.example"),
            get("GET /api/network HTTP/1.1\r\nHost: 127.0.0.1.rebound.example:8080"),
            get("GET /api/stream HTTP/1.1\r\nHost: localhost@rebound.example"),
            get("GET / HTTP/1.0"),
            b"POST " + path.encode() + b' HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\n'
            b'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"person":"x"}',
        ],
        413: [
            posting(path, "Content-Length: 500000000\r\n"),
            posting(path, "Transfer-Encoding: chunked\r\n", b"186a0\r\n" + b" " * 100_000),
        ],
        408: [posting(path, "Content-Length: 14\r\n", b'{"person"'), posting("/a/x", "Transfer-Encoding: chunked\r\n")],
        400: [
            b"nonsense\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000,
            posting(path, "Content-Length: 14\r\n", b'{"person":"\xff"}'),
            get("GET /stations/a%00b HTTP/1.1\r\nHost: 127.0.0.1"),
            get("GET /api/alarms?station=%00 HTTP/1.1\r\nHost: 127.0.0.1"),
        ],
        405: [get("TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json")],
        422: [
            acts(""), acts("   "), acts("\u200b\u200b"), acts("-"), acts("a\0b"), acts("a" * 401),
            acts("a\0", path), acts("x", comment, "a" * 81),
            posting(path, f"{session}Content-Length: 19\r\n", b'{"reason":"\\ud800"}'),
            posting(path, f"{session}Content-Length: 11\r\n", b'{"reason":1'),
            get(f"GET /api/alarms/{2**63}/pictures/north HTTP/1.1\r\nHost: 127.0.0.1"),
            get(f"GET /api/alarms/{'9' * 5000}/pictures/north HTTP/1.1\r\nHost: 127.0.0.1"),
            coming_in(r'{"login":"a\u0000","password":"x"}'), coming_in(r'{"login":"\ud800","password":"x"}'),
            coming_in(r'{"login":"a","password":"\ud800"}'),
        ],
        403: [coming_in(r'{"login":"a","password":"\u0000"}')],
        401: [posting(path, f"{cookie}Content-Length: 2\r\n", b"{}") for cookie in ("", "Cookie: quantrac=x\r\n")],
        200: [
            get("GET /healthz HTTP/1.1\r\nHost: LocalHost."), get("GET /healthz HTTP/1.1\r\nHost: [::1]:80"),
            get("GET /sign-in?next=//[ HTTP/1.1\r\nHost: 127.0.0.1"),
            get("GET /healthz HTTP/1.1\r\nHost: 203.0.113.9:8080"),
        ],
    }  # fmt: skip
    for expected, requests in refusals.items():
        monkeypatch.setattr(guard, "BODY_S", 0.3 if expected == 408 else 60.0)
        for request in requests:
            status, headers, body = answer(console, request)
            assert (status, request[:150], body[:80]) == (expected, request[:150], body[:80])
            assert expected == 400 or "default-src 'none'" in headers["content-security-policy"], request[:150]
            if expected in (413, 421, 422):
                assert json.loads(body)["error"]
    assert console.acknowledged_by(alarm) is None


def test_a_page_that_fails_says_so_with_the_policies_and_no_traceback(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.console.station_page.opening_hours", lambda *_: 1 / 0)
    status, headers, text = console.ask("GET", "/stations/st-my-thanh")
    assert (status, "default-src 'none'" in headers["content-security-policy"]) == (500, True)
    assert "ZeroDivision" not in text
    for path in ("/", "/stations/st-my-thanh?lang=en", "/api/network", "/api/stream", "/healthz", "/static/console.js"):
        status, headers, text = console.ask("HEAD", path)
        assert (path, status, text) == (path, 500 if "stations" in path else 200, "")
        assert headers["content-type"]


def test_pages_are_compressed_and_what_they_load_is_kept_until_it_changes(console: RunningConsole) -> None:
    with closing(http.client.HTTPConnection(console.address)) as line:
        line.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        response = line.getresponse()
        packed = response.read()
    page = gzip.decompress(packed).decode()
    assert response.getheader("Content-Encoding") == "gzip"
    assert len(packed) * 3 < len(page)
    assert response.getheader("Cache-Control") == "no-store"
    loaded = re.findall(r'(?:src|href|data-land)="(/(?:static|vendor)/[^"]+)"', page)
    assert len(loaded) >= 7
    for path in loaded:
        status, headers, _ = console.ask("GET", path)
        assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert re.fullmatch(r"/(static|vendor/\w+)/[0-9a-f]{12}/[\w.-]+", path)
    _, headers, _ = console.ask("GET", "/static/console.js")
    assert headers["cache-control"] == "no-cache", "without a digest nothing says that it has changed"
    status, headers, _ = console.ask("GET", "/static/console.js", **{"If-None-Match": headers["etag"]})
    assert (status, headers["cache-control"]) == (304, "no-cache")
    assert console.ask("GET", "/healthz")[1]["cache-control"] == "no-store"


def test_half_open_connections_are_bounded_and_end_while_pages_are_served(
    unstarted_console: Callable[[], RunningConsole], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven hundred of them ended the console: it had no file left for the next browser."""
    monkeypatch.setattr(service, "most_connections", lambda: 30)
    monkeypatch.setattr(connections, "REQUEST_S", 2.0)
    monkeypatch.setattr(connections, "READ_S", 0.5)
    console = unstarted_console()
    console.start()
    with ExitStack() as stack:
        stream = stack.enter_context(console.stream())
        next(stream)
        halves = [stack.enter_context(raw(console, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")[0]) for _ in range(90)]
        for _ in range(3):
            assert console.ask("GET", "/healthz")[0] == 200, "the newest has a place"
        next(stream)
        eventually(lambda: is_closed(halves[-1]))
        next(stream)
    line, _ = raw(console, b"GET /api/network HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2000)  # and reads no answer
    with line:
        eventually(lambda: is_closed(line))
