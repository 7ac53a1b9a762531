"""The agent's desk answers one JSON line with another, whoever asks and whatever is asked."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent import desk


def answer(request: dict[str, Any]) -> Mapping[str, Any]:
    if request.get("do") != "status":
        raise desk.AgentRefused(f"found {request}, expected status")
    return {"well": True}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Longer than the 107 bytes of a socket address."""
    made = tmp_path / ("x" * 90) / "st-test"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def opened(folder: Path) -> Iterator[desk.Desk]:
    made = desk.Desk(folder, answer)
    yield made
    made.close()


@pytest.mark.usefixtures("opened")
def test_it_answers(folder: Path) -> None:
    assert desk.status(folder) == {"well": True}


@pytest.mark.usefixtures("opened")
def test_what_it_cannot_do_it_says(folder: Path) -> None:
    with pytest.raises(desk.AgentRefused, match="expected status"):
        desk.ask(folder, {"do": "dance"}, timeout_s=60)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("garbage", [b"\n", b"[]\n", b"{\n", b"\xff\xfe\n"])
def test_garbage_is_refused_and_the_next_is_served(folder: Path, garbage: bytes) -> None:
    with desk._address(folder) as address, socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(garbage)
        assert b"error" in line.makefile("rb").readline()
    assert desk.status(folder) == {"well": True}


def test_without_an_agent_it_says_so(folder: Path) -> None:
    with pytest.raises(desk.AgentNotRunning, match="no agent answers"):
        desk.status(folder)


@pytest.mark.usefixtures("opened")
def test_only_its_owner_may_ask(folder: Path) -> None:
    assert (folder / desk.SOCKET).stat().st_mode & 0o777 == 0o600


def test_the_socket_of_a_killed_agent_is_in_nobodys_way(folder: Path) -> None:
    with desk._address(folder) as address, socket.socket(socket.AF_UNIX) as left:
        left.bind(address)  # closing leaves the file
    assert (folder / desk.SOCKET).is_socket()
    again = desk.Desk(folder, answer)
    assert desk.status(folder) == {"well": True}
    again.close()
