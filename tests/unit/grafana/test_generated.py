"""The committed files are what the code gives, are what Grafana 11.6 reads, and what 12 and 13 make of it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from benchmarks.grafana_queries import expand, queries_of
from dashboards.grafana import files, queries
from quantrac.config.loader import load_network
from quantrac.telemetry.indices.vn_aqi import CLASSES
from quantrac.telemetry.parameters import CATALOGUE

PROJECT = Path(__file__).parents[3]
NETWORK = load_network(PROJECT / "station_configs")
TEXTS = files.rendered(NETWORK, "http://127.0.0.1:8080")
DASHBOARDS: dict[str, dict[str, Any]] = {
    Path(name).stem: json.loads(text) for name, text in TEXTS.items() if name.endswith(".json")
}
PANELS = [(name, panel) for name, made in DASHBOARDS.items() for panel in made["panels"]]
SCHEMA_42: dict[str, list[Any]] = json.loads(Path(__file__).with_name("schema_42.json").read_text("utf-8"))
"""The keys and words of each class of Grafana's models that we use, as in grafana-foundation-sdk 0.0.21, which is for
Grafana 13 and writes schema 42, to which 12 and 13 migrate what is older."""

register_default_plugins()


def test_the_committed_files_are_what_the_code_gives() -> None:
    assert files.stale(TEXTS) == []
    assert {path.stem for path in (files.HERE / "generated").iterdir()} == set(DASHBOARDS)


def read_back(made: dict[str, Any]) -> Dashboard:
    """Return a dashboard as Grafana's own models read it."""
    return Dashboard.from_json(made)


