"""Connections notice a server that has vanished without a word."""

import os
import socket

import pytest

from quantrac.database.pool import DatabaseUnreachable, connect
from quantrac.private_services.ports import free_port


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


def test_of_several_servers_the_one_that_may_be_written_is_taken(database: str) -> None:
    head, _, place = database.rpartition("@")
    port, name = place.partition(":")[2].split("/")
    dead = free_port()
    several = f"{head}@127.0.0.1:{dead},127.0.0.1:{port}/{name}?target_session_attrs=read-write"
    with connect(several, "test") as conn:
        assert conn.info.port == int(port)
        conn.execute(f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(DatabaseUnreachable) as caught:
        connect(several, "test")
    assert str(caught.value).startswith(f"database 127.0.0.1:{dead},127.0.0.1:{port}/{name}: ")
    assert "read-only" in str(caught.value)
    assert head.rpartition(":")[2] not in str(caught.value)
