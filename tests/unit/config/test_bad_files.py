"""Each refused case is a file whose first comments say every line that checking it must print, and no other."""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantrac.config import sources
from quantrac.config.bus_places import load_wiring
from quantrac.config.findings import ConfigErrors, one_of_many
from quantrac.config.loader import StationNotConfigured, load_network, load_station

HERE = Path(__file__).parent
SHIPPED = HERE.parents[2] / "station_configs"
BAD = sorted((HERE / "bad").glob("*.yaml"))
PLACE = {
    "station": "stations/st-a.yaml",
    "device": "devices/meter.yaml",
    "rules": "rules/oxygen.yaml",
    "limits": "limits/law.yaml",
    "network": "network.yaml",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda path: path.stem)
def test_every_problem_is_reported_once_at_its_place(bad: Path, root: Path) -> None:
    place = root / PLACE[bad.stem.split("-")[0]]
    shutil.copyfile(bad, place)
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    expected = [
        line.removeprefix("# expect: ") for line in bad.read_text().splitlines() if line.startswith("# expect: ")
    ]
    assert str(refusal.value).splitlines() == [f"{place}:{line}" for line in expected]
    assert refusal.value.exit_code == 2
    if not bad.stem.startswith(("rules", "limits")):
        with pytest.raises(ConfigErrors) as alone:
            load_station(root, None, "st-a")
        assert str(alone.value) == str(refusal.value)


@pytest.mark.parametrize(
    ("receiver", "found"),
    [
        (
            "host: ftp.example.vn, host_key: KEY",
            "the same folder and name of files for ministry as station 'st-a', "
            "allowed another code, with {code} in `folder` or `file`",
        ),
        (
            "way: mqtt, host: mqtt.example.vn, topic: tram",
            "the same topic for ministry as station 'st-a', "
            "allowed a receiver each, or {path} or {name} in its `topic`",
        ),
    ],
)
def test_stations_whose_ministry_files_would_replace_each_other_are_refused(
    root: Path, receiver: str, found: str
) -> None:
    key = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode()
    with (root / "network.yaml").open("a") as network:
        network.write(f"receivers: {{ministry: {{{receiver.replace('KEY', key)}}}}}\n")
    for name, file in (("st-a", "{code}-{yyyy}{MM}{dd}{HH}{mm}"), ("st-b", "SAME-{yyyy}{MM}{dd}{HH}{mm}")):
        with (root / f"stations/{name}.yaml").open("a") as station:
            station.write(f'ministry: {{code: SAME, folder: "", file: "{file}", receivers: [ministry]}}\n')
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    assert str(refusal.value) == f"{root}/stations/st-b.yaml:25:18: ministry.code: found {found}"


PUBLIC_BEYOND_THE_FILES = """
public:
  crops:
    shrimp: {title: {vi: "tôm", en: "shrimp"}, limits: [law/do/pond, law/ph/pond], stations: [st-a, st-c]}
    fish: {title: {vi: "cá", en: "fish"}, limits: [law/do/24h], stations: [st-a]}
  air: [st-b]
  cooperatives:
    one: {title: {vi: "tổ", en: "group"}, stations: [st-b]}
    two: {title: {vi: "tổ", en: "group"}, stations: [st-x]}
"""


def test_public_pages_name_only_what_is_there_and_fits(root: Path) -> None:
    with (root / "network.yaml").open("a") as network:
        network.write(PUBLIC_BEYOND_THE_FILES)
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    found = [line.partition("network.yaml:")[2].split(": ", 1)[1] for line in str(refusal.value).splitlines()]
    assert found == [
        "public.crops.shrimp.limits.1: found 'law/ph/pond', allowed law/do/pond, law/do/24h, law/water_temp/pond; "
        "did you mean 'law/do/pond'?",
        "public.crops.shrimp.stations.1: found 'st-c', allowed st-a, st-b; did you mean 'st-b'?",
        "public.crops.fish.limits.0: found a limit of means over 24h, allowed one of single values",
        "public.air.0: found a station without a derived channel of vn-aqi-hour, allowed one that has it",
        "public.cooperatives.two.stations.0: found 'st-x', allowed st-a, st-c, st-b; did you mean 'st-c'?",
    ]


