# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of one station: each channel with limits as bands and doubt as points, verdicts, events, pictures."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.grafana import queries
from dashboards.grafana.looks import fixed, override
from dashboards.grafana.network import ALARM_COLUMNS, LATEST_COLUMNS
from dashboards.grafana.panels import (
    Query,
    dashboard,
    marks,
    number_panel,
    picture_panel,
    series_panel,
    table_panel,
    timeline_panel,
    units_from,
    variable,
)
from dashboards.grafana.queries import CHOSEN_CHANNELS, HERE
from quantrac.config.network import Network

UID: Final = "quantrac-station"

SILENT: Final = f"select extract(epoch from now() - last_message_at) as age from v_station where {HERE}"
WAITING: Final = f"""
select value as waiting from v_latest where {HERE} and parameter = 'spool_depth' order by time desc limit 1
"""
COMPLETE: Final = "select sum(least(count, expected)) / nullif(sum(expected), 0)::float8 as complete from due"
EVENTS: Final = f"""
select time as "Lúc / Time", kind as "Sự kiện / Event", device as "Thiết bị / Device", detail as "Chi tiết / Detail"
from v_event where $__timeFilter(time) and {HERE} order by time desc limit 200
"""
CALIBRATIONS: Final = f"""
select device as "Thiết bị / Device", last_at as "Lần cuối / Last", due_at as "Hạn / Due",
       every_s as "Chu kỳ / Every", extract(epoch from due_at - now()) as "Còn / Left"
from v_calibration where {HERE} order by due_at
"""
PICTURES: Final = f"""
select time as "Lúc / Time", camera as "Máy ảnh / Camera", cause as "Vì / Cause",
       'data:image/jpeg;base64,' || translate(encode(bytes, 'base64'), e'\\n', '') as "Ảnh / Picture"
from v_image where $__timeFilter(time) and {HERE} order by time desc limit 4
"""

POINTS: Final = {
    "Nghi ngờ / Suspect": "yellow",
    "Không đạt / Fail": "red",
    "Hiệu chuẩn / Calibration": "blue",
    "Bảo trì / Maintenance": "purple",
}
UNSEEN: Final = {"legend": True, "tooltip": True, "viz": False}


def station_page(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    channels = queries.channel_variable(HERE, "title || coalesce(', ' || nullif(label, ''), '')")
    page = "/stations/${station}"
    due = queries.due("hour", network.settings.time_zone, f"{HERE} and {CHOSEN_CHANNELS}")
    dates = {"Chu kỳ / Every": override(unit="s", decimals=0), "Còn / Left": override(unit="s", decimals=0)}
    return (
        dashboard("Quantrac · Trạm / Station", UID, network.settings.time_zone, console, since="now-24h", page=page)
        .refresh("1m")
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=False))
        .with_variable(variable("channel", "Kênh / Channels", channels, multi=True))
        .annotation(marks("Cảnh báo / Alarms", queries.alarm_marks(HERE), "red"))
        .annotation(marks("Sự kiện / Events", queries.EVENT_MARKS, "blue"))
        .with_panel(number_panel("Tin cuối / Last message", SILENT, bad_from=900, unit="s"))
        .with_panel(number_panel("Cảnh báo đang có / Standing alarms", queries.STANDING, bad_from=1))
        .with_panel(number_panel("Đủ số liệu / Complete", f"with {due} {COMPLETE}", unit="percentunit"))
        .with_panel(number_panel("Bản tin chờ gửi / Waiting to be sent", WAITING, bad_from=1000))
        .with_panel(table_panel("Giá trị / Values", queries.LATEST, span=12, height=11, columns=LATEST_COLUMNS))
        .with_panel(table_panel("Cảnh báo / Alarms", queries.ALARMS, span=12, height=11, columns=ALARM_COLUMNS))
        .with_panel(timeline_panel("Chất lượng / Quality", queries.verdicts(network.settings.time_zone), height=12))
        .with_row(Row("Số liệu / Readings"))
        .with_panel(_channel_panel(network))
        .with_row(Row("Vận hành / Operation"))
        .with_panel(table_panel("Sự kiện / Events", EVENTS, span=12, height=9))
        .with_panel(table_panel("Hiệu chuẩn / Calibrations", CALIBRATIONS, span=12, height=9, columns=dates))
        .with_panel(picture_panel("Ảnh / Pictures", PICTURES, height=14))
    )


def _channel_panel(network: Network) -> timeseries.Panel:
    """Return the panel of one channel, which Grafana repeats for each that is chosen; its unit comes by a query."""
    panel = series_panel("$channel", queries.BAND, span=12).repeat("channel").repeat_direction("h").max_per_row(2)
    panel = panel.with_target(Query(queries.DOUBTFUL, ref_id="B"))
    panel = panel.with_target(Query(queries.limit_bands(network), ref_id="C"))
    panel = panel.with_target(Query(queries.UNIT, "table", "D")).with_transformation(units_from("D", "A"))
    for name, properties in _looks().items():
        panel = panel.override_by_name(name, properties)
    return panel


def _looks() -> dict[str, list[DynamicConfigValue]]:
    """Return how each curve of a channel looks: the span of its steps, points of doubt, limits and what is beyond."""
    least, greatest = "Thấp nhất / Min", "Cao nhất / Max"
    faint = {"custom_lineWidth": 0, "custom_hideFrom": UNSEEN}
    looks = {
        least: override(**faint),
        greatest: override(**faint, custom_fillBelowTo=least, custom_fillOpacity=20),
    }
    for name, colour in POINTS.items():
        looks[name] = override(custom_drawStyle="points", custom_pointSize=6, color=fixed(colour))
    dashes = {"fill": "dash", "dash": [8, 6]}
    for word, colour in (("Ngưỡng / Limit", "orange"), ("Ngưỡng nặng / Severe limit", "red")):
        line = {"custom_lineStyle": dashes, "color": fixed(colour), "custom_showPoints": "never"}
        edge = {**faint, "color": fixed(colour), "custom_showPoints": "never"}
        looks[f"▲ {word}"] = override(**line)
        looks[f"▲ {word} …"] = override(**edge, custom_fillBelowTo=f"▲ {word}", custom_fillOpacity=20)
        looks[f"▼ {word}"] = override(**line, custom_fillBelowTo=f"▼ {word} …", custom_fillOpacity=20)
        looks[f"▼ {word} …"] = override(**edge)
    return looks
