"""Columns by numpy equal rows by psycopg."""

import numpy as np
import psycopg
import pytest

from quantrac.database.columns import array, array_of_times, read_columns

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


def test_times_go_as_they_come(conn: psycopg.Connection) -> None:
    times = np.array([-14_159_019_876_544, 0, 1_780_000_000_123_456])
    query = "select t as e from unnest(%(times)s::timestamptz[]) t"
    found = read_columns(conn, query, {"times": array_of_times(times)}, {"e": "timestamptz"})
    assert found["e"].tolist() == times.tolist()


def test_a_null_is_no_number(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="2 rows, but 1 values of a: a null"):
        read_columns(conn, "select n as a from unnest('{1,null}'::int4[]) n", {}, {"a": "int4"})
