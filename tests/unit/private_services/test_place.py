"""Where private servers keep their files, and free ports."""

import os
import socket
from pathlib import Path

import pytest

from quantrac.private_services import place, ports
from quantrac.private_services.place import Account


def nobody() -> Account:
    return Account("nobody", 65534, 65534)


def me() -> Account:
    return Account("me", os.geteuid(), os.getegid())


def test_an_open_project_folder_keeps_its_servers_inside(tmp_path: Path):
    assert place.runtime_directory(tmp_path, me()) == tmp_path / ".quantrac"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_a_home_closed_to_the_server_user_moves_the_servers_to_a_folder_of_our_own(tmp_path, monkeypatch):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    (tmp_path / "var").mkdir()
    monkeypatch.setattr(place, "SHARED_TEMPORARY", tmp_path / "var")
    for folder in [tmp_path, *tmp_path.parents[:-1]]:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    chosen = place.runtime_directory(closed, nobody())
    assert chosen.parent == tmp_path / "var"
    assert place.can_enter(nobody(), chosen)
    assert place.runtime_directory(closed, nobody()) == chosen


def test_a_free_port_lies_below_those_of_outgoing_connections():
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(ports.free_port() < lowest for _ in range(50))


def test_a_port_somebody_listens_on_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
    assert not ports.answers(port)
