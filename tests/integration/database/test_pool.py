"""Connections notice a server that has vanished without a word."""

import os
import socket

from quantrac.database.pool import connect


def test_a_connection_gives_up_a_server_that_has_vanished_after_about_a_minute(database: str) -> None:
    """Seen with two network namespaces and their link taken down: a waiting statement ended after 61 s."""
    with connect(database, "test") as conn, socket.socket(fileno=os.dup(conn.fileno())) as sock:
        idle, interval, count, unacknowledged_ms = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT,
            )
        )  # fmt: skip
    assert idle + interval * count <= 60
    assert 30_000 <= unacknowledged_ms <= 60_000
