"""The committed files are what the code gives, and are what Grafana 11.6 reads."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.grafana import files, queries

ZONE = "Asia/Ho_Chi_Minh"


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files.rendered(ZONE)["generated/network-overview.json"])
    return found


def test_the_committed_files_are_what_the_code_gives() -> None:
    assert files.stale(ZONE) == []


def test_the_dashboards_show_times_of_the_network_s_zone() -> None:
    texts = [text for name, text in files.rendered("Asia/Kathmandu").items() if name.startswith("generated/")]
    assert [json.loads(text)["timezone"] for text in texts] == ["Asia/Kathmandu"] * 3


def test_the_schema_is_that_of_grafana_11_6() -> None:
    assert dashboard()["schemaVersion"] == 41


def test_every_panel_asks_the_one_data_source() -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert len(panels) >= 10
    assert {panel["datasource"]["uid"] for panel in panels} == {"quantrac"}
    assert all(target["rawQuery"] for panel in panels for target in panel["targets"])


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_macros_and_variables_are_expanded_as_grafana_does() -> None:
    """As documented for Grafana's PostgreSQL data source and for the `sqlstring` format."""
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    sql = "select 1 where $__timeFilter(time) and s in (${station:sqlstring})"
    assert queries.expand(sql, since=since, until=until, variables={"station": ["a", "o'b"]}) == (
        "select 1 where time BETWEEN '2026-01-01T00:00:00+00:00' AND '2026-01-02T00:00:00+00:00' and s in ('a','o''b')"
    )


def test_an_unknown_variable_is_an_error() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(KeyError):
        queries.expand("${nobody:sqlstring}", since=now, until=now, variables={})
