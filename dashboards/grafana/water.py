# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of water: salinity and oxygen with the limits of the rules, the level that the tide makes, the rest."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel

from dashboards.grafana import queries
from dashboards.grafana.looks import bilingual, linked
from dashboards.grafana.panels import STATION_DASHBOARD, dashboard, marks, parameter_panel, table_panel, variable
from dashboards.grafana.queries import HERE
from quantrac.config.network import Network
from quantrac.telemetry.parameters import CATALOGUE, WATER

UID: Final = "quantrac-water"
FIRST: Final = ("salinity", "do", "water_level")
MORE: Final = ("water_temp", "ph", "turbidity", "nh4_n")

_WATER: Final = f"parameter = any('{{{','.join(one.id for one in WATER)}}}')"
STATIONS: Final = f"""
select name as __text, station as __value from v_station
where station in (select station from v_channel where {_WATER}) order by name
"""
_COLUMNS: Final = ", ".join(
    f"max(round(l.value::numeric, {one.decimals})) filter (where l.parameter = '{one.id}')"
    f' as "{bilingual(one)}{one.label and f", {one.label}"}"'
    for one in map(CATALOGUE.__getitem__, (*FIRST, *MORE))
)
LATEST: Final = f"""
select s.station as "id", s.name as "Trạm / Station", {_COLUMNS}, max(l.time) as "Lúc / Time"
from v_station s left join v_latest l on l.station = s.station and l.quality <= 2 and abs(l.value) < 1e15
  and l.age_s < 3600
where s.{HERE} group by s.station, s.name order by s.name
"""
"""Good values of the last hour: what is older is no answer to how the water is now."""


def water(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    station = linked("Trạm / Station", STATION_DASHBOARD)
    made = (
        dashboard("Quantrac · Nước / Water", UID, network.settings.time_zone, console, since="now-7d")
        .refresh("5m")
        .with_variable(variable("station", "Trạm / Station", STATIONS, multi=True))
        .annotation(marks("Cảnh báo / Alarms", queries.alarm_marks(HERE), "red"))
        .with_panel(table_panel("Hiện nay / Now", LATEST, span=24, height=8, columns={"Trạm / Station": station}))
    )
    for name in FIRST:
        made = made.with_panel(_panel(network, name, span=24))
    for name in MORE:
        made = made.with_panel(_panel(network, name, span=12))
    return made


def _panel(network: Network, name: str, *, span: int) -> Panel:
    condition = f"{HERE} and parameter = '{name}'"
    is_watched = any(rule.watch.parameter == name for rule in network.rules.values())
    limits = queries.limit_lines(network, f"n.{HERE} and n.parameter = '{name}'") if is_watched else None
    return parameter_panel(CATALOGUE[name], queries.curves(condition, queries.BY_STATION), limits, span=span)
