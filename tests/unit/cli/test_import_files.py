"""What `quantrac import` is told of files."""

import pytest
import typer

from quantrac.cli.commands.import_files import _meant


def test_words_of_flags_are_explained_one_by_one() -> None:
    assert _meant(["P=good", "<4> [x=1] = fail", "  not   used=none"]) == {
        "P": "good", "<4> [x=1]": "fail", "not used": "none",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["P", "P=", "=good", "P=Good", "P=passed"])
def test_an_explanation_that_is_none_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected WORDS=good, suspect, fail or none"):
        _meant([text])
