# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of data quality: how complete each day is, what was unusable, what tests found, what people judged."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.common import StackingConfig
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode

from dashboards.grafana import queries
from dashboards.grafana.looks import fixed, linked, override
from dashboards.grafana.panels import (
    STATION_DASHBOARD,
    WORKBENCH,
    dashboard,
    days_panel,
    number_panel,
    series_panel,
    table_panel,
    variable,
)
from dashboards.grafana.queries import HERE, NAMED, RANGE
from quantrac.config.network import Network

UID: Final = "quantrac-completeness"

CONFLICTS: Final = f"select count(*) as conflicts from v_conflict where $__timeFilter(time) and {HERE}"
FINDINGS: Final = f"""
with {NAMED}
select n.station as "id", n.channel as "channel", n.station_name as "Trạm / Station", n.title as "Thông số / Parameter",
       r.tests as "Phép thử / Tests", r.state as "Trạng thái / State", count(*) as "Số lần / Readings",
       max(r.time) as "Lần cuối / Last"
from named n join v_reading r using (channel)
where $__timeFilter(r.time) and {RANGE} <= interval '1 day' and n.{HERE} and r.quality in (3, 4)
group by n.station, n.channel, n.station_name, n.title, r.tests, r.state order by 7 desc limit 100
"""
REVIEWS: Final = f"""
select at as "Lúc / At", channel as "Kênh / Channel", kind as "Việc / Kind", state as "Trạng thái / State",
       from_t as "Từ / From", to_t as "Đến / To", readings as "Số liệu / Readings", person as "Người / By",
       reason as "Lý do / Reason", approved_by as "Duyệt / Approved by"
from v_review where $__timeFilter(at) and {HERE} order by at desc limit 100
"""
COMPLETE: Final = "select sum(least(count, expected)) / nullif(sum(expected), 0)::float8 as complete from due"
ARRIVED: Final = "select sum(least(received, expected)) / nullif(sum(expected), 0)::float8 as arrived from due"
UNUSABLE: Final = "select sum(received - count) / nullif(sum(received), 0)::float8 as unusable from due"
KINDS: Final = """
select time, sum(count) as "Dùng được / Usable", sum(received - count) as "Không dùng được / Unusable",
       sum(greatest(expected - received, 0)) as "Không đến / Never came"
from due group by time order by time
"""
CHANNELS: Final = f"""
, {NAMED}
select n.station as "id", n.channel as "channel", n.station_name as "Trạm / Station", n.title as "Thông số / Parameter",
       sum(least(d.count, d.expected)) / nullif(sum(d.expected), 0)::float8 as "Đủ / Complete",
       sum(least(d.received, d.expected)) / nullif(sum(d.expected), 0)::float8 as "Đã đến / Arrived",
       sum(d.received - d.count) / nullif(sum(d.received), 0)::float8 as "Không dùng được / Unusable",
       count(*) filter (where d.valid) as "Ngày hợp lệ / Valid days", count(*) as "Ngày / Days"
from named n join due d using (channel)
group by n.station, n.channel, n.station_name, n.title, n.place order by 5, 3, n.place limit 200
"""
DAYS: Final = """
select d.time, s.name as metric, sum(least(d.count, d.expected)) / nullif(sum(d.expected), 0)::float8 as value
from due d join v_station s using (station) group by d.time, s.name order by d.time, s.name
"""


def data_quality(network: Network, console: str) -> Dashboard:
    """Return the dashboard; a day is green from the share of readings on that makes it valid in network.yaml."""
    share = network.settings.rollups.valid_share
    steps = [(None, "red"), (share / 2, "orange"), (share, "green")]
    shares = {name: override(unit="percentunit", decimals=1)
              for name in ("Đủ / Complete", "Đã đến / Arrived", "Không dùng được / Unusable")}  # fmt: skip
    here = {
        "Trạm / Station": linked("Trạm / Station", STATION_DASHBOARD),
        "Thông số / Parameter": linked("Kiểm duyệt / Workbench", WORKBENCH),
    }
    stacking = StackingConfig().mode(StackingMode.NORMAL).group("A")
    due = f"with {queries.due('day', network.settings.time_zone)}"
    kinds = series_panel("Số liệu mỗi ngày / Readings by day", due + KINDS).draw_style(GraphDrawStyle.BARS)
    kinds = (
        kinds.stacking(stacking).fill_opacity(70).override_by_name("Dùng được / Usable", override(color=fixed("green")))
    )
    kinds = kinds.override_by_name("Không dùng được / Unusable", override(color=fixed("red")))
    kinds = kinds.override_by_name("Không đến / Never came", override(color=fixed("#808080")))
    title = "Quantrac · Chất lượng số liệu / Data quality"
    return (
        dashboard(title, UID, network.settings.time_zone, console, since="now-30d", page="/workbench")
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True))
        .with_panel(number_panel("Đủ / Complete", f"{due} {COMPLETE}", unit="percentunit"))
        .with_panel(number_panel("Đã đến / Arrived", f"{due} {ARRIVED}", unit="percentunit"))
        .with_panel(number_panel("Không dùng được / Unusable", f"{due} {UNUSABLE}", unit="percentunit"))
        .with_panel(number_panel("Hai giá trị khác nhau / Conflicts", CONFLICTS, bad_from=1))
        .with_panel(days_panel("Đủ mỗi ngày / Completeness by day", due + DAYS, steps, height=9))
        .with_panel(kinds)
        .with_row(Row("Theo kênh / By channel"))
        .with_panel(table_panel("Các kênh / Channels", due + CHANNELS, span=24, height=11, columns={**shares, **here}))
        .with_panel(
            table_panel(
                "Phép thử tìm thấy (đến 1 ngày) / Found by tests (to a day)", FINDINGS, span=12, height=10, columns=here
            )
        )
        .with_panel(table_panel("Người đã đánh giá / Judged by people", REVIEWS, span=12, height=10))
    )
