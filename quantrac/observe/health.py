"""A tiny HTTP server beside a service: ``/healthz``, ``/readyz`` and ``/metrics``.

It runs in threads of its own, so that it answers also when the service is busy. ``healthy`` asks whether the process
should be left alive (a supervisor restarts what is not), ``ready`` whether it does its work now.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, Self

from quantrac.observe import metrics
from quantrac.telemetry.errors import QuantracError

Answer = bool | str
"""True, or False, or the reason why not (a non-empty text means no)."""

MOST_CONNECTIONS: Final = 64
"""A supervisor and a few Prometheus servers need far fewer; each takes a thread and a file of the service."""
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
PLAIN_TEXT = "text/plain; charset=utf-8"


class ListenError(QuantracError):
    """The address cannot be listened on: malformed, in use, or not this machine's."""


class LocalHttpServer(ThreadingHTTPServer):
    """An HTTP server that starts at once: it never looks up the name of its host."""

    def server_bind(self) -> None:
        """Bind without asking the name service for the host's full name: that can hang for seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _BoundedHttpServer(LocalHttpServer):
    """Holds a bounded number of connections: beyond it the oldest gives way, so that who asks at once is answered."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a new connection in a thread of its own, and end the oldest where there are too many."""
        with self._lock:
            self._open[request] = None
            oldest = next(iter(self._open)) if len(self._open) > MOST_CONNECTIONS else None
            if oldest is not None:
                del self._open[oldest]
                with contextlib.suppress(OSError):  # it has just ended by itself
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._lock:
            self._open.pop(request, None)
        super().close_request(request)


class HealthServer:
    """The running server; close it, or use it as a context manager."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.name = "health"
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on; useful when port 0 was asked for."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    listen: str, *, ready: Callable[[], Answer] = lambda: True, healthy: Callable[[], Answer] = lambda: True
) -> HealthServer:
    """Listen at ``host:port`` and answer in a thread until closed.

    Raises ListenError naming the address and what to do.
    """
    host, port = split_address(listen)
    handler = type("Handler", (_Handler,), {"ready": staticmethod(ready), "healthy": staticmethod(healthy)})
    try:
        server = _BoundedHttpServer((host, port), handler)
    except OSError as error:
        raise ListenError(f"cannot listen on {listen}: {error.strerror or error}; choose another host:port") from error
    return HealthServer(server)


def split_address(listen: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv4 address or name, port 0 to 65535 (0 = any free one)."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"address to listen on: found {listen!r}, expected host:port such as 127.0.0.1:9101")
    return host, int(port)


class _Handler(BaseHTTPRequestHandler):
    ready: ClassVar[Callable[[], Answer]]
    healthy: ClassVar[Callable[[], Answer]]
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._send(HTTPStatus.OK, metrics.exposition(), PROMETHEUS_TEXT)
        elif self.path == "/healthz":
            self._answer(type(self).healthy())
        elif self.path == "/readyz":
            self._answer(type(self).ready())
        else:
            self._send(HTTPStatus.NOT_FOUND, b"found no such page; there are /healthz /readyz /metrics\n", PLAIN_TEXT)

    def _answer(self, answer: Answer) -> None:
        if answer is True:
            self._send(HTTPStatus.OK, b"ok\n", PLAIN_TEXT)
        else:
            reason = answer if isinstance(answer, str) and answer else "not yet"
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n".encode(), PLAIN_TEXT)

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class' name)
        """Stay silent: a line for every probe would bury the log."""
