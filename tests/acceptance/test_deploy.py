"""What `deploy/` starts exists: every command of the units and of the image."""

import configparser
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML

from dashboards.console.connections import MOST
from quantrac.cli.processes import CENTRE_SERVICES
from quantrac.config.settings import Settings
from tests.fixtures.program import PROJECT, WITHIN_S, quantrac


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


def test_serial_ports_and_backups_are_allowed_where_a_service_needs_them_and_nowhere_else() -> None:
    def devices(name: str) -> set[str]:
        lines = (PROJECT / "deploy/systemd" / name).read_text("utf-8").splitlines()
        return {line.removeprefix("DeviceAllow=char-tty") for line in lines if line.startswith("DeviceAllow=")}

    modem = unit("quantrac@alerts.service.d/modem.conf")["Service"]
    assert (modem["SupplementaryGroups"], modem["PrivateDevices"]) == ("dialout", "no")
    assert devices("quantrac@alerts.service.d/modem.conf") == {"S rw", "USB rw", "ACM rw"}
    assert devices("quantrac-edge@.service") == {"S rw", "USB rw", "ACM rw", "AMA rw", "SC rw", "mxc rw"}
    centre = unit("quantrac@.service")["Service"]
    assert centre["PrivateDevices"] == "yes"
    assert "ReadWritePaths" not in centre
    backups = unit("quantrac@jobs.service.d/backups.conf")["Service"]
    assert backups["ReadWritePaths"] in (PROJECT / "docs/operating.md").read_text("utf-8")
    files = unit("quantrac@console.service.d/files.conf")["Service"]
    assert f"chown -R quantrac: {files['ReadWritePaths']}\n" in (PROJECT / "docs/console.md").read_text("utf-8")
    assert f"QUANTRAC_CONFIG={files['ReadWritePaths']} " in centre["Environment"]
    assert int(centre["LimitNOFILE"]) > MOST


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze judges the units; no systemd here")
@pytest.mark.parametrize("name", ["quantrac@.service", "quantrac-edge@.service"])
def test_a_unit_is_exposed_by_1_5_at_most(name: str) -> None:
    judge = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15"]
    judged = subprocess.run(
        [*judge, PROJECT / "deploy/systemd" / name], capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    assert judged.returncode == 0, judged.stdout[-3000:] + judged.stderr
    assert re.search(r"exposure level for \S+: (0\.\d|1\.[0-5]) ", judged.stdout), judged.stdout[-200:]


def compose_services() -> dict[str, Any]:
    services: dict[str, Any] = YAML(typ="safe").load(PROJECT / "deploy/compose.yaml")["services"]
    return services


def test_each_container_of_the_centre_has_its_own_secrets_and_a_health_check() -> None:
    """The demo and the command that writes the broker's files end by themselves."""
    serving = {name: service for name, service in compose_services().items() if name not in ("demo", "broker-files")}
    secrets = {name: service.get("env_file") for name, service in serving.items()}
    assert secrets == {
        "database": "database.env", "broker": None, "centre": "centre.env", "grafana": "grafana.env",
    }  # fmt: skip
    assert [name for name, service in serving.items() if "healthcheck" not in service] == []
    assert [name for name, service in serving.items() if "./broker:/broker:ro" in service["volumes"]] == ["broker"]


def test_a_container_with_the_whole_project_sees_no_secret_of_another() -> None:
    """A volume without a name is empty and lies over the folder of the secrets."""
    volumes = {name: service.get("volumes", []) for name, service in compose_services().items()}
    whole = {name: found for name, found in volumes.items() if any(each.split(":")[0] in ("..", ".") for each in found)}
    assert [*whole] == ["demo"]
    assert {"..:/source:ro", "/source/deploy"} <= set(whole["demo"])


def test_nobody_knows_the_password_of_grafanas_administrator_from_its_manual() -> None:
    page = (PROJECT / "docs/containers.md").read_text("utf-8")
    (made,) = re.findall(r"^cat > grafana\.env <<TEXT\n(.*?)^TEXT$", page, re.MULTILINE | re.DOTALL)
    assert "GF_SECURITY_ADMIN_PASSWORD=$(openssl rand" in made


def test_git_and_the_image_leave_out_what_is_secret() -> None:
    git, image = ((PROJECT / name).read_text("utf-8").splitlines() for name in (".gitignore", ".dockerignore"))
    for secret in ("deploy/*.env", "deploy/broker", "deploy/broker.passwords", "deploy/ca.*"):
        assert {f"/{secret}", f"/{secret}/"} & set(git), secret
        assert secret in image


def test_grafana_gets_our_files_where_they_look_for_each_other_and_every_variable_that_they_name() -> None:
    grafana = compose_services()["grafana"]
    mounts = {source: target for source, target, *_ in (volume.split(":") for volume in grafana["volumes"])}
    provisioning = PROJECT / "dashboards/grafana/provisioning"
    provider = YAML(typ="safe").load(provisioning / "dashboards/quantrac.yaml")["providers"][0]
    assert mounts["../dashboards/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounts["../dashboards/grafana/generated"] == provider["options"]["path"]
    named = set(re.findall(r"\$(\w+)", (provisioning / "datasources/quantrac.yaml").read_text("utf-8")))
    page = (PROJECT / "docs/containers.md").read_text("utf-8")
    assert named == {
        *(name for name in grafana["environment"] if name.startswith("QUANTRAC_")),
        *re.findall(r"^(QUANTRAC_GRAFANA_\w+)=", page, re.MULTILINE),
    }


def test_the_compose_file_uses_settings_that_exist_and_opens_only_the_broker() -> None:
    services = compose_services()
    centre = services["centre"]
    assert {name for name in centre["environment"] if name.startswith("QUANTRAC_")} <= {
        f"QUANTRAC_{field.upper()}" for field in Settings.model_fields
    }
    open_ports = [
        port for service in services.values() for port in service.get("ports", []) if not port.startswith("127.0.0.1:")
    ]
    assert open_ports == ["8883:8883"]


def test_the_image_runs_commands_that_exist() -> None:
    text = (PROJECT / "deploy/Dockerfile").read_text(encoding="utf-8")
    commands = re.findall(r"quantrac ([a-z]+) ([a-z]+)", text.rsplit("CMD", 1)[1])
    assert commands == [("db", "migrate"), ("stations", "apply"), ("centre", "run")]
    for words in commands:
        assert quantrac(*words, "--help").returncode == 0, words
