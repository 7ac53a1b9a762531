"""The choices at the top of a dashboard."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.panels import DATASOURCE


def variable(name: str, label: str, sql: str, *, multi: bool) -> QueryVariable:
    """Return a choice among the rows of a query; with `multi` also several and all."""
    made = QueryVariable(name).label(label).query(sql).datasource(DATASOURCE).multi(multi).include_all(multi)
    return made.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(models.VariableSort.ALPHABETICAL_ASC)
