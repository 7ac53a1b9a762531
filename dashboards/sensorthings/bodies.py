"""How entities look in JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from dashboards.sensorthings.model import Entity
from dashboards.sensorthings.options import QueryOptions

Row = Mapping[str, Any]
OM: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
UCUM: Final = "ucum:"
GEOJSON: Final = "application/geo+json"
QARTOD: Final = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing"}


def self_link(base: str, entity: Entity, key: str) -> str:
    """Return the address of an entity; `base` is that of the service, without a slash at its end."""
    escaped = key.replace("'", "''")
    return f"{base}/{entity.collection}('{quote(escaped, safe=chr(58) + chr(39))}')"


def body_of(entity: Entity, row: Row, options: QueryOptions, base: str) -> dict[str, Any]:
    """Return an entity with what is selected of it, and links to what is not expanded."""
    link = self_link(base, entity, row["id"])
    whole: dict[str, Any] = {"@iot.id": row["id"], "@iot.selfLink": link, **_BODIES[entity.collection](row, base)}
    expanded = {each.name for each in options.expand}
    names = set(options.select)
    found = {
        name: value
        for name, value in whole.items()
        if not names or name in names or (name == "@iot.id" and "id" in names)
    }
    for name in entity.navigations:
        if name not in expanded and (not names or name in names):
            found[f"{name}@iot.navigationLink"] = f"{link}/{name}"
    return found


def written(time: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds or finer where it has them."""
    text = time.isoformat(timespec="auto" if time.microsecond % 1000 else "milliseconds")
    return text.replace("+00:00", "Z")


def _point(row: Row) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}


def _station(row: Row) -> dict[str, Any]:
    return {"station": row["station"], "name_en": row["name_en"]}


def _thing(row: Row, base: str) -> dict[str, Any]:
    del base
    last = row["last_message_at"]
    properties = {
        **_station(row), "tags": row["tags"], "in_service": written(row["in_service"]), "online": row["online"],
        "last_message_at": None if last is None else written(last),
    }  # fmt: skip
    return {"name": row["name"], "description": row["description"], "properties": properties}


def _location(row: Row, base: str) -> dict[str, Any]:
    del base
    return {
        "name": row["name"], "description": row["description"], "encodingType": GEOJSON, "location": _point(row),
        "properties": _station(row),
    }  # fmt: skip


def _feature(row: Row, base: str) -> dict[str, Any]:
    found = _location(row, base)
    return {**found, "feature": found.pop("location")}


def _historical_location(row: Row, base: str) -> dict[str, Any]:
    del base
    return {"time": written(row["in_service"])}


def _datastream(row: Row, base: str) -> dict[str, Any]:
    del base
    unit = row["unit"]
    return {
        "name": row["name"], "description": row["description"], "observationType": OM,
        "unitOfMeasurement": {"name": unit, "symbol": row["symbol"], "definition": UCUM + unit},
        "properties": {
            "station": row["station"], "channel": row["channel"], "parameter": row["parameter"],
            "interval_s": row["interval_s"], "kind": row["kind"], "derived": row["derived"],
        },
    }  # fmt: skip


def site_of(base: str) -> str:
    """Return the address of the console's pages, from that of this API."""
    return base.removesuffix("/sensorthings/v1.1")


def _sensor(row: Row, base: str) -> dict[str, Any]:
    page = f"{site_of(base)}/stations/{row['station']}/equipment"
    return {
        "name": row["name"], "description": row["description"], "encodingType": "text/html", "metadata": page,
        "properties": {"station": row["station"], "device": row["device"]},
    }  # fmt: skip


def _observed_property(row: Row, base: str) -> dict[str, Any]:
    del base
    return {"name": row["name"], "definition": row["definition"], "description": row["description"]}


def _observation(row: Row, base: str) -> dict[str, Any]:
    """Return a reading: made when its slot had ended, of the whole slot; one of a state is of its moment."""
    del base
    time, quality = row["time"], row["quality"]
    begin = time - timedelta(seconds=row["interval_s"])
    covered = written(time) if row["kind"] == "last" else f"{written(begin)}/{written(time)}"
    return {
        "phenomenonTime": covered, "resultTime": written(time), "result": row["value"],
        "resultQuality": {
            "nameOfMeasure": "QARTOD primary flag", "DQ_Result": {"code": quality, "value": QARTOD[quality]},
        },
        "validTime": None,
        "parameters": {"state": row["state"], "stage": row["stage"], "raw_value": row["raw_value"]},
    }  # fmt: skip


_BODIES: Final[dict[str, Callable[[Row, str], dict[str, Any]]]] = {
    "Things": _thing, "Locations": _location, "HistoricalLocations": _historical_location, "Datastreams": _datastream,
    "Sensors": _sensor, "ObservedProperties": _observed_property, "Observations": _observation,
    "FeaturesOfInterest": _feature,
}  # fmt: skip
