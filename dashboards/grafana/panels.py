"""Panels and variables of the dashboards over the one data source, built with Grafana's own typed library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

DATASOURCE_TYPE: Final = "grafana-postgresql-datasource"
DATASOURCE_UID: Final = "quantrac"
DATASOURCE: Final = DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)


@dataclass
class SqlQuery(Dataquery):
    """A query of the PostgreSQL data source, for which the library has no model of its own."""

    raw_sql: str
    format: str
    ref_id: str

    def to_json(self) -> dict[str, Any]:
        """Return the query as Grafana stores it."""
        return {
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.raw_sql.strip(),
            "refId": self.ref_id,
        }


class _Query(Builder[SqlQuery]):
    def __init__(self, sql: str, query_format: str) -> None:
        self._query = SqlQuery(sql, query_format, "A")

    def build(self) -> SqlQuery:
        return self._query


def dashboard(title: str, uid: str, time_zone: str, *, since: str) -> Dashboard:
    """Return a dashboard without panels, with times of a time zone, that opens from `since` (`now-24h`) to now."""
    made = Dashboard(title).uid(uid).tags(["quantrac"]).timezone(time_zone).time(since, "now")
    return made.tooltip(DashboardCursorSync.CROSSHAIR)


def table_panel(title: str, sql: str, *, span: int, height: int) -> table.Panel:
    """Return a table; `span` of 24 columns."""
    panel = table.Panel().title(title).datasource(DATASOURCE).span(span).height(height)
    return panel.with_target(_Query(sql, "table"))


def number_panel(title: str, sql: str, *, bad_from: float, unit: str = "short") -> stat.Panel:
    """Return a number that turns red from `bad_from` up."""
    steps = [Threshold(value=None, color="green"), Threshold(value=bad_from, color="red")]
    thresholds = ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    panel = stat.Panel().title(title).datasource(DATASOURCE).span(6).height(4).unit(unit).thresholds(thresholds)
    return panel.with_target(_Query(sql, "table"))


def series_panel(title: str, sql: str, *, dots: bool = False, height: int = 9) -> timeseries.Panel:
    """Return curves over time; gaps stay gaps."""
    panel = timeseries.Panel().title(title).datasource(DATASOURCE).span(24).height(height).span_nulls(False)
    panel = panel.show_points(VisibilityMode.ALWAYS).line_width(0) if dots else panel.line_width(1)
    return panel.with_target(_Query(sql, "time_series"))


def variable(name: str, label: str, sql: str, *, multi: bool) -> QueryVariable:
    """Return a choice among the rows of a query; with `multi` also several and all."""
    made = QueryVariable(name).label(label).query(sql).datasource(DATASOURCE).multi(multi).include_all(multi)
    return made.refresh(VariableRefresh.ON_DASHBOARD_LOAD).sort(VariableSort.ALPHABETICAL_ASC)
