"""Columns by numpy equal rows by psycopg."""

import numpy as np
import psycopg
import pytest

from quantrac.database.columns import array, packed, read_columns

TYPES = {"a": "int2", "b": "int4", "c": "int8", "d": "float8", "e": "timestamptz"}
QUERY = """
select n::int2 as a, -n as b, n * 10000000000 as c, n / 3.0::float8 as d,
       timestamptz '1969-07-21 02:56:20.123456Z' + n * interval '1 year' as e
from unnest(%(numbers)s::int4[]) as w(n) order by n desc
"""


def test_columns_hold_what_rows_hold(conn: psycopg.Connection) -> None:
    parameters = {"numbers": array(np.arange(-3, 60))}
    columns = read_columns(conn, QUERY, parameters, TYPES)
    rows = conn.execute(QUERY, parameters).fetchall()
    assert [columns[name].tolist() for name in "abcd"] == [[row[n] for row in rows] for n in range(4)]
    assert [each / 1e6 for each in columns["e"].tolist()] == [row[4].timestamp() for row in rows]
    none = read_columns(conn, QUERY, {"numbers": "{}"}, TYPES)
    assert {name: len(column) for name, column in none.items()} == dict.fromkeys(TYPES, 0)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("timestamptz", [-14_159_019_876_544, 0, 1_780_000_000_123_456]),
        ("int2", [-(2**15), 7]),
        ("int4", [-(2**31), 7]),
        ("int8", [-(2**63), 7]),
        ("float8", [-0.0, 0.1, 1e-308, 1e308]),
        ("int4", []),
    ],
)
def test_a_packed_array_comes_as_it_went(conn: psycopg.Connection, word: str, values: list[float]) -> None:
    query = f"select t as a from unnest(%(values)s::{word}[]) t"
    found = read_columns(conn, query, {"values": packed(np.array(values), word)}, {"a": word})["a"].tolist()
    assert [(each, str(each)) for each in found] == [(each, str(each)) for each in values]


def test_some_of_a_packed_array_are_null(conn: psycopg.Connection) -> None:
    given = packed(np.array([0.5, np.nan, np.nan, 2.5]), "float8", np.array([False, True, False, False]))
    rows = conn.execute("select unnest(%s::float8[])", [given]).fetchall()
    assert [str(value) for (value,) in rows] == ["0.5", "None", "nan", "2.5"]


def test_a_null_is_no_number(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="2 rows, but 1 values of a: a null"):
        read_columns(conn, "select n as a from unnest('{1,null}'::int4[]) n", {}, {"a": "int4"})
