"""Renders the files that Grafana reads, writes them, and finds those that are out of date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.air import air
from dashboards.grafana.alarm_performance import alarm_performance
from dashboards.grafana.compare import compare
from dashboards.grafana.completeness import data_quality
from dashboards.grafana.network import network_overview
from dashboards.grafana.operations import operations
from dashboards.grafana.panels import DATASOURCE_TYPE, DATASOURCE_UID
from dashboards.grafana.station import station_page
from dashboards.grafana.water import water
from quantrac.config.network import Network

HERE: Final = Path(__file__).parent
DATASOURCE_FILE: Final = f"""# The database as quantrac_reader sees it: views only. Values come from the environment.
apiVersion: 1
datasources:
  - name: Quantrac
    uid: {DATASOURCE_UID}
    type: {DATASOURCE_TYPE}
    url: $QUANTRAC_GRAFANA_DATABASE_HOST
    user: $QUANTRAC_GRAFANA_DATABASE_USER
    secureJsonData:
      password: $QUANTRAC_GRAFANA_DATABASE_PASSWORD
    jsonData:
      database: $QUANTRAC_GRAFANA_DATABASE_NAME
      sslmode: $QUANTRAC_GRAFANA_DATABASE_SSLMODE
      timescaledb: true
      maxOpenConns: 10
    isDefault: true
    editable: false
"""
PROVIDER_FILE: Final = """apiVersion: 1
providers:
  - name: quantrac
    folder: Quantrac
    type: file
    allowUiUpdates: false
    disableDeletion: true
    options:
      path: /etc/grafana/dashboards/quantrac
"""


DASHBOARDS: Final = {
    "network": network_overview,
    "station": station_page,
    "compare": compare,
    "alarms": alarm_performance,
    "completeness": data_quality,
    "air": air,
    "water": water,
    "operations": operations,
}


def rendered(network: Network, console: str) -> Mapping[str, str]:
    """Return every generated file: path below `dashboards/grafana` → text.

    The dashboards have the limits and the time zone of the network; links lead to the console at the address `console`.
    """
    texts = {f"generated/{name}.json": _dashboard_text(make(network, console)) for name, make in DASHBOARDS.items()}
    return {
        **texts,
        "provisioning/datasources/quantrac.yaml": DATASOURCE_FILE,
        "provisioning/dashboards/quantrac.yaml": PROVIDER_FILE,
    }


def write(texts: Mapping[str, str], folder: Path = HERE) -> list[Path]:
    """Write the files that differ; returns them."""
    written = stale(texts, folder)
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path.relative_to(folder).as_posix()], encoding="utf-8")
    return written


def stale(texts: Mapping[str, str], folder: Path = HERE) -> list[Path]:
    """Return the files that are not as given."""
    return [
        path
        for path, text in ((folder / name, text) for name, text in texts.items())
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _dashboard_text(dashboard: Dashboard) -> str:
    model = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
    for number, panel in enumerate(model["panels"], start=1):
        panel["id"] = number
    for one in model["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):  # of intervals alone; the library writes them everywhere
            one.pop(key, None)
    return json.dumps(model, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
