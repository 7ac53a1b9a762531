"""The dashboards of the network: its present state, and a year of one parameter."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana import queries
from dashboards.grafana.panels import dashboard, number_panel, series_panel, table_panel, variable

UID: Final = "quantrac-network"
YEAR_UID: Final = "quantrac-year"


def network_overview(time_zone: str) -> Dashboard:
    """Return the dashboard of stations, readings, alarms, books, services and messages to people."""
    return (
        _with_choices(dashboard("Quantrac · Mạng quan trắc / Network", UID, time_zone, since="now-24h"))
        .refresh("10s")
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


def year(time_zone: str) -> Dashboard:
    """Return the dashboard of hourly and daily values of one parameter, and of how complete they are."""
    return (
        _with_choices(dashboard("Quantrac · Một năm / A year", YEAR_UID, time_zone, since="now-1y"))
        .with_panel(series_panel("$parameter: theo giờ / hourly", queries.HOURLY))
        .with_panel(series_panel("$parameter: theo ngày / daily", queries.DAILY))
        .with_panel(series_panel("Tỉ lệ dữ liệu hợp lệ, % / Completeness, %", queries.COMPLETENESS, height=7))
    )


def _with_choices(made: Dashboard) -> Dashboard:
    station = variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True)
    parameter = variable("parameter", "Thông số / Parameter", queries.PARAMETER_VARIABLE, multi=False)
    return made.with_variable(station).with_variable(parameter)
