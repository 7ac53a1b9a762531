"""Edits of rule files: the asked values change and nothing else, in the file that says them, checked as a whole."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.rule_edits import BadEdit, EditedFile, RuleEdit, RuleProposal, numbered, place_of, propose_rules
from quantrac.config.rule_files import LoadedRules

CONFIG = Path(__file__).parents[3] / "station_configs"


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIG)


@pytest.fixture(scope="module")
def demo() -> Network:
    return load_network(CONFIG, "demo")


def proposed(network: Network, *edits: str) -> RuleProposal:
    return propose_rules(network, [RuleEdit.parse(edit) for edit in edits])


def changes(file: EditedFile) -> list[tuple[str, str]]:
    """Lines that differ; both have as many."""
    before, after = file.before.splitlines(), file.after.splitlines()
    assert len(before) == len(after)
    return [(old.strip(), new.strip()) for old, new in zip(before, after, strict=True) if old != new]


def test_a_value_gives_way_where_it_stands_and_comments_stay(network: Network) -> None:
    found = proposed(network, "do-low.below.act.limit=2.5", "do-low.below.act.clear=2.9", "do-low.below.act.limit=2.6")
    (file,) = found.files
    assert file.name == "rules/oxygen.yaml"
    ((old, new),) = changes(file)
    assert old.replace("limit: 3.0, clear: 3.3", "limit: 2.6, clear: 2.9") == new
    assert [*found.changed.rules] == ["do-low"]
    assert found.changed.rules["do-low"].below is not None
    assert found.changed.rules["do-low"].below["act"].limit == 2.6
    assert found.names == frozenset({"do-low"})
    assert len(found.loaded.tests) == 6


def test_what_instead_leaves_to_the_rule_is_added_there(network: Network) -> None:
    found = proposed(
        network, "do-low.instead.0.below.danger.on_delay=15m", "ph-band.instead.0.below.very-low.limit=5.5"
    )
    assert [change for file in found.files for change in changes(file)] == [
        (
            "- {tags: [canal], below: {danger: {limit: 1.0, clear: 1.3}}}",
            "- {tags: [canal], below: {danger: {limit: 1.0, clear: 1.3, on_delay: 15m}}}",
        ),
        (
            "- {tags: [canal], below: {very-low: {}}}",
            "- {tags: [canal], below: {very-low: {limit: 5.5}}}",
        ),
    ]


def test_the_file_of_the_overlay_changes_what_it_says_and_that_of_the_base_the_rest(demo: Network) -> None:
    found = proposed(demo, "do-low.below.act.limit=2.5", "do-low.below.danger.off_delay=1h")
    assert [file.name for file in found.files] == ["rules/oxygen.yaml", "demo/rules/oxygen.yaml"]
    base, over = ([new for _, new in changes(file)] for file in found.files)
    assert [line.startswith("danger: {limit: 2.0, clear: 2.3, on_delay: 5m, off_delay: 1h,") for line in base] == [True]
    assert [line.startswith("act: {limit: 2.5, clear: 3.3, on_delay: 3s,") for line in over] == [True]
    assert found.changed.rules["do-low"].below is not None
    act = found.changed.rules["do-low"].below["act"]
    assert (act.limit, act.on_delay_ms) == (2.5, 3000)


def test_limits_of_conditions_and_delays_of_a_composite_rule_change_too(network: Network) -> None:
    found = proposed(
        network, "warm-and-low-oxygen.conditions.warm.above=31.5", "warm-and-low-oxygen.holds.act.on_delay=1h"
    )
    rule = found.changed.composites["warm-and-low-oxygen"]
    assert (rule.conditions["warm"].above, rule.holds["act"].on_delay_ms) == (31.5, 3_600_000)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("do-low.below.act.limit=1e300", "expected a number"),
        ("do-low.below.act.limit={a: 1}", "expected a number"),
        ("do-low.below.act.on_delay=10", "expected a duration"),
        ("do-low.below.act.on_delay=10m, severity: low", "expected a duration"),
        ("do-low.below.act.severity=low", "no limit or delay"),
        ("do-low.limit=2", "no limit or delay"),
        ("=", "no limit or delay"),
        ("none.below.act.limit=2", "no rule none"),
        ("do-low.below.none.limit=2", "no such level"),
        ("do-low.instead.9.below.danger.limit=2", "no such level"),
        ("do-low.below.act.limit.limit=2", "no such level"),
    ],
)
def test_what_is_no_change_of_a_limit_or_a_delay_is_refused(network: Network, edit: str, reason: str) -> None:
    with pytest.raises(BadEdit, match=reason):
        proposed(network, edit)


def test_a_file_that_would_be_wrong_is_refused_with_its_line_and_key(network: Network) -> None:
    with pytest.raises(ConfigErrors) as refused:
        proposed(network, "do-low.below.act.clear=2", "do-low.below.danger.limit=3.5")
    assert {problem.key for problem in refused.value.problems} >= {
        "rules.do-low.below.act.clear",
        "rules.do-low.below.danger.limit",
    }
    assert {problem.file for problem in refused.value.problems} == {"rules/oxygen.yaml"}


def test_block_style_keeps_its_lines_and_a_value_that_stands_in_two_places_is_refused(
    network: Network, tmp_path: Path
) -> None:
    shutil.copytree(CONFIG, tmp_path / "c")
    file = tmp_path / "c/rules/oxygen.yaml"
    shipped = file.read_text("utf-8")
    blocks = shipped.replace(
        "- {tags: [canal], below: {danger: {limit: 1.0, clear: 1.3}}}",
        "- tags: [canal]\n        below:\n          danger:\n            limit: &one 1.0   # mg/l\n"
        "            clear: 1.3",
    ).replace(
        "{tags: [pangasius], below: {danger: {limit: 2.0, clear: 2.3}}}",
        "{tags: [pangasius], below: {danger: {limit: *one, clear: 2.3}}}",
    )
    file.write_bytes(blocks.rstrip("\n").replace("\n", "\r\n").encode())
    there = replace(network, root=tmp_path / "c")
    with pytest.raises(BadEdit, match="without changing more"):
        proposed(there, "do-low.instead.0.below.danger.limit=1.5")
    found = proposed(there, "do-low.instead.0.below.danger.off_delay=2h")
    (edited,) = found.files
    added = set(edited.after.split("\n")) - set(edited.before.split("\n"))
    assert [line.strip() for line in added] == ["off_delay: 2h"]
    assert found.changed.rules["do-low"].instead[0].below is not None
    assert found.changed.rules["do-low"].instead[0].below["danger"].off_delay_ms == 7_200_000
    file.write_text("rules: {do-low: [")
    with pytest.raises(ConfigErrors):
        proposed(there, "do-low.below.act.limit=2.5")


def test_the_lines_of_a_patch_have_their_numbers_in_both_versions(demo: Network) -> None:
    found = proposed(demo, "do-low.below.act.limit=2.5", "do-low.below.danger.off_delay=1h")
    texts = {file.name: (file.before.splitlines(), file.after.splitlines()) for file in found.files}
    here, seen = "", 0
    for line in numbered(found.diff):
        if line.text.startswith("--- "):
            here = line.text.removeprefix("--- a/")
        for number, version in zip((line.before, line.after), texts[here], strict=True):
            if number is not None:
                assert version[number - 1] == line.text[1:]
                seen += 1
    assert seen >= 2 * 2 * 7
    assert place_of(demo, "do-low") == "rules/oxygen.yaml:5"
    assert place_of(demo, "gone") == ""


def test_a_last_line_without_an_end_is_marked_in_a_patch() -> None:
    file = EditedFile("rules/a.yaml", "limit: 1", "limit: 2")
    assert RuleProposal((file,), LoadedRules(), frozenset()).diff == (
        "--- a/rules/a.yaml\n+++ b/rules/a.yaml\n@@ -1 +1 @@\n"
        "-limit: 1\n\\ No newline at end of file\n+limit: 2\n\\ No newline at end of file\n"
    )
