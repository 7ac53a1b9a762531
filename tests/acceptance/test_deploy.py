"""What `deploy/` starts exists: every command of the units and of the image."""

import configparser
import re
import shlex

import pytest
from ruamel.yaml import YAML

from quantrac.cli.processes import CENTRE_SERVICES
from quantrac.config.settings import Settings
from tests.fixtures.program import PROJECT, quantrac


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]  # keys keep their capitals
    parser.read(PROJECT / "deploy/systemd" / name)
    return parser


@pytest.mark.parametrize("service", CENTRE_SERVICES)
def test_the_unit_of_a_service_starts_a_command_that_exists(service: str) -> None:
    program, *words = shlex.split(unit("quantrac@.service")["Service"]["ExecStart"].replace("%i", service))
    assert program == "/opt/quantrac/bin/quantrac"
    assert words == [service, "run"]
    assert quantrac(*words, "--help").returncode == 0


def test_the_unit_of_a_station_starts_the_agent_for_its_instance() -> None:
    _, *words = shlex.split(unit("quantrac-edge@.service")["Service"]["ExecStart"])
    assert words == ["edge", "run", "--station", "%i"]
    assert "--station" in quantrac("edge", "run", "--help").stdout


def test_the_compose_file_uses_settings_that_exist_and_opens_only_the_broker() -> None:
    compose = YAML(typ="safe").load(PROJECT / "deploy/compose.yaml")
    centre = compose["services"]["centre"]
    assert {name for name in centre["environment"] if name.startswith("QUANTRAC_")} <= {
        f"QUANTRAC_{field.upper()}" for field in Settings.model_fields
    }
    open_ports = [
        port
        for service in compose["services"].values()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    ]
    assert open_ports == ["8883:8883"]


def test_the_image_runs_commands_that_exist() -> None:
    text = (PROJECT / "deploy/Dockerfile").read_text(encoding="utf-8")
    commands = re.findall(r"quantrac ([a-z]+) ([a-z]+)", text.split("CMD")[1])
    assert commands == [("db", "migrate"), ("stations", "apply"), ("centre", "run")]
    for words in commands:
        assert quantrac(*words, "--help").returncode == 0, words
