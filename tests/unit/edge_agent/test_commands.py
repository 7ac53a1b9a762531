"""Commands are carried out at most once; a flood of bad ones fills neither the spool nor the link."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from edge_agent.control.commands import FILE, MOST_REFUSALS, Commands
from edge_agent.slots.kept_file import replace_file
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry.commands import encode_command
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.topics import topic
from tests.fixtures.timing import eventually

KEY, NOW = bytes(32), 1_795_490_400_000


class Station:
    def __init__(self, folder: Path, key: bytes | None = KEY) -> None:
        self.now_ms = NOW
        self.done: list[dict[str, Any]] = []
        self.replies: list[tuple[str, dict[str, Any]]] = []
        self.events: list[tuple[str, str]] = []
        self.commanding = Commands(
            "st-test", key, folder, answer=self.answer, now_ms=lambda: self.now_ms,
            reply=lambda name, payload: self.replies.append((name, json.loads(payload))),
            record=lambda kind, detail: self.events.append((kind, detail)),
        )  # fmt: skip

    def answer(self, order: dict[str, Any]) -> Mapping[str, Any]:
        self.done.append(order)
        if order["do"] == "read":
            raise QuantracError("the line is down")
        if order["do"] == "status":
            raise ZeroDivisionError
        return {"maintenance": {}}

    def hear(self, name: str, payload: bytes) -> None:
        self.commanding.offer(
            Delivery(topic("st-test", "cmd", name), payload, 1, 1, False, False, len(payload), None, ())
        )
        eventually(lambda: not any(t.name.startswith("command ") for t in threading.enumerate()))


def command(name: str, order: dict[str, Any], issued_ms: int = NOW) -> bytes:
    return encode_command(KEY, "st-test", name, order, issued_ms=issued_ms, expires_ms=issued_ms + 60_000)


def test_once_even_over_a_restart(tmp_path: Path) -> None:
    payload = command("command-1", {"do": "maint"})
    Station(tmp_path).hear("command-1", payload)
    again = Station(tmp_path)
    again.hear("command-1", payload)
    assert again.done == []
    assert again.replies == []  # the genuine answer stands
    assert [kind for kind, _ in again.events] == ["command_refused"]
    assert json.loads((tmp_path / FILE).read_text())["seen"] == {"command-1": NOW + 60_000}


@pytest.mark.parametrize("restart", [False, True])
def test_once_even_when_the_clock_jumps_ahead_and_back(tmp_path: Path, restart: bool) -> None:
    station, payload = Station(tmp_path), command("command-1", {"do": "maint"})
    station.hear("command-1", payload)
    station.now_ms = NOW + 61_000
    station.hear("command-2", command("command-2", {"do": "maint"}, NOW + 60_500))  # command-1 is over by this clock
    station = Station(tmp_path) if restart else station
    station.now_ms, station.done = NOW + 1000, []
    station.hear("command-1", payload)
    station.hear("command-3", command("command-3", {"do": "maint"}, NOW + 1000))
    assert station.done == [{"do": "maint"}]  # command-3, which ends later than all that was forgotten
    assert "clock was ahead" in station.events[-2][1] + station.events[-1][1]


def test_a_damaged_record_lets_no_earlier_command_through(tmp_path: Path) -> None:
    station, payload = Station(tmp_path), command("command-1", {"do": "maint"})
    station.hear("command-1", payload)
    (tmp_path / FILE).write_text("{" * 100_000)
    os.utime(tmp_path / FILE, (NOW / 1000, NOW / 1000))
    again = Station(tmp_path)
    again.hear("command-1", payload)
    assert again.done == []
    later = NOW + 4_000_000
    again.now_ms = later
    again.hear("command-2", command("command-2", {"do": "maint"}, later))
    assert again.done == [{"do": "maint"}]


def test_an_order_that_fails_is_answered_with_why(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.hear("command-1", command("command-1", {"do": "read"}))
    station.hear("command-2", command("command-2", {"do": "status"}))
    assert [(answer["ok"], answer["error"]) for _, answer in station.replies] == [
        (False, "the line is down"), (False, "a mistake of the agent: ZeroDivisionError(); its log says more"),
    ]  # fmt: skip


def test_a_station_without_a_key_takes_none(tmp_path: Path) -> None:
    station = Station(tmp_path, key=None)
    station.hear("command-1", command("command-1", {"do": "maint"}))
    assert station.done == []
    assert "has no key" in station.replies[0][1]["error"]


def test_a_flood_of_forgeries_is_bounded_on_record(tmp_path: Path) -> None:
    station = Station(tmp_path)
    for number in range(MOST_REFUSALS + 30):
        station.hear(f"forgery-{number}", b"{}")
    assert len(station.events) == len(station.replies) == MOST_REFUSALS
    station.hear("command-1", command("command-1", {"do": "maint"}))
    assert len(station.done) == 1


def test_what_stands_in_no_list_is_refused(tmp_path: Path) -> None:
    station = Station(tmp_path)
    for number, do in enumerate(("drain", "reload", "live")):
        station.hear(f"command-{number}", command(f"command-{number}", {"do": do}))
    assert station.done == []
    assert all(answer["refused"] for _, answer in station.replies)


def test_a_command_is_refused_with_its_reason_and_carried_out_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "not mounted"
    station = Station(folder)
    station.hear("command-1", command("command-1", {"do": "maint"}))
    assert station.done == []
    (name, answer) = station.replies[0]
    assert (name, answer["refused"]) == ("command-1", True)
    assert "disk cannot be written" in answer["error"]
    assert [kind for kind, _ in station.events] == ["command_refused"]
    folder.mkdir()
    station.hear("command-1", command("command-1", {"do": "maint"}))  # the centre has been told that it was refused
    assert station.done == []
    station.hear("command-2", command("command-2", {"do": "maint"}))
    assert station.done == [{"do": "maint"}]
    assert set(json.loads((folder / FILE).read_text())["seen"]) == {"command-1", "command-2"}


def test_what_changes_nothing_is_carried_out_all_the_same_and_once(tmp_path: Path) -> None:
    station = Station(tmp_path / "not mounted")
    for _ in range(2):
        station.hear("command-1", command("command-1", {"do": "status"}))
    assert station.done == [{"do": "status"}]


def test_a_file_that_cannot_be_replaced_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE
    replace_file(path, f'{{"command-1": {NOW}}}')

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, "{}")
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert path.read_text() == f'{{"command-1": {NOW}}}'