def test_problems_of_all_files_are_reported_together(root: Path) -> None:
    for case, place in [("station-unknown-bus", "stations/st-a.yaml"), ("rules-unknown-group", "rules/oxygen.yaml"),
                        ("network-unknown-time-zone", "network.yaml")]:  # fmt: skip
        shutil.copyfile(HERE / "bad" / f"{case}.yaml", root / place)
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    files = [Path(problem.file).name for problem in refusal.value.problems]
    assert files == ["network.yaml", "oxygen.yaml", "st-a.yaml"]


def test_what_a_station_does_not_refer_to_costs_it_nothing(root: Path) -> None:
    station = load_station(root, None, "st-a")
    for case, place in [("station-unknown-bus", "stations/st-b.yaml"), ("rules-unknown-group", "rules/oxygen.yaml"),
                        ("device-unknown-unit", "devices/spare.yaml")]:  # fmt: skip
        shutil.copyfile(HERE / "bad" / f"{case}.yaml", root / place)
    assert load_station(root, None, "st-a") == station
    with pytest.raises(StationNotConfigured, match=r"'st-c' is not configured; there are: st-a, st-b$"):
        load_station(root, None, "st-c")
    (root / "stations/st-c.yml").touch()
    with pytest.raises(ConfigErrors, match=r"st-c\.yml.*found another kind of file, allowed names that end in \.yaml"):
        load_station(root, None, "st-c")


def test_a_profile_that_no_station_names_is_read_where_profiles_are_proved(root: Path) -> None:
    shutil.copyfile(HERE / "bad" / "device-unknown-unit.yaml", root / "devices/spare.yaml")
    assert "spare" not in load_network(root).profiles
    with pytest.raises(ConfigErrors, match=r"spare\.yaml"):
        load_network(root, prove=lambda *_: None)


def test_a_broken_profile_is_not_reported_again_by_every_station_that_uses_it(root: Path) -> None:
    shutil.copyfile(HERE / "bad" / "device-unknown-unit.yaml", root / "devices/meter.yaml")
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    assert {Path(problem.file).name for problem in refusal.value.problems} == {"meter.yaml"}


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("network.yaml", b"name: \xff\xfe\n", r"network\.yaml:1:7: .* not UTF-8"),
        ("stations/st-c.yml", b"station: st-c\n", r"st-c\.yml:1:1: .*\.yaml"),
        (
            "rules/oxygen-again.yaml",
            (HERE / "good/rules/oxygen.yaml").read_bytes(),
            r"oxygen\.yaml:3:3: rules\.do-low: found a rule of this name in a second file",
        ),
    ],
)
def test_no_text_another_kind_of_file_and_a_rule_in_two_files_are_problems(
    root: Path, file: str, content: bytes, says: str
) -> None:
    (root / file).write_bytes(content)
    with pytest.raises(ConfigErrors, match=says):
        load_network(root)


LAUGHS = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]" for i in range(9))
MAD = {
    "a billion laughs": (LAUGHS, r":\d+:\d+: found more than 50,000 values"),
    "a list in itself": ("rules: &a [*a, *a]", r":1:8: found more than"),
    "many lists in one another": ("[" * 300_000, r":1:41: found more than 40 levels"),
    "many blocks in one another": ("- " * 200_000, r":1:81: found more than 40 levels"),
    "a number of 5,000 digits": (
        "schema: 1\nlimit: " + "9" * 5000,
        r":2:8: found a number of 5000 characters, allowed 40",
    ),
    "a directive of 5,000 digits": ("%YAML 1." + "9" * 5000 + "\n---\na: 1", r":1:9: found .* too large"),
    "a number by its tag alone": ("limit: !!int apple", r":1:8: found 'apple', allowed a number"),
    "half a surrogate pair": ('name: "\\ud800"', r":1:7: found the character '\\ud800', allowed text without it"),
    "a character beyond Unicode": ('name: "\\U00110000"', r":1:\d+: found an escape .* too large"),
    "too many bytes": ("# " + "x" * 500_000, r":1:1: found 500,002 bytes, allowed 500,000 a file"),
    "thousands of keys that nobody knows": ("".join(f"k{n}: 1\n" for n in range(3000)), r":1:1: k0: found 'k0'"),
    "a date before time zones": ("in_service: 0001-01-01", r"found '0001-01-01', allowed a date from 1970 to 2199"),
}


