"""Files under an editor's hands: what is half saved, empty or gone is never taken for an edit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from os import mkfifo
from pathlib import Path
from shutil import copy, rmtree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rules.watched_network import SETTLED, WatchedNetwork
from quantrac.config.network import Network
from tests.fixtures.program import PROJECT

CONFIGS = PROJECT / "station_configs"
NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


DEVICES = ("in-situ-aqua-troll-500", "ott-pls", "generic-io8")
NETWORK = """
schema: quantrac/network/1
network: test
name: {vi: "Thử", en: "Test"}
operator: {vi: "Thử", en: "Test"}
time_zone: Asia/Ho_Chi_Minh
groups: {farmers: {title: {vi: "Hộ nuôi", en: "Farmers"}}}
"""
RULE = """
  NAME:
    title: {vi: "Oxy thấp", en: "Low oxygen"}
    watch: {parameter: do, stations: [st-my-thanh]}
    below:
      act: {limit: 3.0, clear: 3.3, on_delay: 10m, off_delay: 30m, severity: high, to: [farmers]}
    source: test
    sms: "{station} {time}: oxy {value} mg/l, duoi {limit}"
"""
RULES = "schema: quantrac/rules/1\nrules:" + RULE.replace("NAME", "oxygen-a") + RULE.replace("NAME", "oxygen-b")


class Editor:
    """A network's folder, and a service that looks at it every two seconds."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "configs"
        for name in ("stations/st-my-thanh", *(f"devices/{device}" for device in DEVICES)):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            copy(CONFIGS / f"{name}.yaml", self.root / f"{name}.yaml")
        (self.root / "network.yaml").write_text(NETWORK, "utf-8")
        self.file = self.root / "rules" / "oxygen.yaml"
        self.file.parent.mkdir()
        self.file.write_text(RULES, "utf-8")
        (self.root / "rules" / "ph.yaml").write_text(RULES.replace("oxygen", "ph").replace(": do", ": ph"), "utf-8")
        self.text = self.file.read_text("utf-8")
        self.watched, self.now = WatchedNetwork(self.root), NOW
        self.confirmed_at: datetime | None = None

    def look(self, seconds: float = 2) -> Network:
        """Look every two seconds for so long, and return what is in force."""
        for _ in range(max(1, round(seconds / 2))):
            self.now += 2 * SECOND
            self.watched.changed(self.now, self.confirmed_at)
        return self.watched.network

    @property
    def rules(self) -> set[str]:
        return set(self.watched.network.rules)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path)


@pytest.mark.parametrize("what", ["gone", "empty", "comments"])
@pytest.mark.parametrize("name", ["rules/oxygen.yaml", "network.yaml", "stations/st-my-thanh.yaml"])
def test_a_file_that_is_gone_or_empty_stays_in_force_until_it_is_there_again(
    editor: Editor, what: str, name: str
) -> None:
    editor.look()
    before, file = editor.watched.network, editor.root / name
    text = file.read_text("utf-8")
    file.write_text("" if what == "empty" else "# soon\n---\n", "utf-8")
    if what == "gone":
        file.unlink()
    assert editor.look(20) is before
    assert editor.watched.refused is not None
    assert editor.watched.refused.is_missing
    (problem,) = editor.watched.refused.problems
    assert f"{name}: is {'gone' if what == 'gone' else 'empty'};" in problem.en
    assert name in problem.vi
    file.write_text(text, "utf-8")
    editor.look()
    assert editor.watched.refused is None
    assert editor.watched.network is before


def test_a_file_that_is_gone_is_taken_when_a_person_confirms_it_after_it_was_gone(editor: Editor) -> None:
    editor.look()
    editor.confirmed_at = editor.now - SECOND
    lost = editor.rules
    editor.file.unlink()
    editor.look(12)
    assert editor.rules == lost
    editor.confirmed_at = editor.now
    editor.look()
    assert editor.rules < lost
    assert editor.watched.refused is None
    (editor.root / "rules" / "ph.yaml").unlink()
    assert len(editor.look(12).rules) == len(editor.rules), "an old confirmation says nothing of another file"
    assert editor.watched.refused is not None


def test_a_file_with_another_name_is_not_missing(editor: Editor) -> None:
    rules = editor.rules
    editor.file.rename(editor.root / "rules" / "oxy.yaml")
    editor.look(20)
    assert editor.rules == rules
    assert editor.watched.refused is None


def test_a_file_cut_at_a_rule_is_not_taken_while_it_is_being_saved(editor: Editor) -> None:
    whole, kept = editor.rules, editor.text[: editor.text.index("  oxygen-b:")]
    editor.file.write_text(kept, "utf-8")
    editor.look(2)
    assert editor.rules == whole
    editor.file.write_text(editor.text, "utf-8")
    editor.look(12)
    assert editor.rules == whole
    editor.file.write_text(kept, "utf-8")
    editor.look(SETTLED.total_seconds() + 2)
    assert editor.rules == whole - {"oxygen-b"}


def test_a_limit_is_in_force_at_once_and_wrong_files_are_refused_with_their_line(editor: Editor) -> None:
    editor.file.write_text(editor.text.replace("limit: 3.0", "limit: 2.9"), "utf-8")
    before = editor.watched.network
    assert editor.look(2) is not before
    taken = editor.watched.network
    editor.file.write_text(editor.text.replace("limit: 3.0", "limt: 3.0"), "utf-8")
    assert editor.look(12) is taken
    assert editor.watched.refused is not None
    assert not editor.watched.refused.is_missing
    assert any("oxygen.yaml:" in problem.en for problem in editor.watched.refused.problems)


@pytest.mark.parametrize("mad", ["pipe", "loop", "a: " + "9" * 5000, "[" * 3000, "rules: &a [*a, *a]", 'a: "\\ud800"'])
def test_a_mad_file_leaves_the_rules_in_force_and_is_refused(editor: Editor, mad: str) -> None:
    before, file = editor.watched.network, editor.root / "rules" / "a-mad-one.yaml"
    special: dict[str, Callable[[], object]] = {"pipe": lambda: mkfifo(file), "loop": lambda: file.symlink_to(file)}
    special.get(mad, lambda: file.write_text(mad, "utf-8"))()
    assert editor.look(12) is before
    assert editor.watched.refused is not None
    assert any("a-mad-one.yaml:1:" in problem.en for problem in editor.watched.refused.problems)
    file.unlink()
    editor.file.write_text(editor.text.replace("limit: 3.0", "limit: 2.9"), "utf-8")
    assert "limit=2.9" in str(editor.look(2).rules)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.booleans())
def test_however_a_save_is_cut_short_no_rule_is_lost_on_the_way(parts: list[float], is_gone: bool) -> None:
    """Law: while a file is written piece by piece, each piece within two seconds, what was in force stays."""
    with TemporaryDirectory() as folder:
        editor = Editor(Path(folder))
        names = {(name, level) for name, rule in editor.watched.network.rules.items() for level in rule.level_names()}
        edited = editor.text.replace("limit: 3.0", "limit: 2.9")
        for part in sorted(parts):
            editor.file.unlink() if is_gone and part < 0.5 and editor.file.exists() else editor.file.write_text(
                edited[: int(part * len(edited))], "utf-8"
            )
            rules = editor.look(2).rules
            assert names <= {(name, level) for name, rule in rules.items() for level in rule.level_names()}
        editor.file.write_text(edited, "utf-8")
        assert "limit=2.9" in str(editor.look(2).rules)
        assert editor.watched.refused is None
        rmtree(editor.root)
