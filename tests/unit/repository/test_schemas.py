"""Editors find the schema of every shipped file of configuration, and it is that of the models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from quantrac.config.schemas import write_schemas

CONFIGS = Path(__file__).parents[3] / "station_configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
FOLDERS = {"stations": "station", "devices": "device", "rules": "rules", "limits": "limits"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONFIGS)))
def test_the_first_line_of_a_shipped_file_names_the_schema_of_its_kind(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema="), "the first line of its neighbours is missing"
    named = first.partition("=")[2]
    kind = FOLDERS.get(file.parent.name, "network")
    overlay = "overlay-" if "demo" in file.parts else ""
    assert (file.parent / named).resolve() == CONFIGS / f"schemas/{overlay}{kind}.json"
    assert (file.parent / named).exists()


def test_the_schemas_are_those_of_the_models_and_know_the_profiles(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS / "devices", tmp_path / "devices")
    (tmp_path / "devices/our-own.yaml").touch()
    made = {file.name: file.read_text("utf-8") for file in write_schemas(tmp_path)}
    profiles = json.loads(made["station.json"])["$defs"]["DeviceSpec"]["properties"]["profile"]["enum"]
    assert "our-own" in profiles
    assert {file.stem for file in (CONFIGS / "devices").glob("*.yaml")} <= set(profiles)
    shipped = {file.name: file.read_text("utf-8") for file in (CONFIGS / "schemas").iterdir()}
    without_own = {name: text.replace('"our-own",', "") for name, text in made.items()}
    stale = [name for name in made if shipped.get(name) != without_own[name]]
    assert stale == [], "run: quantrac stations schema --write"
    assert set(shipped) == set(made)


def test_what_an_overlay_leaves_out_is_no_mistake(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS / "devices", tmp_path / "devices")
    for file in write_schemas(tmp_path):
        assert ('"required":' in file.read_text("utf-8")) == (not file.name.startswith("overlay-")), file.name
