"""A network of any number of water stations as configuration files, made for a run of `benchmarks/whole_network.py`.

Every station has one sonde and one gauge and carries the tags that the shipped rules watch. The rules are those of
`station_configs`, without their tests and without what holds only at stations by name. One level has short delays: the
one that the run makes rise.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML

from benchmarks.servers import PROJECT
from quantrac.config.rules import FARMING_TAGS


class ChannelCourse(NamedTuple):
    """A channel, and how its values move: `base` ± `swing` in ten minutes, with noise."""

    name: str
    device: str
    base: float
    swing: float
    noise: float
    decimals: int


COURSES: Final = (
    ChannelCourse("water_temp", "sonde", 29.0, 0.4, 0.02, 2),
    ChannelCourse("ph", "sonde", 7.6, 0.15, 0.01, 2),
    ChannelCourse("do", "sonde", 5.4, 0.5, 0.03, 2),
    ChannelCourse("do_sat", "sonde", 70.0, 6.0, 0.4, 1),
    ChannelCourse("ec", "sonde", 1.1, 0.1, 0.004, 3),
    ChannelCourse("salinity", "sonde", 0.5, 0.05, 0.01, 2),
    ChannelCourse("turbidity", "sonde", 42.0, 8.0, 1.0, 1),
    ChannelCourse("water_level", "gauge", 1.2, 0.1, 0.003, 3),
    ChannelCourse("nh4_n", "sonde", 0.15, 0.03, 0.003, 3),
    ChannelCourse("chl_a", "sonde", 12.0, 3.0, 0.3, 2),
    ChannelCourse("no3_n", "sonde", 1.4, 0.2, 0.01, 3),
    ChannelCourse("battery_v", "sonde", 12.9, 0.1, 0.01, 2),
    ChannelCourse("orp", "sonde", 210.0, 20.0, 2.0, 0),
    ChannelCourse("tss", "sonde", 35.0, 6.0, 0.8, 1),
)
"""Few readings cross a limit, and each has tests with a history or rules to be judged by."""
SIGNALS: Final = {"battery_v": "external_power"}
"""Signals of the sonde's profile that are not called as the channel is."""
RULE, LEVEL = "do-low", "act"
LOW_VALUE: Final = "2.60"
"""Oxygen below the limit of `act`, 3.0, and above that of `danger`, 2.0, mg/l."""
TAGS: Final = ("water", "river", "fresh", "shrimp-intake", "sluice")
DELAY_INTERVALS: Final = 5
"""The level's `on_delay` and `off_delay`, in intervals of the channels."""


def station_name(number: int) -> str:
    """Return the name of a station, counted from 0."""
    return f"st-{number:05d}"


def phone_of(number: int) -> str:
    """Return the telephone of the one farmer of a station, as the provider gets it."""
    return f"849{number:08d}"


AIR = "air.yaml"
"""The rules of air stations: here are none."""


def write_network(folder: Path, stations: int, channels: int, interval_s: float) -> Path:
    """Write `network.yaml`, `stations/`, `devices/`, `limits/` and `rules/` into a folder and return it.

    Args:
        folder: made here.
        stations: how many.
        channels: how many each station sends, from 3 (with oxygen) to the length of COURSES.
        interval_s: how often each station reports, seconds.
    """
    if not 3 <= channels <= len(COURSES):
        raise ValueError(f"found {channels} channels, allowed 3 to {len(COURSES)}")
    yaml, shipped = YAML(), PROJECT / "station_configs"
    for name in ("devices", "limits"):
        shutil.copytree(shipped / name, folder / name)
    for name in ("rules", "stations"):
        (folder / name).mkdir()
    for path in sorted(set((shipped / "rules").glob("*.yaml")) - {shipped / "rules" / AIR}):
        yaml.dump(_rules(yaml.load(path), interval_s), folder / "rules" / path.name)
    yaml.dump(_network(yaml.load(shipped / "network.yaml"), stations, interval_s), folder / "network.yaml")
    for number in range(stations):
        YAML(typ="safe").dump(_station(number, channels), folder / "stations" / f"{station_name(number)}.yaml")
    return folder


def _rules(tree: Any, interval_s: float) -> Any:
    tree.pop("tests", None)
    for name, rule in tree["rules"].items():
        if "instead" in rule:
            rule["instead"] = [each for each in rule["instead"] if set(each.get("tags", ())) & set(FARMING_TAGS)]
        if name == RULE:
            delay = f"{DELAY_INTERVALS * interval_s:g}s"
            for level in rule["below"].values():
                level.pop("lull", None)  # alarms of the benchmarks end as soon as they may
            rule["below"][LEVEL].update(on_delay=delay, off_delay=delay, breaks_quiet_hours=True)
    return tree


def _network(tree: Any, stations: int, interval_s: float) -> Any:
    interval = f"{interval_s:g}s"
    tree["defaults"].update(sample=interval, report=interval)
    tree["tides"] = {"mouth": {**tree["tides"]["mouth"], "stations": [station_name(n) for n in range(stations)]}}
    tree.pop("public", None)  # it names stations of the shipped network
    tree["contacts"] = {"desk": {"name": "Desk", "email": "desk@example.org", "groups": ["operators"]}}
    for number in range(stations):
        tree["contacts"][f"farmer-{number:05d}"] = {
            "name": f"Farmer {number}", "phone": f"+{phone_of(number)}", "groups": ["farmers"],
            "stations": [station_name(number)],
        }  # fmt: skip
    return tree


def _station(number: int, channels: int) -> dict[str, Any]:
    sent = COURSES[:channels]
    spec: dict[str, Any] = {
        "schema": "quantrac/station/1",
        "station": station_name(number),
        "name": {"vi": f"Trạm {number}", "en": f"Station {number}"},
        "tags": list(TAGS),
        "location": {
            "latitude": 9.3 + number % 40 / 80, "longitude": 105.8 + number // 40 / 80, "commune": "thử",
            "surveyed": False,
        },
        "in_service": "2020-01-01",
        "spool": {"keep": "60d", "size": "40GB"},
        "buses": {"line": {"kind": "modbus-rtu", "port": "/dev/ttyUSB0", "line": "9600 8N1"}},
        "devices": {
            "sonde": {
                "profile": "ysi-exo2", "bus": "line", "address": 1,
                "channels": {
                    course.name: {"signal": SIGNALS[course.name]} if course.name in SIGNALS else {}
                    for course in sent if course.device == "sonde"
                },
            },
        },
    }  # fmt: skip
    names = {course.name for course in sent}
    if "water_level" in names:
        spec["buses"]["level"] = {"kind": "sdi-12", "port": "/dev/ttyUSB1", "line": "9600 8N1"}
        spec["devices"]["gauge"] = {
            "profile": "ott-pls", "bus": "level", "address": "0", "channels": {"water_level": {}},
        }  # fmt: skip
    if "nh4_n" in names:
        spec["derived"] = {"nh3": {"formula": "toxic-ammonia", "probe": "ion"}}
    return spec
