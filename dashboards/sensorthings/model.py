"""The eight entities: their properties with type and SQL, and how they lead to one another.

Each entity is a relation over the public views, of what whoever asks may read (`%(within)s`). Its properties are
columns of it; what texts of the catalogue are needed comes with the statement (`%(parameters)s` and others beside it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from quantrac.telemetry.parameters import CATALOGUE

Kind = Literal["text", "number", "truth", "instant", "date", "clock", "duration", "shape", "null"]


class Property(NamedTuple):
    """What filters and orders may name."""

    kind: Kind
    sql: str
    """Of the relation `{e}`."""


class Navigation(NamedTuple):
    """How an entity leads to another."""

    target: str
    """Name of the target's collection."""
    own: str
    """Column whose value …"""
    theirs: str
    """… the target has in this column."""
    is_many: bool


@dataclass(frozen=True)
class Entity:
    """An entity type."""

    collection: str
    relation: str
    """A statement; `{{e}}` of its properties is an alias for it."""
    properties: Mapping[str, Property]
    """By path, as filters write it."""
    names: tuple[str, ...]
    """Of the properties as a body has them, in order, without `id`."""
    navigations: Mapping[str, Navigation] = field(default_factory=dict)


_WITHIN: Final = "(%(within)s::text[] is null or s.station = any(%(within)s))"
_STATIONS: Final = f"""
select s.station as id, s.station, s.name, 'Automatic monitoring station ' || s.name_en as description, s.name_en,
       s.latitude, s.longitude, s.tags, s.in_service, s.online, s.last_message_at
from v_station s where {_WITHIN}
"""
_CATALOGUE: Final = """
unnest(%(parameters)s::text[], %(titles)s::text[], %(titles_vi)s::text[], %(labels)s::text[])
  as p (parameter, title, title_vi, label)
"""
_DATASTREAMS: Final = f"""
select replace(c.channel, '/', ':') as id, c.channel, c.station, c.parameter,
       s.station || ':' || coalesce(c.device, case when c.derived then 'centre' else 'agent' end) as sensor,
       coalesce(p.title, c.parameter) || ', ' || s.name as name,
       coalesce(p.title_vi, c.parameter) || ' (' || c.name || '), ' || s.name_en as description,
       c.unit, coalesce(nullif(p.label, ''), c.unit) as symbol, c.interval_s, c.kind, c.derived, c.device
from v_channel c join v_station s using (station) left join {_CATALOGUE} using (parameter)
where {_WITHIN}
"""
_SENSORS: Final = f"""
select distinct sensor as id, station, device, case when device is not null then device
       when derived then 'centre' else 'agent' end || ', ' || station as name,
       case when device is not null then 'Instrument ' || device || ' of station ' || station
       when derived then 'Values that the centre derives from measured ones'
       else 'What the agent says of the station itself' end as description
from ({_DATASTREAMS}) d
"""
_OBSERVED: Final = f"""
select distinct on (c.parameter) c.parameter as id, coalesce(p.title, c.parameter) as name,
       coalesce(p.title_vi, c.parameter) as description, 'urn:quantrac:parameter:' || c.parameter as definition
from v_channel c join v_station s using (station) left join {_CATALOGUE} using (parameter)
where {_WITHIN} order by c.parameter
"""
OBSERVATIONS: Final = f"""
select d.id || ':' || (extract(epoch from r.time) * 1000000)::int8 as id, d.id as datastream, d.station, r.time,
       r.value, r.raw_value, r.state, r.quality, d.interval_s, d.kind
from ({_DATASTREAMS}) d cross join lateral {{readings}} r
"""
"""`{readings}` of the channel `d.channel`."""
EVERY_READING: Final = "(select * from v_reading r where r.channel = d.channel)"
PAGE_OF_READINGS: Final = "judged_readings(d.channel, %(low)s, %(high)s)"

_SHAPE: Final = "point({e}.longitude, {e}.latitude)"
_PLACE: Final = {
    "id": Property("text", "{e}.id"), "name": Property("text", "{e}.name"),
    "description": Property("text", "{e}.description"),
}  # fmt: skip
_STATION_OF: Final = {"properties/station": Property("text", "{e}.station")}

