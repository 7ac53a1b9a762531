"""OGC SensorThings API 1.1, read: what the standard (OGC 18-088) requires of entities, paths and query options.

Each test names the requirements that it holds, as the standard calls them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboards.sensorthings import reader
from dashboards.sensorthings.model import ENTITIES
from quantrac.database.pool import Connection
from quantrac.desks import tokens
from quantrac.desks.roles import DeskAct
from tests.integration.console.test_api import DO, MINUTES, NOW, asked, fill

ROOT: Final = "/sensorthings/v1.1"
DATASTREAM: Final = f"{ROOT}/Datastreams('st-my-thanh:do')"


async def ask(http: httpx.AsyncClient, path: str, **options: Any) -> Any:
    """Return what a path answers; `top` is `$top`."""
    query = urlencode({f"${name}": value for name, value in options.items()})
    answer = await http.get(f"{path}?{query}" if query else path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def every(http: httpx.AsyncClient, path: str, **options: Any) -> list[dict[str, Any]]:
    """Return the entities of all pages."""
    found, page = list[dict[str, Any]](), await ask(http, path, **options)
    while True:
        found += page["value"]
        if "@iot.nextLink" not in page:
            return found
        page = (await http.get(page["@iot.nextLink"])).json()


@asynccontextmanager
async def filled(database: str, conn: Connection) -> AsyncIterator[httpx.AsyncClient]:
    fill(conn)
    async with asked(database) as http:
        yield http


@pytest.mark.usefixtures("configured")
async def test_entities_have_the_properties_and_relations_of_the_data_model(database: str, conn: Connection) -> None:
    """datamodel/*/properties and relations, datamodel/entity-control-information/common-control-information."""
    wanted = {
        "Things": "name description", "Locations": "name description encodingType location",
        "HistoricalLocations": "time", "Datastreams": "name description unitOfMeasurement observationType",
        "Sensors": "name description encodingType metadata", "ObservedProperties": "name definition description",
        "Observations": "phenomenonTime result resultTime resultQuality",
        "FeaturesOfInterest": "name description encodingType feature",
    }  # fmt: skip
    async with filled(database, conn) as http:
        root = await ask(http, ROOT)
        assert [one["name"] for one in root["value"]] == list(wanted)
        assert any("iot_sensing/1.1/req/request-data/filter" in one for one in root["serverSettings"]["conformance"])
        for collection, properties in wanted.items():
            first = (await ask(http, f"{ROOT}/{collection}", top=1))["value"][0]
            assert {*properties.split()} <= first.keys(), collection
            again = (await http.get(first["@iot.selfLink"])).json()
            assert again == first
            for name, navigation in ENTITIES[collection].navigations.items():
                led = await ask(http, first[f"{name}@iot.navigationLink"].removeprefix("http://console"))
                assert ("value" in led) == navigation.is_many, (collection, name)
                of_target = f"http://console{ROOT}/{navigation.target}("
                assert all(one["@iot.selfLink"].startswith(of_target) for one in led.get("value", [led]))
        datastream = await ask(http, DATASTREAM)
        assert datastream["unitOfMeasurement"]["definition"] == "ucum:mg/L"
        ways = ("Thing", "Sensor", "ObservedProperty")
        thing, sensor, observed = [await ask(http, f"{DATASTREAM}/{way}") for way in ways]
        assert (thing["@iot.id"], observed["@iot.id"]) == ("st-my-thanh", "do")
        assert sensor["@iot.id"].startswith("st-my-thanh:")


@pytest.mark.usefixtures("configured")
async def test_observations_are_the_readings_with_slot_quality_and_stage(database: str, conn: Connection) -> None:
    view = conn.execute
    async with filled(database, conn) as http:
        found = await every(http, f"{DATASTREAM}/Observations", top=50, orderby="phenomenonTime desc")
        rows = view("select time, value, quality from v_reading where channel = %s order by time desc", [DO]).fetchall()
        interval = view("select interval_s from v_channel where channel = %s", [DO]).fetchone()
        assert interval is not None
        assert len(found) == len(rows) == 120
        for one, (time, value, quality) in zip(found, rows, strict=True):
            begin, _, end = one["phenomenonTime"].partition("/")
            assert datetime.fromisoformat(end) == datetime.fromisoformat(one["resultTime"]) == time
            assert time - datetime.fromisoformat(begin) == timedelta(seconds=interval[0])
            assert (one["result"], one["resultQuality"]["DQ_Result"]["code"]) == (value, quality)
            assert one["parameters"]["stage"] in ("raw", "unreviewed")
        late = {"until": NOW + timedelta(minutes=9), "first": 0, "last": 8, "channels": [DO]}
        first = await ask(http, f"{DATASTREAM}/Observations", top=100, orderby="resultTime desc")
        conn.execute(MINUTES, late)
        rest = (await http.get(first["@iot.nextLink"])).json()["value"]
        ids = [one["@iot.id"] for one in (*first["value"], *rest)]
        assert (len(ids), len(set(ids))) == (120, 120), "new observations shift nothing"


@pytest.mark.usefixtures("configured")
async def test_paths_lead_to_collections_entities_properties_values_and_links(database: str, conn: Connection) -> None:
    """resource-path/resource-path-to-entities, its eight usages."""
    async with filled(database, conn) as http:
        thing = f"{ROOT}/Things('st-my-thanh')"
        name = (await ask(http, thing))["name"]
        assert await ask(http, f"{thing}/name") == {"name": name}
        assert (await http.get(f"{thing}/name/$value")).text == name
        assert await ask(http, f"{thing}/properties/station") == {"station": "st-my-thanh"}
        links = (await ask(http, f"{thing}/Datastreams/$ref"))["value"]
        assert {"@iot.selfLink": f"http://console{DATASTREAM}"} in links
        assert all(one.keys() == {"@iot.selfLink"} for one in links)
        nested = f"{thing}/Datastreams('st-my-thanh:do')/Observations"
        (one,) = (await ask(http, nested, top=1))["value"]
        assert (await ask(http, f"{nested}('{one['@iot.id']}')"))["@iot.id"] == one["@iot.id"]
        assert (await ask(http, f"{nested}('{one['@iot.id']}')/result"))["result"] == one["result"]
        for nothing in (
            "Thing", "Things('none')", "Things('none')/Datastreams",
            "Things('st-tran-de')/Datastreams('st-my-thanh:do')",
            "Things/Datastreams", "Things('st-my-thanh')/nothing", "Observations('x')",
            "Observations('a:b:9999999999')",
            "Things('a", "Datastreams('st-my-thanh:do')/Thing('st-my-thanh')", "$ref", "Things('st-my-thanh')/$value",
        ):  # fmt: skip
            answer = await http.get(f"{ROOT}/{nothing}")
            assert answer.status_code == 404, nothing
            assert answer.headers["content-type"] == "application/problem+json"


# fmt: off
FILTERS: Final = [
    ("Things", "name ne 'x' and id eq 'st-my-thanh'", 1), ("Things", "not (id eq 'st-my-thanh')", 5),
    ("Things", "startswith(id, 'st-') and endswith(id, 'thanh')", 1), ("Things", "substringof('thanh', id)", 1),
    ("Things", "length(id) eq 11 and indexof(id, 'my') eq 3", 1), ("Things", "substring(id, 3) eq 'my-thanh'", 1),
    ("Things", "substring(id, 3, 2) eq 'my'", 1), ("Things", "toupper(id) eq 'ST-MY-THANH'", 1),
    ("Things", "tolower('ST-MY-THANH') eq id", 1), ("Things", "trim(concat('  ', id)) eq 'st-my-thanh'", 1),
    ("Things", "properties/in_service lt now()", 6), ("Things", "year(properties/in_service) gt 3000", 0),
    ("Things", "Datastreams/ObservedProperty/id eq 'pm2_5'", 1),
    ("Things", "id eq null", 0), ("Things", "id ne null", 6),
    ("Things", "1 add 2 mul 3 eq 7 and 7 mod 4 eq 3 and 7 sub 2 eq 5 and 7 div 2 eq 3.5", 6),
    ("Things", "-1 lt 1 and round(2.5) eq 3 and floor(2.5) eq 2 and ceiling(2.1) eq 3 and 1 div 0 eq null", 6),
    ("Things", "mindatetime() lt maxdatetime() and totaloffsetminutes(now()) eq 0", 6),
    ("Locations", "st_within(location, geography'POLYGON((105 8, 107 8, 107 11, 105 11, 105 8))')", 6),
    ("Locations", "geo.distance(location, geography'POINT(105 8)') gt 100", 0),
    ("Locations", "geo.intersects(location, geography'POLYGON((0 0, 1 0, 1 1, 0 0))')", 0),
    ("Locations", "st_disjoint(location, geography'POINT(0 0)') and not st_equals(location, geography'POINT(0 0)')", 6),
    ("Locations", "geo.length(geography'LINESTRING(0 0, 3 4)') eq 5", 6),
    ("Datastreams", "Thing/id eq 'st-my-thanh' and ObservedProperty/id eq 'do' and properties/derived eq false", 1),
    ("Datastreams", "unitOfMeasurement/name eq 'mg/L' and properties/channel eq 'st-my-thanh/do'", 1),
    ("Datastreams", "id eq 'st-my-thanh:do' and Observations/result gt 10", 1),
    ("Sensors", "metadata eq 'http://console/stations/st-my-thanh/equipment' and properties/device eq 'sonde'", 1),
]  # fmt: skip
OF_READINGS: Final = [
    ("result gt 10", "value > 10"), ("result gt '10'", "value > 10"),
    ("result ge 7 and result lt 9 or result eq 11", "value between 7 and 8 or value = 11"),
    ("phenomenonTime gt 2026-11-24T02:00:00Z and phenomenonTime le 2026-11-24T09:30:00+07:00",
     "time > '2026-11-24 02:00Z' and time <= '2026-11-24 02:30Z'"),
    ("2026-11-24T02:58:00Z le resultTime", "time >= '2026-11-24 02:58Z'"),
    ("resultTime eq 2026-11-24T02:58:00Z", "time = '2026-11-24 02:58Z'"),
    ("hour(resultTime) eq 2 and minute(resultTime) ge 30 and second(resultTime) eq 0",
     "time >= '2026-11-24 02:30Z' and time < '2026-11-24 03:00Z'"),
    ("fractionalseconds(resultTime) eq 0 and day(resultTime) eq 24 and month(resultTime) eq 11", "true"),
    ("year(resultTime) eq 2026", "true"),
    ("date(resultTime) eq 2026-11-24 and time(resultTime) gt 02:50:00", "time > '2026-11-24 02:50Z'"),
    ("resultTime gt 2026-11-24T03:00:00Z sub duration'PT10M'", "time > '2026-11-24 02:50Z'"),
    ("resultQuality/DQ_Result/code eq 4", "quality = 4"),
    ("parameters/state eq 'ok' and result mod 2 eq 0", "value in (6, 8, 10)"),
    ("Datastream/Thing/id eq 'st-my-thanh' and FeatureOfInterest/id eq 'st-my-thanh'", "true"),
    ("result eq null", "false"),
]  # fmt: skip


@pytest.mark.usefixtures("configured")
async def test_filters_let_pass_what_they_say(database: str, conn: Connection) -> None:
    """request-data/filter, built-in-filter-operations, built-in-query-functions; counts of the shipped six stations."""
    async with filled(database, conn) as http:
        for collection, text, count in FILTERS:
            page = await ask(http, f"{ROOT}/{collection}", filter=text, count="true")
            assert (page["@iot.count"], len(page["value"])) == (count, count), text
        for text, where in OF_READINGS:
            rows = conn.execute(
                f"select time from v_reading where channel = '{DO}' and ({where}) order by time"
            ).fetchall()
            page = await ask(http, f"{DATASTREAM}/Observations", filter=text, count="true", top=1000)
            times = [datetime.fromisoformat(one["resultTime"]) for one in page["value"]]
            assert (times, page["@iot.count"]) == ([time for (time,) in rows], len(rows)), text


@pytest.mark.usefixtures("configured")
async def test_options_choose_order_cut_and_open(database: str, conn: Connection) -> None:
    """request-data/order, expand, select, orderby, top, skip, count, pagination."""
    async with filled(database, conn) as http:
        ids = [one["@iot.id"] for one in await every(http, f"{ROOT}/Things", orderby="id desc", top=2)]
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == 6
        assert [
            one["@iot.id"] for one in (await ask(http, f"{ROOT}/Things", orderby="id", skip=4, top=1))["value"]
        ] == [ids[1]]
        assert await ask(http, f"{ROOT}/Things", top=0, count="true") == {
            "@iot.count": 6, "value": [],
            "@iot.nextLink": f"http://console{ROOT}/Things?%24count=true&%24top=0&%24skip=0",
        }  # fmt: skip
        by_result = (await ask(http, f"{DATASTREAM}/Observations", orderby="result desc,phenomenonTime asc", top=20))[
            "value"
        ]
        assert [one["result"] for one in by_result] == sorted((one["result"] for one in by_result), reverse=True)
        chosen = (await ask(http, f"{ROOT}/Things", select="name,Datastreams", top=1))["value"][0]
        assert chosen.keys() == {"name", "Datastreams@iot.navigationLink"}
        newest = "Observations($top=2;$orderby=resultTime desc;$count=true)"
        expand = f"Datastreams($filter=id eq 'st-my-thanh:do';$expand={newest},Sensor),Locations"
        thing = await ask(http, f"{ROOT}/Things('st-my-thanh')", expand=expand)
        (datastream,) = thing["Datastreams"]
        assert thing["Locations"][0]["location"]["type"] == "Point"
        assert datastream["Sensor"]["@iot.id"].startswith("st-my-thanh")
        assert [one["resultTime"] for one in datastream["Observations"]] == [
            "2026-11-24T03:00:00.000Z",
            "2026-11-24T02:59:00.000Z",
        ]
        assert datastream["Observations@iot.count"] == 120
        following = (await http.get(datastream["Observations@iot.nextLink"])).json()
        assert [one["resultTime"] for one in following["value"]] == [
            "2026-11-24T02:58:00.000Z",
            "2026-11-24T02:57:00.000Z",
        ]
        several = await ask(
            http, f"{ROOT}/Observations", orderby="phenomenonTime desc", top=3, expand="Datastream/Thing"
        )
        assert [one["resultTime"] for one in several["value"]] == ["2026-11-24T03:00:00.000Z"] * 2 + [
            "2026-11-24T02:59:00.000Z"
        ]
        assert {one["Datastream"]["Thing"]["@iot.id"] for one in several["value"]} <= {"st-my-thanh", "st-tran-de"}
        assert len(await every(http, f"{ROOT}/Observations", top=40)) == 125
        of_both = await every(http, f"{ROOT}/Observations", top=40, orderby="result desc,resultTime")
        keys = [(-one["result"], one["resultTime"]) for one in of_both]
        assert (len(of_both), keys) == (125, sorted(keys)), "of several Datastreams, by anything"


@pytest.mark.usefixtures("configured")
async def test_every_property_gives_an_order_and_ways_with_one_beginning_are_opened_together(
    database: str, conn: Connection
) -> None:
    """request-data/orderby, expand: cases of the OGC's own suite (ets-sta10, level 3)."""
    async with filled(database, conn) as http:
        for collection, entity in ENTITIES.items():
            for name in entity.names:
                if name in entity.properties:
                    found = [
                        str(one[name]) for one in await every(http, f"{ROOT}/{collection}", orderby=f"{name} desc")
                    ]
                    assert name == "result" or found == sorted(found, reverse=True), (collection, name)
        expand = "Datastreams/Sensor,Datastreams/ObservedProperty($select=name),Datastreams($top=2),Locations"
        thing = await ask(http, f"{ROOT}/Things('st-my-thanh')", expand=expand)
        following = (await http.get(thing["Datastreams@iot.nextLink"])).json()
        for one in (*thing["Datastreams"], *following["value"]):
            assert one["Sensor"]["@iot.id"].startswith("st-my-thanh:")
            assert one["ObservedProperty"].keys() == {"name"}
        assert (len(thing["Datastreams"]), len(thing["Locations"])) == (2, 1)


@pytest.mark.usefixtures("configured")
async def test_a_mistake_is_answered_with_its_place(database: str, conn: Connection) -> None:
    """request-data/query-status-code."""
    async with filled(database, conn) as http:
        for option, text, said in (
            ("filter", "name eq", "at character 8"), ("filter", "nam eq 'x'", "at character 1"),
            ("filter", "name eq 3", "at character 6"), ("filter", "name eq 'x", "at character 9"),
            ("filter", "frob(name)", "not offered"), ("filter", "name", "expected a condition"),
            ("filter", "st_touches(name, name)", "not offered"), ("filter", "(" * 60, "levels"),
            ("filter", "geo.length(geography'POINT(1 2)') eq 1", "not offered"),
            ("filter", "true or " * 300 + "true", "200"),
            ("orderby", "name up", "at character 6"), ("orderby", "Datastreams/name", "single entity"),
            ("top", "-1", "whole number"), ("skip", "x", "whole number"), ("count", "yes", "true or false"),
            ("select", "names", "expected some of"), ("expand", "Things", "expected some of"),
            ("expand", "Datastreams(", "`)`"),
            ("expand", "Datastreams($top=1),Datastreams($top=2)", "twice with options"),
            ("expand", "Datastreams($filter=x eq 1)", "at character 1"),
            ("filter", "substring(name, 0, -1) eq 'x'", "cannot be computed"),
        ):  # fmt: skip
            answer = await http.get(f"{ROOT}/Things", params={f"${option}": text})
            assert answer.status_code == 400, (text, answer.text)
            assert said in answer.json()["detail"], answer.json()
        assert (await http.get(f"{ROOT}/Things", params={"$search": "x"})).status_code == 501
        twice = await http.get(f"{ROOT}/Things?$top=1&$top=2")
        assert twice.status_code == 400


@pytest.mark.usefixtures("configured")
async def test_an_answer_ends_at_so_many_entities_and_after_so_long(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(database, conn) as http:
        within = f"{ROOT}/Things('st-my-thanh')/Datastreams?$expand=Observations($top=100)"
        assert (await http.get(within)).status_code == 200
        monkeypatch.setattr(reader, "MOST_ENTITIES", 99)
        assert "found more than 99 entities" in (await http.get(within)).json()["detail"]
        monkeypatch.setattr(reader, "LONGEST_S", -1.0)
        for path in ("Things", "Observations?$filter=result gt 1000", "Observations/$ref"):
            late = await http.get(f"{ROOT}/{path}")
            assert (late.status_code, "found no end within" in late.json()["detail"]) == (400, True), path


@pytest.mark.usefixtures("configured")
async def test_a_token_of_some_stations_finds_nothing_of_others_on_any_way(database: str, conn: Connection) -> None:
    fill(conn)
    secret = tokens.add(conn, "one", [DeskAct.READ], frozenset({"st-tran-de"}), NOW + timedelta(days=1), "test", NOW)
    async with asked(database, None) as http:
        assert (await http.get(f"{ROOT}/Things")).status_code == 401
        http.headers["Authorization"] = f"Bearer {secret}"
        for collection in ENTITIES:
            found = await every(http, f"{ROOT}/{collection}")
            assert found, collection
            assert "my-thanh" not in str(found), collection
        assert (await http.get(DATASTREAM)).status_code == 404
        odd = "Datastreams/Thing/Datastreams/Thing/id eq 'st-my-thanh'"
        assert (await ask(http, f"{ROOT}/Things", filter=odd))["value"] == []


VOCABULARY: Final = """
name id result resultTime phenomenonTime Datastream/id Thing/name Datastreams/name location feature eq ne gt le and or
not add sub mul div mod ( ) , - / null true false 1 0 2.5 1e308 1e400 'x' '' 'it''s' '%s' '\\' 2026-11-24T02:00:00Z
0001-01-01T00:00:00+14:00 9999-12-31T23:59:59-14:00 2026-02-30 2026-11-24 07:20:00 25:00:00 duration'PT1H' length( year(
duration'P9999999D' geography'POINT(1)' substring( round( date( now() concat( indexof( geo.distance( st_within( ; -- $$
substringof( /* %(x)s {0} @iot.id ơ 🐟
"""
SHAPES: Final = ("geography'POINT(1 2)'", "geography'POLYGON((0 0,1 0,1 1,0 0))'")
WORDS: Final = st.sampled_from([*VOCABULARY.split(), *SHAPES])
FILTER_TEXTS: Final = st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=40)


@pytest.mark.usefixtures("configured")
async def test_any_text_of_a_filter_or_an_order_is_answered_with_200_or_400(database: str, conn: Connection) -> None:
    async with filled(database, conn) as http:
        told: list[tuple[str, str, str]] = []

        @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
        @given(
            collection=st.sampled_from(
                ["Things", "Locations", "Datastreams", "Datastreams('st-my-thanh:do')/Observations"]
            ),
            option=st.sampled_from(["$filter", "$filter", "$orderby", "$expand", "$select"]),
            text=FILTER_TEXTS,
        )
        def gather(collection: str, option: str, text: str) -> None:
            told.append((collection, option, text))

        gather()
        for collection, option, text in told:
            answer = await http.get(f"{ROOT}/{collection}?{quote(option)}={quote(text, errors='replace')}")
            assert answer.status_code in (200, 400, 429), (option, text, answer.text)
