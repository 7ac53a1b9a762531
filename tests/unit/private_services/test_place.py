"""Where private servers keep their files, and free ports."""

import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantrac.private_services import place, ports
from quantrac.private_services.errors import ServiceError
from quantrac.private_services.place import Account

NOBODY = Account("nobody", 65534, 65534)
ME = Account("me", os.geteuid(), os.getegid())


def test_an_open_project_folder_keeps_its_servers_inside(tmp_path: Path) -> None:
    assert place.runtime_directory(tmp_path, ME) == tmp_path / ".quantrac"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter; pytest's own cannot be entered by others."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_home_closed_to_the_server_user_moves_the_servers_to_the_same_folder_of_our_own_each_time(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "home"
    closed.mkdir(mode=0o700)
    (open_folder / "var").mkdir()
    monkeypatch.setattr(place, "SHARED_TEMPORARY", open_folder / "var")
    if os.geteuid() == 0:  # root asks as the server's user; only root can, and so only root needs to
        assert not place.can_enter(NOBODY, closed)
        assert place.can_enter(NOBODY, open_folder / "var")
    monkeypatch.setattr(place, "can_enter", lambda account, folder: closed not in folder.parents)
    chosen = place.runtime_directory(closed, NOBODY)
    assert chosen.parent == open_folder / "var"
    assert place.runtime_directory(closed, NOBODY) == chosen
    assert place.runtime_directory(open_folder / "var", NOBODY) != chosen


def test_a_folder_that_somebody_else_put_in_our_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "SHARED_TEMPORARY", tmp_path)
    monkeypatch.setattr(place, "can_enter", lambda account, folder: False)
    chosen = place.runtime_directory(tmp_path, ME)
    chosen.rmdir()
    (tmp_path / "elsewhere").mkdir()
    chosen.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServiceError, match="belongs to somebody else; remove it"):
        place.runtime_directory(tmp_path, ME)


def test_a_free_port_lies_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(ports.free_port() < lowest for _ in range(50))


def test_a_port_is_given_once_and_a_server_may_listen_there_stop_and_listen_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tests that ran side by side were now and then given one port: one found it taken, or the other's server."""
    port = ports.free_port()
    monkeypatch.setattr(random, "randrange", lambda *_: port)
    for _ in range(2):
        with pytest.raises(OSError, match="no free port"):
            ports.free_port()
        assert ports.is_free(port), "for a server"
        assert not ports.answers(port)
        with socket.create_server(("127.0.0.1", port)):
            assert ports.answers(port)


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
    assert not ports.answers(port)
