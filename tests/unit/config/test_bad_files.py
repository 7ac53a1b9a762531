"""Each refused case is a file whose first comments say every line that checking it must print, and no other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
PLACE = {
    "station": "stations/st-a.yaml",
    "device": "devices/meter.yaml",
    "rules": "rules/oxygen.yaml",
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


def test_problems_of_all_files_are_reported_together(root: Path) -> None:
    for case, place in [("station-unknown-bus", "stations/st-a.yaml"), ("rules-unknown-group", "rules/oxygen.yaml"),
                        ("network-unknown-time-zone", "network.yaml")]:  # fmt: skip
        shutil.copyfile(HERE / "bad" / f"{case}.yaml", root / place)
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    files = [Path(problem.file).name for problem in refusal.value.problems]
    assert files == ["network.yaml", "oxygen.yaml", "st-a.yaml"]


def test_a_broken_profile_is_not_reported_again_by_every_station_that_uses_it(root: Path) -> None:
    shutil.copyfile(HERE / "bad" / "device-unknown-unit.yaml", root / "devices/meter.yaml")
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root)
    assert {Path(problem.file).name for problem in refusal.value.problems} == {"meter.yaml"}


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("network.yaml", b"name: \xff\xfe\n", r"network\.yaml:1:1: .* not UTF-8"),
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


@pytest.mark.parametrize("path", ["nowhere", "good/stations/st-a.yaml"])
def test_a_folder_that_does_not_exist_is_named(path: str) -> None:
    with pytest.raises(ConfigErrors, match=path):
        load_network(HERE / path)


FILES = [*PLACE.values(), "devices/gauge.yaml"]
FRAGMENTS = ["null", "{}", "[]", "1", "-1", "1e400", ".nan", "true", "{a: b}", "&a", "*a", "<<", "? ", "~: 1", "\t",
             ":", "- ", "x"]  # fmt: skip


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
