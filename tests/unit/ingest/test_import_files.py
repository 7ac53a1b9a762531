"""Files of the years before, however mad: every line is a value or a short problem with its place."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.importing import ministry, table
from ingest.importing.line import ImportLine, LineProblem

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LONG = "x" * 500_000


@pytest.mark.parametrize(
    "text",
    [
        f"time,ph\n2024-05-01 07:05,{LONG}\n2024-05-01 07:10,7.2\n",
        f"time,ph\n2024-05-01 07:05,{'9' * 9000}\n2024-05-01 07:10,7.2\n",
        f"time,ph\n{LONG}\n2024-05-01 07:10,7.2\n",
        f"time;ph\n2024-05-01 07:05;{';' * 300_000}\n2024-05-01 07:10;7.2\n",
    ],
)
def test_a_field_of_any_length_is_a_problem_and_the_next_line_is_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    *problems, last = table.lines(file, "st-a", ZONE)
    assert isinstance(last, ImportLine)
    assert last.value == 7.2
    assert problems
    for problem in problems:
        assert isinstance(problem, LineProblem)
        assert str(problem).startswith(f"{file}:")
        assert len(str(problem)) < 300 + len(str(file)) + 10


@pytest.mark.parametrize("text", [LONG, f"time,{LONG}\n1,2\n", f'"{LONG}'])
def test_a_head_of_any_length_is_a_problem(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    (problem,) = table.lines(file, "st-a", ZONE)
    assert isinstance(problem, LineProblem)
    assert len(str(problem)) < 500


def test_a_line_of_any_length_of_the_ministry_s_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "old.txt"
    file.write_text(f"Temp\t{LONG}\toC\t20250301000500\t00\nTemp\t28.4\toC\t20250301000500\t00\n", "utf-8")
    *problems, last = ministry.lines(file)
    assert isinstance(last, ImportLine)
    assert {len(str(problem)) < 500 for problem in problems} == {True}
