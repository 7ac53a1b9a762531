"""What is allowed and hardly meant is said; a network that means all of it is silent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quantrac.config.cautions import cautions, rule_cautions
from quantrac.config.loader import load_network
from tests.fixtures.program import PROJECT

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four stations of one kind around 9.5° N, 106° E, all of whose channels and tags are watched."""
    station = (PROJECT / "station_configs/stations/st-tran-de.yaml").read_text("utf-8")
    for folder in ("stations", "devices", "rules"):
        (tmp_path / folder).mkdir()
    for name in set(re.findall(r"profile: (\S+)", station)):
        (tmp_path / f"devices/{name}.yaml").symlink_to(PROJECT / f"station_configs/devices/{name}.yaml")
    for number, name in enumerate(("st-a", "st-b", "st-c", "st-d")):
        text = station.replace("st-tran-de", name).replace("latitude: 9.52", f"latitude: 9.{number}")
        (tmp_path / f"stations/{name}.yaml").write_text(text, "utf-8")
    (tmp_path / "network.yaml").write_text(
        "schema: quantrac/network/1\nnetwork: t\nname: {vi: a, en: a}\noperator: {vi: a, en: a}\n"
        "time_zone: Asia/Ho_Chi_Minh\ngroups: {farmers: {title: {vi: a, en: a}}}\n", "utf-8",
    )  # fmt: skip
    return tmp_path


def edit(root: Path, old: str, new: str, name: str = "st-b") -> None:
    file = root / f"stations/{name}.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def said(root: Path) -> list[str]:
    network = load_network(root)
    of_rules = rule_cautions(network, NOW)
    return [line for line in cautions(network, NOW) if line not in of_rules]


def test_ways_that_show_their_passwords_are_named(root: Path) -> None:
    with (root / "network.yaml").open("a") as network:
        network.write(
            "receivers:\n  old: {way: ftp, host: h}\n  new: {way: ftps, host: h}\n"
            "  broker: {way: mqtt, host: h, topic: t}\n"
        )
    assert [line for line in cautions(load_network(root), NOW) if line.startswith("receivers")] == [
        "receivers.old: way: ftp shows its password to all on the line; ask for ftps or sftp",
        "receivers.broker: way: mqtt shows its password to all on the line; ask for mqtts",
    ]


def test_a_right_network_is_silent(root: Path) -> None:
    assert said(root) == []


def test_a_date_of_service_in_the_future(root: Path) -> None:
    edit(root, "in_service: 2019-06-01", "in_service: 2026-11-30")
    assert said(root) == ["st-b: in_service: 2026-11-30 is in the future; until then its agent sends nothing"]
    edit(root, "in_service: 2026-11-30", "in_service: 2026-11-29", "st-b")
    assert said(root) == []


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "/dev/ttyACM12"])
def test_a_port_that_is_numbered_by_chance(root: Path, port: str) -> None:
    edit(root, "/dev/serial/by-id/usb-SDI12_ADAPTER_7F22-if00", port)
    (line,) = said(root)
    assert line.startswith("st-b: buses.")
    assert f"{port} may be another adapter" in line


@pytest.mark.parametrize("port", ["/dev/ttyS0", "/dev/ttyAMA0", "/dev/serial/by-path/x"])
def test_a_port_that_stays_what_it_is(root: Path, port: str) -> None:
    edit(root, "/dev/serial/by-id/usb-SDI12_ADAPTER_7F22-if00", port)
    assert said(root) == []


@pytest.mark.parametrize(("latitude", "longitude"), [("20.95", "106.2"), ("9.1", "16.2"), ("0", "0")])
def test_a_place_outside_the_network(root: Path, latitude: str, longitude: str) -> None:
    edit(root, "latitude: 9.1", f"latitude: {latitude}")
    edit(root, "longitude: 106.2", f"longitude: {longitude}")
    (line,) = said(root)
    assert line.startswith(f"st-b: location: {latitude}, {longitude} is ")
    assert "km from the middle of the network" in line


OXYGEN = """schema: quantrac/rules/1
rules:
  low-oxygen:
    title: {vi: a, en: a}
    watch: {parameter: do, tags: [shrimp]}
    below: {act: {limit: 3.0, clear: 3.3, on_delay: 10m, off_delay: 10m, severity: high, to: [farmers]}}
    source: s
    cause: {vi: a, en: a}
    consequence: {vi: a, en: a}
    response: {vi: a, en: a}
    sms: {vi: a, en: a}
"""


def test_tags_and_channels_that_no_rule_names_unless_none_is_meant_to(root: Path) -> None:
    (root / "rules/oxygen.yaml").write_text(OXYGEN, "utf-8")
    edit(root, "tags: [", "tags: [shrimp, ")
    assert rule_cautions(load_network(root), NOW)[:2] == [
        "tags that no rule selects: brackish, river, river-mouth, sluice, water",
        "channels that no rule watches, though rules watch their parameter elsewhere: st-a/do, st-c/do, st-d/do",
    ]
    never = rule_cautions(load_network(root), NOW)[2].removeprefix("parameters that no rule watches: ").split(", ")
    assert "turbidity" in never
    assert "disk_free" not in never
    with (root / "network.yaml").open("a", encoding="utf-8") as file:
        file.write(
            f"unwatched: {{tags: [brackish, river, river-mouth, sluice], parameters: [do, {', '.join(never[1:])}]}}\n"
        )
    assert rule_cautions(load_network(root), NOW) == [
        "tags that no rule selects: water",
        "channels that no rule watches, though rules watch their parameter elsewhere: st-a/do, st-c/do, st-d/do",
        f"parameters that no rule watches: {never[0]}",
    ]


def test_a_limit_that_nobody_read_is_said_and_what_a_watched_mean_is_made_of_is_watched(root: Path) -> None:
    law = (PROJECT / "station_configs/limits/qcvn-08-2023.yaml").read_text("utf-8")
    (root / "limits").mkdir()
    (root / "limits/law.yaml").write_text(law, "utf-8")
    by_law = OXYGEN.replace("limit: 3.0", "limit: law/do/d").replace(", tags: [shrimp]", ", channels: [do_24h]")
    (root / "rules/oxygen.yaml").write_text(by_law, "utf-8")
    for file in (root / "stations").iterdir():
        with file.open("a", encoding="utf-8") as station:
            station.write("\nderived: {do_1h: {formula: mean-1h, of: do}, do_24h: {formula: mean-24h, of: do_1h}}\n")
    said = rule_cautions(load_network(root), NOW)
    assert said[-1] == "rule low-oxygen: limit law/do/d is unconfirmed: read it in QCVN 08:2023/BTNMT"
    silent = "rule low-oxygen: limit law/do/d has no figure in force on 2020-01-01: nothing rises above or below it"
    assert rule_cautions(load_network(root), datetime(2020, 1, 1, tzinfo=UTC))[-1] == silent
    assert not any("elsewhere" in line for line in said), "oxygen is watched in its mean"


def test_the_shipped_network_warns_of_nothing() -> None:
    assert cautions(load_network(PROJECT / "station_configs"), NOW) == []