ENTITIES: Final[Mapping[str, Entity]] = {
    entity.collection: entity
    for entity in (
        Entity(
            "Things",
            _STATIONS,
            {
                **_PLACE, **_STATION_OF, "properties/online": Property("truth", "{e}.online"),
                "properties/name_en": Property("text", "{e}.name_en"),
                "properties/in_service": Property("instant", "{e}.in_service"),
                "properties/last_message_at": Property("instant", "{e}.last_message_at"),
            },
            ("name", "description", "properties"),
            {
                "Locations": Navigation("Locations", "id", "id", True),
                "HistoricalLocations": Navigation("HistoricalLocations", "id", "id", True),
                "Datastreams": Navigation("Datastreams", "id", "station", True),
            },
        ),
        Entity(
            "Locations",
            _STATIONS,
            {**_PLACE, **_STATION_OF, "encodingType": Property("text", "'application/geo+json'"),
             "location": Property("shape", _SHAPE)},
            ("name", "description", "encodingType", "location", "properties"),
            {
                "Things": Navigation("Things", "id", "id", True),
                "HistoricalLocations": Navigation("HistoricalLocations", "id", "id", True),
            },
        ),
        Entity(
            "HistoricalLocations",
            _STATIONS,
            {"id": Property("text", "{e}.id"), "time": Property("instant", "{e}.in_service")},
            ("time",),
            {
                "Thing": Navigation("Things", "id", "id", False),
                "Locations": Navigation("Locations", "id", "id", True),
            },
        ),
        Entity(
            "Datastreams",
            _DATASTREAMS,
            {
                **_PLACE, **_STATION_OF,
                "observationType": Property("text", "'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement'"),
                "unitOfMeasurement/name": Property("text", "{e}.unit"),
                "unitOfMeasurement/symbol": Property("text", "{e}.symbol"),
                "unitOfMeasurement/definition": Property("text", "'ucum:' || {e}.unit"),
                "properties/channel": Property("text", "{e}.channel"),
                "properties/parameter": Property("text", "{e}.parameter"),
                "properties/interval_s": Property("number", "{e}.interval_s"),
                "properties/derived": Property("truth", "{e}.derived"),
                "properties/kind": Property("text", "{e}.kind"),
            },
            ("name", "description", "observationType", "unitOfMeasurement", "properties"),
            {
                "Thing": Navigation("Things", "station", "id", False),
                "Sensor": Navigation("Sensors", "sensor", "id", False),
                "ObservedProperty": Navigation("ObservedProperties", "parameter", "id", False),
                "Observations": Navigation("Observations", "id", "datastream", True),
            },
        ),
        Entity(
            "Sensors",
            _SENSORS,
            {**_PLACE, **_STATION_OF, "encodingType": Property("text", "'text/html'"),
             "metadata": Property("text", "%(site)s::text || '/stations/' || {e}.station || '/equipment'"),
             "properties/device": Property("text", "{e}.device")},
            ("name", "description", "encodingType", "metadata", "properties"),
            {"Datastreams": Navigation("Datastreams", "id", "sensor", True)},
        ),
        Entity(
            "ObservedProperties",
            _OBSERVED,
            {**_PLACE, "definition": Property("text", "{e}.definition")},
            ("name", "definition", "description"),
            {"Datastreams": Navigation("Datastreams", "id", "parameter", True)},
        ),
        Entity(
            "Observations",
            OBSERVATIONS.format(readings=EVERY_READING),
            {
                "id": Property("text", "{e}.id"),
                "phenomenonTime": Property("instant", "{e}.time"),
                "resultTime": Property("instant", "{e}.time"),
                "result": Property("number", "{e}.value"),
                "resultQuality/DQ_Result/code": Property("number", "{e}.quality"),
                "parameters/state": Property("text", "{e}.state"),
                "parameters/raw_value": Property("number", "{e}.raw_value"),
            },
            ("phenomenonTime", "resultTime", "result", "resultQuality", "validTime", "parameters"),
            {
                "Datastream": Navigation("Datastreams", "datastream", "id", False),
                "FeatureOfInterest": Navigation("FeaturesOfInterest", "station", "id", False),
            },
        ),
        Entity(
            "FeaturesOfInterest",
            _STATIONS,
            {**_PLACE, **_STATION_OF, "encodingType": Property("text", "'application/geo+json'"),
             "feature": Property("shape", _SHAPE)},
            ("name", "description", "encodingType", "feature", "properties"),
            {"Observations": Navigation("Observations", "id", "station", True)},
        ),
    )
}  # fmt: skip
"""By the name of the collection."""


def catalogue() -> dict[str, list[str]]:
    """Return what the relations need of the catalogue, as values of a statement."""
    known = list(CATALOGUE.values())
    return {
        "parameters": [one.id for one in known], "titles": [one.title_en for one in known],
        "titles_vi": [one.title_vi for one in known], "labels": [one.label for one in known],
    }  # fmt: skip