@pytest.mark.parametrize("mad", MAD)
def test_a_mad_file_is_refused_with_its_line_at_once(root: Path, mad: str) -> None:
    text, says = MAD[mad]
    file = root / ("stations/st-a.yaml" if mad.startswith("a date") else "rules/oxygen.yaml")
    file.write_text(text, "utf-8")
    before = time.process_time()
    with pytest.raises(ConfigErrors, match=file.name + (says if says.startswith(":") else ".*" + says)):
        load_network(root)
    assert time.process_time() - before < 10


def test_a_file_of_too_many_values_is_not_read_to_its_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_VALUES", 500)
    (root / "rules/oxygen.yaml").write_text("a:\n" * 600 + "[", "utf-8")
    with pytest.raises(ConfigErrors, match=r"oxygen\.yaml:251:1: found more than 500 values, allowed so many"):
        load_network(root)


@pytest.mark.parametrize(("kind", "name"), [("pipe", "a named pipe"), ("link", "a device"), ("folder", "a folder")])
def test_only_regular_files_are_read(root: Path, kind: str, name: str) -> None:
    file = root / "rules/oxygen.yaml"
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    with pytest.raises(ConfigErrors, match=rf"oxygen\.yaml:1:1: found {name}, allowed a regular file"):
        load_network(root)


def test_a_long_mistake_is_one_short_line(root: Path) -> None:
    file = root / "stations/st-a.yaml"
    written = file.read_text("utf-8").replace("profile: meter", 'profile: "mete' + "r" * 9000 + '\\n"')
    file.write_text(f'{written}\n"a\\n{"b" * 900}": 1\n', "utf-8")
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    lines = str(refusal.value).splitlines()
    assert len(lines) == len(refusal.value.problems) == 2
    assert max(map(len, lines)) < 600


def test_an_empty_wiring_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "wiring.yaml").write_text("# nothing yet\n", "utf-8")
    with pytest.raises(ConfigErrors, match=r"wiring\.yaml:1:1: found an empty file, allowed a wiring file"):
        load_wiring(tmp_path / "wiring.yaml")


def test_a_misspelt_profile_is_answered_with_its_neighbours() -> None:
    profiles = [path.stem for path in (SHIPPED / "devices").glob("*.yaml")]
    told = one_of_many("teledyne-t4000", profiles)
    assert told.startswith(f"found 'teledyne-t4000', allowed one of {len(profiles)}, such as teledyne-t400, teledyne-")
    assert told.endswith("; did you mean 'teledyne-t400'?")
    assert len(told) < 250


@pytest.mark.parametrize("path", ["nowhere", "good/stations/st-a.yaml"])
def test_a_folder_that_does_not_exist_is_named(path: str) -> None:
    with pytest.raises(ConfigErrors, match=path):
        load_network(HERE / path)


FILES = [*PLACE.values(), "devices/gauge.yaml"]
FRAGMENTS = ["null", "{}", "[]", "1", "-1", "1e400", ".nan", "true", "{a: b}", "&a", "*a", "<<", "? ", "~: 1", "\t",
             ":", "- ", "x", "9" * 39, "9" * 300, '"' + "9" * 300 + 'h"', "!!int x", '"\\ud800"', "0001-01-01",
             '"\\n"']  # fmt: skip


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.sampled_from(FRAGMENTS)), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_written_is_loaded_or_refused_with_places(
    tmp_path_factory: pytest.TempPathFactory, file: str, edits: list[tuple[int, int, str]]
) -> None:
    root = tmp_path_factory.mktemp("net") / "net"
    shutil.copytree(HERE / "good", root)
    lines = (root / file).read_text().splitlines()
    for line, word, fragment in edits:
        words = re.split(r"([\s,:\[\]{}]+)", lines[line % len(lines)])
        words[word % len(words)] = fragment
        lines[line % len(lines)] = "".join(words)
    (root / file).write_text("\n".join(lines))
    try:
        load_network(root)
    except ConfigErrors as refusal:
        for problem in refusal.problems:
            assert re.match(r".+\.yaml:\d+:\d+: .*found .*, allowed .*", str(problem)), str(problem)
            assert "\n" not in str(problem)
