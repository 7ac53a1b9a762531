"""The breakable line of the tests breaks as it says: otherwise fault tests would prove nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from quantrac.private_services.ports import LOOPBACK
from tests.fixtures.proxy import TcpProxy


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets; its port."""
    server = socket.create_server((LOOPBACK, 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):  # it may be cut
            while chunk := connection.recv(1000):
                connection.sendall(chunk)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=180)


def said_back(line: socket.socket, word: bytes) -> bytes:
    line.sendall(word)
    return line.recv(1000)


def ended(line: socket.socket) -> bool:
    try:
        return line.recv(1000) == b""
    except ConnectionResetError:
        return True


def test_a_whole_line_carries_both_ways(tcp_proxy: Callable[[int], TcpProxy], echo: int) -> None:
    with connect(tcp_proxy(echo).port) as line:
        assert said_back(line, b"xin chao") == b"xin chao"


def test_a_cut_line_ends_connections_and_refuses_new_ones_until_it_is_restored(
    tcp_proxy: Callable[[int], TcpProxy], echo: int
) -> None:
    proxy = tcp_proxy(echo)
    with connect(proxy.port) as line:
        assert said_back(line, b"1") == b"1"
        proxy.cut()
        assert ended(line)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
    proxy.restore()
    with connect(proxy.port) as line:
        assert said_back(line, b"2") == b"2"


def test_a_deaf_line_stays_open_and_delivers_late_what_it_held(tcp_proxy: Callable[[int], TcpProxy], echo: int) -> None:
    proxy = tcp_proxy(echo)
    with connect(proxy.port) as line:
        assert said_back(line, b"1") == b"1"
        proxy.deaf()
        line.sendall(b"2")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1000)
        proxy.restore()
        line.settimeout(180)
        assert line.recv(1000) == b"2"
