"""Overlays: laws of merging, and values that point to the file they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.config.documents import Entry, Leaf, Map, Row, Tree, follow, merge, plain, read_document
from quantrac.config.findings import ConfigErrors, Findings, Place
from quantrac.config.loader import load_network

KEYS = st.sampled_from(["a", "b", "c", 1])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["x", "y"]))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, DOCUMENTS, max_size=4)
HERE = Place("here", 1, 1)


def tree_of(value: Any, place: Place = HERE) -> Tree:
    if isinstance(value, dict):
        return Map({key: Entry(place, tree_of(inner, place)) for key, inner in value.items()}, place)
    if isinstance(value, list):
        return Row(tuple(tree_of(inner, place) for inner in value), place)
    return Leaf(value, place)


def laid_over(base: Any, over: Any) -> Any:
    """The rule in its shortest form: mappings merge key by key, everything else is replaced."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {key: laid_over(base[key], over[key]) if key in base and key in over else {**base, **over}[key]
            for key in [*base, *(key for key in over if key not in base)]}  # fmt: skip


@given(st.one_of(DOCUMENTS, MAPPINGS), st.one_of(DOCUMENTS, MAPPINGS))
def test_mappings_merge_key_by_key_and_all_else_is_replaced(base: Any, over: Any) -> None:
    merged = merge(tree_of(base), tree_of(over))
    assert merged is not None
    assert plain(merged) == laid_over(base, over)


@given(DOCUMENTS)
def test_no_overlay_and_an_empty_one_change_nothing(base: Any) -> None:
    assert merge(tree_of(base), None) == tree_of(base)
    assert merge(None, tree_of(base)) == tree_of(base)
    if isinstance(base, dict):
        assert merge(tree_of(base), tree_of({})) == tree_of(base)


@given(MAPPINGS, MAPPINGS)
def test_every_value_keeps_the_place_it_came_from(base: dict[Any, Any], over: dict[Any, Any]) -> None:
    below, above = Place("base", 1, 1), Place("overlay", 1, 1)
    merged = merge(tree_of(base, below), tree_of(over, above))
    assert isinstance(merged, Map)
    for key, entry in merged.entries.items():
        if isinstance(entry.tree, Leaf):
            assert entry.tree.place == (above if key in over else below)


def test_a_mistake_in_an_overlay_is_found_in_the_overlay(root: Path) -> None:
    (root / "demo/stations/st-a.yaml").write_text("devices:\n  sonde: {sample: often}\n")
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root, "demo")
    (problem,) = refusal.value.problems
    assert (problem.file, problem.line, problem.column) == (str(root / "demo/stations/st-a.yaml"), 2, 19)


def test_a_mistake_below_an_overlay_is_found_in_the_base(root: Path) -> None:
    (root / "demo/stations/st-a.yaml").write_text("devices:\n  sonde: {sample: 1s}\n")
    station = root / "stations/st-a.yaml"
    station.write_text(station.read_text().replace("profile: meter", "profile: metre"))
    with pytest.raises(ConfigErrors) as refusal:
        load_network(root, "demo")
    (problem,) = refusal.value.problems
    assert (problem.file, problem.line) == (str(station), 12)


def test_an_overlay_counts_only_when_it_is_asked_for(root: Path) -> None:
    (root / "demo/stations/st-a.yaml").write_text("devices: {sonde: {sample: 1s, report: 5s}}\n")
    assert load_network(root).stations["st-a"].devices["sonde"].report_ms == 60_000
    assert load_network(root, "demo").stations["st-a"].devices["sonde"].report_ms == 5_000


def test_within_a_level_an_overlay_merges_and_levels_that_it_does_not_name_stay(root: Path) -> None:
    (root / "demo/rules/oxygen.yaml").write_text("rules: {do-low: {below: {act: {on_delay: 3s}}}}\n")
    rule = load_network(root, "demo").rules["do-low"]
    assert rule.below is not None
    assert {name: (level.limit, level.on_delay_ms) for name, level in rule.below.items()} == {
        "act": (3.0, 3_000),
        "danger": (2.0, 300_000),
    }


def test_an_overlay_may_add_a_station_and_empty_files_add_nothing(root: Path) -> None:
    text = (root / "stations/st-a.yaml").read_text().replace("station: st-a", "station: st-c")
    (root / "demo/stations/st-c.yaml").write_text(text)
    (root / "demo/rules/oxygen.yaml").write_text("# nothing\n")
    assert set(load_network(root, "demo").stations) == {"st-a", "st-b", "st-c"}


def test_an_unknown_overlay_is_refused_with_a_suggestion(root: Path) -> None:
    with pytest.raises(ConfigErrors, match="found 'demmo', allowed demo; did you mean 'demo'"):
        load_network(root, "demmo")


YAML_1_2 = [("no", "no"), ("22:00", "22:00"), ("010", 10), ("0o10", 8), ("0x1F", 31), ("1e3", 1000.0), ("true", True),
            ("2019-06-01", "2019-06-01"), ("~", None), ('"0"', "0")]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), YAML_1_2)
def test_scalars_are_those_of_yaml_1_2(written: str, meant: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"key: {written}\n")
    tree = read_document(path, "a.yaml", Findings())
    assert tree is not None
    value = plain(follow(tree, ("key",))[2])
    assert (value, type(value)) == (meant, type(meant))
