"""`quantrac commands key`: a key that nobody else may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from typer.testing import CliRunner

from quantrac.cli.commands.commands import app
from quantrac.telemetry.commands import read_key


def test_a_key_goes_into_a_file_that_others_may_not_read_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    before = os.umask(0)
    try:
        first = CliRunner().invoke(app, ["key", "st-one", "--into", str(file)])
    finally:
        os.umask(before)
    assert first.exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = read_key(file, "st-one")
    assert len(key) == 32
    assert key.hex() not in first.output
    file.chmod(0o644)
    file.write_text(file.read_text("utf-8").rstrip("\n"), "utf-8")
    assert CliRunner().invoke(app, ["key", "st-two", "--into", str(file)]).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert read_key(file, "st-one") == key
    assert read_key(file, "st-two") != key


def test_a_second_key_of_a_station_is_refused_because_the_first_would_hold(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"st-one {'11' * 32}\n", "utf-8")
    again = CliRunner().invoke(app, ["key", "st-one", "--into", str(file)])
    assert again.exit_code == 2
    assert "has a key of st-one" in again.output
    assert file.read_text("utf-8") == f"st-one {'11' * 32}\n"
