"""A spool shorter than the law's sixty days is accepted with a warning, since a bench needs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.stations import app

ROOT = Path(__file__).parents[3]


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The shipped files with one spool of 36 hours."""
    root = tmp_path / "station_configs"
    shutil.copytree(ROOT / "station_configs", root)
    station = root / "stations/st-my-thanh.yaml"
    station.write_text(station.read_text().replace("keep: 60d", "keep: 36h"))
    return root


def test_it_is_named_with_what_the_circular_wants(short: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(short)])
    said = "st-my-thanh: spool.keep: found 1.5 days, Circular 10/2021/TT-BTNMT (article 39) wants 60 or more"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == f"warning: {said}"
    assert json.loads(CliRunner().invoke(app, ["check", str(short), "--json"]).stdout)["warnings"] == [said]
