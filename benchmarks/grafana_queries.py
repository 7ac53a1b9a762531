"""What Grafana asks of a dashboard: its queries, with macros and variables replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_TIME_FILTER: Final = re.compile(r"\$__timeFilter\(([^)]+)\)")
_VARIABLE: Final = re.compile(r"\$\{(\w+):sqlstring\}")


def expand(sql: str, *, since: datetime, until: datetime, variables: Mapping[str, Sequence[str]]) -> str:
    """Return a query as Grafana's PostgreSQL data source sends it: macros and variables replaced.

    Variables are given as lists; `:sqlstring` joins them, each in single quotes with quotes doubled. Raises KeyError
    for a variable that is not given.
    """
    span = f"'{since.isoformat()}' AND '{until.isoformat()}'"
    sql = _TIME_FILTER.sub(lambda found: f"{found[1]} BETWEEN {span}", sql)
    sql = sql.replace("$__timeFrom()", f"'{since.isoformat()}'").replace("$__timeTo()", f"'{until.isoformat()}'")
    return _VARIABLE.sub(lambda found: ",".join(_quoted(value) for value in variables[found[1]]), sql)


def queries_of(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the SQL of every query of a dashboard: its variables, its marks, its panels."""
    title = dashboard["uid"]
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            yield f"{title} ${one['name']}", one["query"]
    for one in dashboard["annotations"].get("list", []):
        yield f"{title} @{one['name']}", one["target"]["rawSql"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{title} {panel['title']} {target['refId']}", target["rawSql"]


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