def without_the_queries_of_marks(made: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the models of 11.6 have no place for, as they say themselves."""
    marks = [
        {key: value for key, value in one.items() if key != "target"} for one in made["annotations"].get("list", [])
    ]
    return {**made, "annotations": {"list": marks}}


def lost(given: object, read: object, where: str) -> Iterator[str]:
    """Yield what is not as given in what was read; defaults that were added do not count."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            yield from lost(value, read.get(key), f"{where}.{key}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for place, (one, other) in enumerate(zip(given, read, strict=True)):
            yield from lost(one, other, f"{where}[{place}]")
    elif given != read:
        yield f"{where}: {given!r:.80} is read as {read!r:.80}"


def test_every_key_is_one_that_the_models_of_grafana_11_6_read() -> None:
    """They lose an unknown key, and fail at a wrong type."""
    for name, made in DASHBOARDS.items():
        known = without_the_queries_of_marks(made)
        assert list(lost(known, json.loads(json.dumps(read_back(known), cls=JSONEncoder)), name)) == []
        assert made["schemaVersion"] == 41


def parts(thing: object) -> Iterator[tuple[str, object]]:
    """Yield the class and each key or word of a model and of all in it."""
    kind = f"{type(thing).__module__.rpartition('.')[2]}.{type(thing).__name__}"
    if kind == "runtime.UnknownDataquery":  # the data source's own
        return
    if isinstance(thing, Enum):
        yield kind, thing.value
    elif isinstance(thing, list):
        for one in thing:
            yield from parts(one)
    elif isinstance(thing, dict):
        for one in thing.values():
            yield from parts(one)
    elif (to_json := getattr(thing, "to_json", None)) is not None:
        for key, value in to_json().items():
            yield kind, key
            yield from parts(value)


def test_grafana_13_knows_every_key_and_word() -> None:
    found = {part for made in DASHBOARDS.values() for part in parts(read_back(made))}
    assert len(found) > 150
    assert {(kind, key) for kind, key in found if key not in SCHEMA_42.get(kind, [])} == set()


def test_every_panel_asks_the_one_data_source_and_has_both_languages() -> None:
    asking = [panel for _, panel in PANELS if panel["type"] != "row"]
    assert len(asking) >= 70
    assert {panel["datasource"]["uid"] for panel in asking} == {"quantrac"}
    assert all(target["rawQuery"] for panel in asking for target in panel["targets"])
    same = {
        f"{one.title_vi}, {one.label}".removesuffix(", ") for one in CATALOGUE.values() if one.title_vi == one.title_en
    }
    assert {panel["title"] for _, panel in PANELS if " / " not in panel["title"]} <= same | {"$parameter", "$channel"}


def test_every_column_has_both_languages() -> None:
    aliases = {
        alias
        for made in DASHBOARDS.values()
        for panel in made["panels"]
        for target in panel.get("targets", [])
        if panel["type"] == "table"
        for alias in re.findall(r'as "([^"]+)"', target["rawSql"])
    }
    assert {alias for alias in aliases if " / " not in alias} == {"id", "channel", "pH"}


def test_a_column_that_a_panel_dresses_is_one_of_its_query() -> None:
    for _, panel in PANELS:
        if panel["type"] != "table":
            continue
        names = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} - {"id", "channel"}
        sql = panel["targets"][0]["rawSql"]
        assert {name for name in names if f'"{name}"' not in sql and not re.search(rf"\b{name}\b", sql)} == set()


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    for made in DASHBOARDS.values():
        panels = made["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        places = [panel["gridPos"] for panel in panels]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


def test_dashboards_lead_to_one_another_and_to_the_console_and_have_the_network_s_zone() -> None:
    uids = {made["uid"] for made in DASHBOARDS.values()}
    for made in DASHBOARDS.values():
        assert (made["timezone"], made["tags"]) == ("Asia/Ho_Chi_Minh", ["quantrac"])
        others, back = made["links"]
        assert (others["type"], others["tags"]) == ("dashboards", ["quantrac"])
        assert back["url"].startswith("${console}")
        constant = next(one for one in made["templating"]["list"] if one["name"] == "console")
        assert (constant["type"], constant["query"]) == ("constant", "http://127.0.0.1:8080")
    text = "".join(TEXTS.values())
    assert set(re.findall(r"/d/([\w-]+)", text)) <= uids
    pages = set(re.findall(r"\$\{console\}(/\w*)", text))
    assert pages >= {"/stations", "/workbench", "/alarms"}
    console = "".join(path.read_text("utf-8") for path in (PROJECT / "dashboards/console").glob("*.py"))
    assert {page for page in pages if f'@app.get("{page}' not in console} == set()


def test_the_map_fetches_no_tile_of_anybody() -> None:
    [panel] = [panel for _, panel in PANELS if panel["type"] == "geomap"]
    assert panel["options"]["basemap"]["config"]["src"].startswith("public/")
    assert not re.search(r"https?://(?!127\.0\.0\.1:8080)", json.dumps(DASHBOARDS))


def panel_of(name: str, title: str) -> dict[str, Any]:
    return next(panel for of, panel in PANELS if of == name and title in panel["title"])


def test_titles_units_and_decimals_are_those_of_the_catalogue() -> None:
    salinity = panel_of("water", "Độ mặn / Practical salinity")
    defaults = salinity["fieldConfig"]["defaults"]
    assert salinity["title"].endswith(f", {CATALOGUE['salinity'].label}")
    assert (defaults["unit"], defaults["decimals"]) == ("suffix: ‰", 2)


def test_limits_are_those_of_the_rules_where_they_hold() -> None:
    """Expected limits: salinity.yaml and oxygen.yaml, by the tags of the stations."""
    undated = r"\('(\w+)', '(\w+)', ([\d.-]+)::float8, null, null, null, '{([^}]*)}'"
    rows = set(re.findall(undated, queries.limits_of(NETWORK)))
    four = [channels.split(",") for *key, channels in rows if key == ["above", "high", "4.0"]]
    assert four == [["st-dai-ngai/salinity"]]
    assert any(row[:3] == ("below", "critical", "2.0") and "st-my-thanh/do" in row[3] for row in rows)


def test_air_has_the_classes_of_the_decree() -> None:
    """Decision 1459/QĐ-TCMT: good to 50, moderate to 100, poor to 150, bad to 200, very bad to 300, hazardous."""
    steps = panel_of("air", "VN_AQI")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [
        (bound, one.colour) for bound, one in zip((None, 50, 100, 150, 200, 300), CLASSES, strict=True)
    ]  # fmt: skip


def test_the_number_of_stations_offline_turns_red_at_the_first() -> None:
    steps = panel_of("network", "offline")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 1]


def test_macros_and_variables_are_expanded_as_grafana_does() -> None:
    """As documented for Grafana's PostgreSQL data source and for the `sqlstring` format."""
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    sql = "select 1 where $__timeFilter(time) and s in (${station:sqlstring})"
    assert expand(sql, since=since, until=until, variables={"station": ["a", "o'b"]}) == (
        "select 1 where time BETWEEN '2026-01-01T00:00:00+00:00' AND '2026-01-02T00:00:00+00:00' and s in ('a','o''b')"
    )
    with pytest.raises(KeyError):
        expand("${nobody:sqlstring}", since=since, until=until, variables={})


def test_no_query_has_a_macro_that_is_not_expanded_here() -> None:
    asked = [sql for made in DASHBOARDS.values() for _, sql in queries_of(made)]
    macros = {macro for sql in asked for macro in re.findall(r"\$__\w+", sql)}
    assert macros == {"$__timeFilter", "$__timeFrom", "$__timeTo"}
