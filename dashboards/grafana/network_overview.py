"""The dashboard of the network: stations, readings, alarms, books, services, messages to people."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana import queries
from dashboards.grafana.panels import number_panel, series_panel, table_panel, variable

UID: Final = "quantrac-network"


def network_overview(time_zone: str) -> Dashboard:
    """Return the dashboard."""
    return (
        Dashboard("Quantrac · Mạng quan trắc / Network")
        .uid(UID)
        .tags(["quantrac"])
        .timezone(time_zone)
        .refresh("10s")
        .time("now-24h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True))
        .with_variable(variable("parameter", "Thông số / Parameter", queries.PARAMETER_VARIABLE, multi=False))
        .with_row(Row("Tình trạng / State"))
        .with_panel(number_panel("Trạm kết nối / Stations online, offline", queries.ONLINE, bad_from=1e9))
        .with_panel(number_panel("Cảnh báo / Standing alarms", queries.STANDING_ALARMS, bad_from=1))
        .with_panel(number_panel("Thiếu, mất / Messages missing, lost", queries.MISSING, bad_from=1))
        .with_panel(number_panel("Trễ xử lý / Feed lag", queries.FEED_LAG, bad_from=60, unit="s"))
        .with_panel(table_panel("Các trạm / Stations", queries.STATIONS, span=12, height=8))
        .with_panel(table_panel("Cảnh báo / Alarms", queries.ALARMS, span=12, height=8))
        .with_row(Row("Số liệu / Readings"))
        .with_panel(series_panel("$parameter: tốt / good", queries.READINGS))
        .with_panel(
            series_panel("$parameter: nghi ngờ, không đạt / suspect, fail", queries.DOUBTFUL, dots=True, height=6)
        )
        .with_panel(table_panel("Giá trị mới nhất / Latest values", queries.LATEST, span=24, height=10))
        .with_row(Row("Sổ sách / Books"))
        .with_panel(table_panel("Sổ bản tin / Ledger", queries.LEDGER, span=24, height=8))
        .with_panel(table_panel("Dịch vụ / Services", queries.SERVICES, span=12, height=7))
        .with_panel(table_panel("Tin nhắn / Messages to people", queries.NOTIFICATIONS, span=12, height=7))
    )
