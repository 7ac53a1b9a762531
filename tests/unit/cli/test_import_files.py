"""What `quantrac import` is told of files."""

from pathlib import Path

import pytest
import typer

from ingest.importing.line import FilePlace, LineProblem
from quantrac.cli.commands.import_files import Problems, _meant


def test_words_of_flags_are_explained_one_by_one() -> None:
    assert _meant(["P=good", "<4> [x=1] = fail", "  not   used=none"]) == {
        "P": "good", "<4> [x=1]": "fail", "not used": "none",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["P", "P=", "=good", "P=Good", "P=passed"])
def test_an_explanation_that_is_none_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected WORDS=good, suspect, fail or none"):
        _meant([text])


def test_what_is_wrong_in_every_line_is_told_five_times_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """It hides nothing that is wrong elsewhere."""
    problems = Problems()
    for number in range(2, 1002):
        problems(LineProblem(FilePlace(Path("a.csv"), number), "note: found 'x', expected a number"))
        if number == 700:
            problems(LineProblem(FilePlace(Path("a.csv"), number), "do: found 'y', expected a number"))
    problems.close()
    told = [f"a.csv:{number}: note: found 'x', expected a number" for number in range(2, 7)]
    told += ["a.csv:700: do: found 'y', expected a number", "1000 times: note: found 'x', expected a number"]
    assert capsys.readouterr().err.splitlines() == told
