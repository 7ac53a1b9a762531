"""`quantrac rules backtest`: what goes together."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.rules import app


@pytest.mark.parametrize(
    "words", [("--diff", "new.patch"), ("--rules", "new.yaml", "--set", "do-low.below.act.limit=2.5")]
)
def test_a_patch_is_of_edits_and_edits_go_without_a_file_of_rules(words: tuple[str, ...], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["backtest", "--from", "2026-11-01", "--to", "2026-11-02", *words, str(tmp_path)])
    assert done.exit_code == 2
    assert "--diff with --set" in done.output


@pytest.mark.parametrize("command", ["check", "backtest", "normals"])
def test_a_history_that_ends_before_it_begins_is_refused(command: str) -> None:
    """It ended in a traceback, after the rules had been read."""
    done = CliRunner().invoke(app, [command, "--from", "2026-05-10", "--to", "2026-05-01"])
    assert done.exit_code == 2
    assert "found 2026-05-10, expected a day not after 2026-05-01" in done.output
