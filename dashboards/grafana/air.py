# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of air: VN_AQI in its colours and words, dust and gases over the steps of the index, the weather."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode

from dashboards.grafana import queries
from dashboards.grafana.looks import thresholds
from dashboards.grafana.panels import Query, dashboard, marks, number_panel, parameter_panel, variable
from dashboards.grafana.queries import HERE, NAMED
from quantrac.config.network import Network
from quantrac.telemetry.indices.vn_aqi import BREAKPOINTS, CLASSES, INDEX
from quantrac.telemetry.parameters import AIR, CATALOGUE

UID: Final = "quantrac-air"
STEPS_OF: Final = {"pm2_5": "pm2_5", "pm10": "pm10", "o3": "o3_1h", "no2": "no2", "so2": "so2", "co": "co"}
"""Whose breakpoints a parameter is drawn over."""
WEATHER: Final = ("wind_speed", "wind_dir", "air_temp", "rain")

_AIR: Final = f"parameter = any('{{{','.join((*(one.id for one in AIR), 'vn_aqi'))}}}')"
STATIONS: Final = f"""
select name as __text, station as __value from v_station
where station in (select station from v_channel where {_AIR}) order by name
"""
_CLASS: Final = " ".join(f"when l.value <= {one.highest} then '{one.words.vi} / {one.words.en}'" for one in CLASSES)
INDEX_NOW: Final = f"""
with {NAMED}
select l.time, {queries.BY_BOTH} || ': ' || case {_CLASS} else '?' end as metric, l.value
from named join v_latest l using (channel, station, parameter) where {HERE} and parameter = 'vn_aqi' order by 1
"""


def air(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    now = number_panel("VN_AQI", INDEX_NOW, span=24).targets([Query(INDEX_NOW)])  # a number for each series
    now = now.thresholds(thresholds(_steps([*INDEX[:6]])))
    index = parameter_panel(CATALOGUE["vn_aqi"], queries.curves(f"{HERE} and parameter = 'vn_aqi'", queries.BY_STATION))
    made = (
        dashboard("Quantrac · Không khí / Air", UID, network.settings.time_zone, console, since="now-7d")
        .refresh("5m")
        .with_variable(variable("station", "Trạm / Station", STATIONS, multi=True))
        .annotation(marks("Cảnh báo / Alarms", queries.alarm_marks(HERE), "red"))
        .with_panel(now)
        .with_panel(_coloured(index, [*INDEX[:6]]).min(0))
        .with_row(Row("Bụi, khí / Dust, gases"))
    )
    for name, steps in STEPS_OF.items():
        made = made.with_panel(_coloured(_panel(name), [*BREAKPOINTS[steps][:6]]))
    made = made.with_row(Row("Thời tiết / Weather"))
    for name in WEATHER:
        made = made.with_panel(_panel(name))
    return made


def _panel(name: str) -> timeseries.Panel:
    sql = queries.curves(f"{HERE} and parameter = '{name}'", queries.BY_STATION)
    return parameter_panel(CATALOGUE[name], sql, span=12)


def _coloured(panel: timeseries.Panel, bounds: list[float]) -> timeseries.Panel:
    """Return the panel over areas in the colours of the index, from each of six bounds up."""
    area = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.AREA)
    return panel.thresholds(thresholds(_steps(bounds))).thresholds_style(area)


def _steps(bounds: list[float]) -> list[tuple[float | None, str]]:
    return [(None if place == 0 else bound, CLASSES[place].colour) for place, bound in enumerate(bounds)]
