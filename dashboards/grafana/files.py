"""Renders the files that Grafana reads, writes them, and finds those that are out of date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.alarm_performance import alarm_performance
from dashboards.grafana.network import network_overview, year
from dashboards.grafana.panels import DATASOURCE_TYPE, DATASOURCE_UID

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


def rendered(time_zone: str) -> Mapping[str, str]:
    """Return every generated file: path below `dashboards/grafana` → text; the dashboards show times of `time_zone`."""
    return {
        "generated/network-overview.json": _dashboard_text(network_overview(time_zone)),
        "generated/alarms.json": _dashboard_text(alarm_performance(time_zone)),
        "generated/year.json": _dashboard_text(year(time_zone)),
        "provisioning/datasources/quantrac.yaml": DATASOURCE_FILE,
        "provisioning/dashboards/quantrac.yaml": PROVIDER_FILE,
    }


def write(time_zone: str, folder: Path = HERE) -> list[Path]:
    """Write the files that differ; returns them."""
    written = stale(time_zone, folder)
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered(time_zone)[path.relative_to(folder).as_posix()], encoding="utf-8")
    return written


def stale(time_zone: str, folder: Path = HERE) -> list[Path]:
    """Return the files that are not what the code gives."""
    return [
        path
        for path, text in ((folder / name, text) for name, text in rendered(time_zone).items())
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _dashboard_text(dashboard: Dashboard) -> str:
    model = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
    for number, panel in enumerate(model["panels"], start=1):
        panel["id"] = number
    return json.dumps(model, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
