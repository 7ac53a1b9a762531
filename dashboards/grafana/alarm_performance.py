"""How well the alarm system does: the figures of ISA-18.2 and IEC 62682 over the time shown."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana import alarm_queries as queries
from dashboards.grafana.panels import number_panel, series_panel, table_panel

UID: Final = "quantrac-alarms"


def alarm_performance() -> Dashboard:
    """Return the dashboard."""
    return (
        Dashboard("Quantrac · Cảnh báo / Alarms")
        .uid(UID)
        .tags(["quantrac"])
        .timezone("Asia/Ho_Chi_Minh")
        .refresh("1m")
        .time("now-30d", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_row(Row("Chỉ số / Figures (ISA-18.2)"))
        .with_panel(number_panel("Nhiều nhất trong 10 phút / Peak in 10 min", queries.PEAK, bad_from=11))
        .with_panel(number_panel("Thời gian ngập / Time in flood", queries.FLOOD, bad_from=0.01, unit="percentunit"))
        .with_panel(number_panel("Kéo dài trên 24 giờ / Stale", queries.STALE, bad_from=5))
        .with_panel(number_panel("Báo sai / Marked as false", queries.FALSE, bad_from=0.1, unit="percentunit"))
        .with_panel(number_panel("Đang báo / Standing", queries.STANDING, bad_from=10))
        .with_panel(number_panel("Chưa ai nhận / Unacknowledged", queries.UNACKNOWLEDGED, bad_from=1))
        .with_panel(number_panel("Đến lúc nhận / Time to acknowledge", queries.ACKNOWLEDGE, bad_from=900, unit="s"))
        .with_panel(number_panel("Chập chờn / Flapping", queries.FLAPPING, bad_from=1))
        .with_panel(series_panel("Số cảnh báo mỗi 10 phút / Alarms in 10 min", queries.PER_TEN_MINUTES, height=8))
        .with_row(Row("Nguồn / Sources"))
        .with_panel(table_panel("Mười nguồn nhiều nhất / Ten most frequent", queries.TOP, span=12, height=9))
        .with_panel(table_panel("Dồn dập, 3 lần trong 1 phút / Chattering", queries.CHATTERING, span=12, height=9))
        .with_panel(table_panel("Kéo dài / Standing for long", queries.LONGEST, span=12, height=8))
        .with_panel(table_panel("Ngừng vận hành / Out of service", queries.OUT_OF_SERVICE, span=12, height=8))
        .with_panel(table_panel("Nhận cảnh báo / Who acknowledged", queries.PEOPLE, span=12, height=8))
        .with_panel(table_panel("Tin theo trạng thái / Messages by status", queries.MESSAGES, span=12, height=8))
    )
