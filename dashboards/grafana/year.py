"""The dashboard of a year: hourly and daily values of one parameter at all stations, and how complete they are."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana import queries
from dashboards.grafana.panels import series_panel, variable

UID: Final = "quantrac-year"


def year(time_zone: str) -> Dashboard:
    """Return the dashboard."""
    return (
        Dashboard("Quantrac · Một năm / A year")
        .uid(UID)
        .tags(["quantrac"])
        .timezone(time_zone)
        .time("now-1y", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True))
        .with_variable(variable("parameter", "Thông số / Parameter", queries.PARAMETER_VARIABLE, multi=False))
        .with_panel(series_panel("$parameter: theo giờ / hourly", queries.HOURLY))
        .with_panel(series_panel("$parameter: theo ngày / daily", queries.DAILY))
        .with_panel(series_panel("Tỉ lệ dữ liệu hợp lệ, % / Completeness, %", queries.COMPLETENESS, height=7))
    )
