"""`quantrac stations check` for technicians, programs and editors. What bad files say: test_bad_input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.fixtures.program import PROJECT, quantrac


@pytest.mark.parametrize("overlay", [(), ("--overlay", "demo")])
def test_the_shipped_files_are_good(overlay: tuple[str, ...]) -> None:
    done = quantrac("stations", "check", "station_configs", *overlay)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 stations" in done.stdout


def test_programs_get_json(tmp_path: Path) -> None:
    good = json.loads(quantrac("stations", "check", "station_configs", "--json").stdout)
    assert good["ok"] is True
    assert len(good["stations"]["st-my-thanh"]["config"]) == 64
    bad = Path(shutil.copytree(PROJECT / "station_configs", tmp_path / "station_configs"))
    (bad / "stations/st-my-thanh.yaml").write_text("schema: quantrac/station/1\n")
    done = quantrac("stations", "check", bad, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (2, False)
    assert {"file", "line", "column", "key", "message"} <= report["problems"][0].keys()


def test_an_editor_gets_the_schema_of_each_kind() -> None:
    done = quantrac("stations", "schema", "station")
    assert json.loads(done.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert quantrac("stations", "schema", "stations").returncode == 2
