"""`quantrac stations check` as a technician uses it: good files, bad files, and for programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def quantrac(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantrac", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=180)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """The shipped files with three mistakes in two of them."""
    root = tmp_path / "station_configs"
    shutil.copytree(ROOT / "station_configs", root)
    station = root / "stations/st-my-thanh.yaml"
    text = station.read_text().replace("profile: ott-pls", "profile: ott-plx").replace("tags: [", "tag: [")
    station.write_text(text)
    rules = root / "rules/oxygen.yaml"
    rules.write_text(rules.read_text().replace("parameter: do,", "parameter: oxy,"))
    return root


@pytest.mark.parametrize("overlay", [(), ("--overlay", "demo")])
def test_the_shipped_files_are_good(overlay: tuple[str, ...]) -> None:
    done = quantrac("stations", "check", "station_configs", *overlay)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 stations" in done.stdout


def test_bad_files_exit_2_with_one_finding_a_line(bad: Path) -> None:
    done = quantrac("stations", "check", str(bad))
    lines = done.stdout.splitlines()
    assert done.returncode == 2
    assert len(lines) == 4, done.stdout  # the unknown key `tag` is also the missing `tags`
    assert all(line.startswith(str(bad)) for line in lines)
    assert any("found 'ott-plx', allowed" in line and line.endswith("did you mean 'ott-pls'?") for line in lines)
    assert any("rules/oxygen.yaml:6:24: rules.do-low.watch.parameter: found 'oxy'" in line for line in lines)


def test_programs_get_json(bad: Path) -> None:
    done = quantrac("stations", "check", str(bad), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 2
    assert report["ok"] is False
    assert {"file", "line", "column", "key", "message"} <= report["problems"][0].keys()
    good = json.loads(quantrac("stations", "check", "station_configs", "--json").stdout)
    assert good["ok"] is True
    assert len(good["stations"]["st-my-thanh"]["config"]) == 64


def test_a_service_does_not_start_on_bad_files(bad: Path) -> None:
    done = quantrac("edge", "run", "--station", "st-tran-de", cwd=bad.parent)
    assert done.returncode == 2
    assert "ott-plx" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_editor_gets_the_schema_of_each_kind() -> None:
    done = quantrac("stations", "schema", "station")
    assert json.loads(done.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert quantrac("stations", "schema", "stations").returncode == 2
