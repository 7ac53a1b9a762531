"""A sheet of Excel takes whatever people wrote: a row stays one row, and what no sheet can hold becomes a space."""

import io
from typing import Any

import openpyxl
import pytest

from reports.exports.columns import Column
from reports.exports.workbook import write_workbook

COLUMNS = (Column("reason", "text", "lý do", "why"), Column("count", "count", "số", "number"))


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("a\u2028b", "a\u2028b"), ("a\x85b", "a\x85b"), ("a\x1cb", "a b"), ("a\x07b", "a b"), ('"a, ""b"""', 'a, "b"'),
    ],
)  # fmt: skip
def test_a_reason_with_marks_that_break_lines_elsewhere_is_one_cell(written: str, held: str) -> None:
    """XML 1.0, section 2.2, names the characters that a sheet cannot hold; the server puts no line feed into a row."""
    out = io.BytesIO()
    assert write_workbook("raw", COLUMNS, [f"{written},1\n".encode(), b"c,2\n"], out) == 2
    sheet: Any = openpyxl.load_workbook(out).active
    assert [*sheet.iter_rows(values_only=True)] == [("reason", "count"), (held, 1), ("c", 2)]


def test_a_number_comes_back_to_its_last_bit() -> None:
    """The library writes 16 digits; a double may need 17 (IEEE 754), as 12.345 + 0.002 does."""
    out, numbers = io.BytesIO(), [12.345 + 0.002, 28.5, 0.1 + 0.2, 1e-9, float(2**53)]
    column = Column("value", "number", "giá trị", "value")
    write_workbook("raw", [column], [f"{number!r}\n".encode() for number in numbers], out)
    sheet: Any = openpyxl.load_workbook(out).active
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == numbers
