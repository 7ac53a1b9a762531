"""The dashboard that lays any channels of any stations over one another, on two axes."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana import queries
from dashboards.grafana.looks import override
from dashboards.grafana.panels import Query, dashboard, series_panel, variable
from quantrac.config.network import Network

UID: Final = "quantrac-compare"


def compare(network: Network, console: str) -> Dashboard:
    """Return the dashboard; its address holds what is compared."""
    sides = {side: f"channel = any(array[${{{side}:sqlstring}}]::text[])" for side in ("left", "right")}
    choice = queries.channel_variable("true", queries.BY_BOTH)
    both = series_panel("So sánh / Compare", queries.curves(sides["left"], queries.BY_BOTH), height=18)
    both = both.with_target(Query(queries.curves(sides["right"], queries.BY_BOTH), ref_id="B"))
    right = override(custom_axisPlacement="right", custom_lineStyle={"fill": "dash", "dash": [4, 4]})
    made = dashboard("Quantrac · So sánh / Compare", UID, network.settings.time_zone, console, since="now-7d")
    return (
        made.with_variable(variable("left", "Trục trái / Left axis", choice, multi=True, everything=False))
        .with_variable(variable("right", "Trục phải / Right axis", choice, multi=True, everything=False))
        .with_panel(both.override_by_query("B", right))
    )
