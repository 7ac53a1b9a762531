"""What needs the disk is refused with the reason while the disk is full, and works again as soon as there is room."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import NoReturn

import pytest

from edge_agent.control.commands import FILE
from edge_agent.control.reconfiguration import ChangeRefused
from edge_agent.slots.kept_file import replace_file
from tests.unit.edge_agent.test_commands import NOW, Station, command
from tests.unit.edge_agent.test_reconfiguration import STATION, Rig, changed


def full() -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


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
    assert set(json.loads((folder / FILE).read_text())) == {"command-1", "command-2"}


def test_what_changes_nothing_is_carried_out_all_the_same_and_once(tmp_path: Path) -> None:
    station = Station(tmp_path / "not mounted")
    for _ in range(2):
        station.hear("command-1", command("command-1", {"do": "status"}))
    assert station.done == [{"do": "status"}]


def test_a_file_that_cannot_be_replaced_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE
    replace_file(path, f'{{"command-1": {NOW}}}')
    monkeypatch.setattr("os.fsync", lambda _: full())
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, "{}")
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert path.read_text() == f'{{"command-1": {NOW}}}'


def test_a_configuration_that_cannot_be_kept_for_the_next_start_is_taken_back() -> None:
    rig, new = Rig(), changed()
    rig.slots = [5.1, 5.2, 5.3]
    outcome = rig.configuring.change(new, "push", 3_000, full)
    assert outcome["outcome"] == "rolled back"
    assert "the disk does not keep it" in outcome["why"]
    assert rig.field.in_force == [new, STATION]
    rig.slots = [5.1, 5.2, 5.3]
    assert rig.change(changed())["outcome"] == "confirmed"


def test_one_that_is_in_force_already_and_cannot_be_kept_says_so() -> None:
    with pytest.raises(ChangeRefused, match="it is in force, but the disk does not keep it"):
        Rig().configuring.change(STATION, "push", 3_000, full)
