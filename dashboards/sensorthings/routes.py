"""The routes of SensorThings: one for all paths, since the standard's paths are as deep as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg
from fastapi import Depends, FastAPI, Request, Response

from dashboards.api.answers import BadQuery, NotHere, answer
from dashboards.api.rate import RateBound
from dashboards.api.routes import ApiUser, Reading, bounded_by
from dashboards.sensorthings.bodies import body_of, self_link
from dashboards.sensorthings.model import ENTITIES
from dashboards.sensorthings.options import BadOption, QueryOptions, read_options
from dashboards.sensorthings.reader import EntityReader
from dashboards.sensorthings.resource_path import ResourcePath, read_path

ROOT: Final = "/sensorthings/v1.1"
_SPEC: Final = "http://www.opengis.net/spec/iot_sensing/1.1/req"
CONFORMANCE: Final = [
    *(
        f"{_SPEC}/datamodel/{name}/{part}"
        for name in ("thing", "location", "historical-location", "datastream", "sensor", "observed-property",
                     "observation", "feature-of-interest")
        for part in ("properties", "relations")
    ),
    f"{_SPEC}/resource-path/resource-path-to-entities",
    *(
        f"{_SPEC}/request-data/{name}"
        for name in ("status-code", "query-status-code", "order", "expand", "select", "orderby", "top", "skip", "count",
                     "filter", "built-in-filter-operations", "built-in-query-functions", "pagination")
    ),
]  # fmt: skip
"""The requirements that hold, by the names of the standard (OGC 18-088)."""


def add_sensorthings(app: FastAPI, read: Reading, may_read: Any, bound: RateBound) -> None:
    """Add the routes; `may_read` is the dependency that gives who asks (a ApiUser)."""
    bounds = [Depends(bounded_by(may_read, bound))]

    @app.get(ROOT, dependencies=bounds)
    def root(request: Request, by: ApiUser = may_read) -> Response:
        """The collections, and what of the standard holds."""
        del by
        base = _base(request)
        value = [{"name": name, "url": f"{base}/{name}"} for name in ENTITIES]
        return _json(request, {"value": value, "serverSettings": {"conformance": CONFORMANCE}})

    @app.get(ROOT + "/{path:path}", dependencies=bounds)
    def resource(request: Request, path: str, by: ApiUser = may_read) -> Response:
        """Whatever a path names: a collection, an entity, a property, links."""
        named = read_path(path)
        if named is None:
            raise NotHere(f"{ROOT}/{path[:200]}: found nothing of this name")
        if not named.steps:
            return root(request, by)
        try:
            with read() as conn:
                return _answered(request, named, EntityReader(conn, by.stations, _base(request)))
        except BadOption as error:
            raise BadQuery(str(error)) from None
        except psycopg.DataError as error:
            raise BadQuery(f"$filter, $orderby: found what cannot be computed: {error.diag.message_primary}") from None


def _answered(request: Request, named: ResourcePath, reader: EntityReader) -> Response:
    step, given = named.steps[-1], request.query_params.multi_items()
    options = read_options(step.entity, given)
    link = reader.walk(named.steps)
    base = _base(request)
    if step.is_one:
        row = None if link is None else reader.one(step, link)
        if row is None:
            raise NotHere(f"{request.url.path}: found no such entity")
        if named.is_links:
            return _json(request, {"@iot.selfLink": self_link(base, step.entity, row["id"])})
        if named.property:
            return _property(request, named, body_of(step.entity, row, QueryOptions(), base))
        return _json(request, reader.body(step.entity, row, options))
    if link is None:
        raise NotHere(f"{request.url.path}: found no such entity on the way")
    address = base + request.url.path.removeprefix(ROOT)
    page = reader.page(step.entity, link, options, address, given)
    if named.is_links:
        page["value"] = [{"@iot.selfLink": self_link(base, step.entity, each["@iot.id"])} for each in page["value"]]
    return _json(request, page)


def _property(request: Request, named: ResourcePath, body: dict[str, Any]) -> Response:
    found: Any = body["@iot.id"] if named.property == ("id",) else body
    for name in named.property if named.property != ("id",) else ():
        if not isinstance(found, dict) or name not in found:
            raise NotHere(f"{request.url.path}: found no such property")
        found = found[name]
    if found is None:
        return Response(status_code=204)
    if not named.is_value:
        return _json(request, {named.property[-1]: found})
    text = found.encode() if isinstance(found, str) else msgspec.json.encode(found)
    return answer(request, text, "text/plain; charset=utf-8")


def _json(request: Request, body: dict[str, Any] | Sequence[Any]) -> Response:
    return answer(request, msgspec.json.encode(body), "application/json")


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + ROOT
