"""Whatever is asked of any route by anybody: an answer that the application meant, never a failure.

The requests are made from the OpenAPI description that FastAPI makes of the routes: half of them as it is described,
half of them not. `./dev soak --http` asks for longer, each round something else.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.telling.links import Links
from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.hub import Hub
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.snapshot import NetworkNow, read_snapshot
from dashboards.console.texts import Language, texts
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, open_pool
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures import bad_past
from tests.fixtures.console import CONFIGS, LIMITS, session_of, with_session
from tests.fixtures.timing import quickest
from tests.integration.console.test_admission import NOW, PLACES

Schema = Mapping[str, Any]

EXAMPLES: Final = {"same": 5, "new": 60}
"""Requests to each route, in the suite and in a round of the long run."""
SLOWEST_S: Final = 2.0
"""Of any answer, in the long run."""
NOT_ASKED: Final = {("get", "/api/stream"), ("post", "/api/sign-out")}
"""One never ends, the other ends the session; both have tests of their own."""
STRANGE: Final = (
    "", " ", "0", "-1", "1", "24", "8760", "1e300", "NaN", "-Infinity", "9" * 400, "2026-11-24", "2026-02-30",
    "0001-01-01", "9999-12-31", "2026-11", "0000-13", "2026-11-23T00:00:00Z", "2026-11-24T03:00:00+07:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-24T02:50", bad_past.STATION, bad_past.CHANNEL,
    "do", "all", "\u202e", "\x07", "%", "%s{0}", "'\"<b>", "../../etc", "ơ" * 3000, "\ud7ff\U0010ffff",
)  # fmt: skip
"""What somebody may write into an address."""
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")
ANYTHING: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(STRANGE)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


def integers(schema: Schema) -> st.SearchStrategy[int]:
    """Return integers within the bounds of a schema, those at the bounds, and a few beyond."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", -(2**63)))
    most = schema.get("maximum", schema.get("exclusiveMaximum", 2**63))
    return st.integers(least, most) | st.sampled_from((least, least - 1, most, most + 1))


LEAVES: Final[Mapping[str, Callable[[Schema], st.SearchStrategy[Any]]]] = {
    "integer": integers,
    "number": lambda _: st.floats() | st.sampled_from((0, -1, 0.5, 8760, 1e300)),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    "string": lambda schema: (
        st.sampled_from((*STRANGE, "\ud800")) | st.text(max_size=min(schema.get("maxLength", 40), 40))
    ),
    "object": lambda _: st.dictionaries(st.text(max_size=8), ANYTHING, max_size=3),
}
"""Values of a type that has no parts."""


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: bytes | None
    by: str
    """Who sends it: a key of the sessions."""

    @property
    def address(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class Described:
    """What the application says of its own requests and answers, as OpenAPI has it."""

    def __init__(self, app: FastAPI) -> None:
        app.openapi_url = "/openapi.json"  # without one FastAPI describes nothing; no route is made of it here
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # each HEAD has the name of its GET
            self._whole = app.openapi()

    def operations(self) -> Iterator[tuple[str, str, Schema]]:
        for path, methods in self._whole["paths"].items():
            for method, operation in methods.items():
                if method != "head" and (method, path) not in NOT_ASKED:
                    yield method, path, operation

    def requests(self, method: str, path: str, operation: Schema) -> st.SearchStrategy[Asked]:
        """Return requests of every kind to one route."""
        parameters = operation.get("parameters", ())
        places = {one["name"]: self._place(one) for one in parameters if one["in"] == "path"}
        query = {one["name"]: self._words(one["schema"]) for one in parameters if one["in"] == "query"}
        return st.builds(
            Asked,
            st.just(method),
            st.fixed_dictionaries(places).map(lambda filled: path.format(**filled)),
            st.fixed_dictionaries({}, optional=query).map(lambda chosen: list(chosen.items())),
            st.none() if method == "get" else self._bodies(operation),
            st.sampled_from(("nobody", "viewer", "operator at one station", "administrator")),
        )

    def answers(self, operation: Schema, status: int) -> Schema | None:
        """Return the schema of a JSON answer where one is given that says anything."""
        found: Schema = operation["responses"].get(str(status), {}).get("content", {}).get("application/json", {})
        return self._resolved(found["schema"]) if found.get("schema") else None

    def _place(self, parameter: Schema) -> st.SearchStrategy[str]:
        known = st.just(PLACES.get(parameter["name"], "x"))
        words = (known | known | self._words(parameter["schema"])).filter(lambda word: word not in ("", ".", ".."))
        return words.map(lambda word: quote(word, safe=""))

    def _words(self, schema: Schema) -> st.SearchStrategy[str]:
        return self._values(schema).map(lambda value: str(value).encode(errors="replace").decode())

    def _bodies(self, operation: Schema) -> st.SearchStrategy[bytes]:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        meant = self._values(content["schema"]) if content else st.just({})
        sent = (meant | meant | ANYTHING).map(lambda value: json.dumps(value).encode())
        return sent | st.sampled_from((b"", b"{", b"\xff", b"[" * 5000, b'{"reason": 1e999}'))

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        found: Schema = self._whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found

    def _values(self, given_schema: Schema) -> st.SearchStrategy[Any]:
        """Return values that a schema allows, most of them; a few that it does not."""
        schema = self._resolved(given_schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return st.one_of([self._values(one) for one in choices])
        if "enum" in schema or "const" in schema:
            return st.sampled_from([*schema.get("enum", [schema.get("const")]), "x"])
        if schema.get("type") == "array":
            return st.lists(self._values(schema.get("items", {})), max_size=4)
        if "properties" not in schema:
            leaves = LEAVES.get(schema.get("type", ""))
            return ANYTHING if leaves is None else leaves(schema)
        fields = {name: self._values(one) for name, one in schema["properties"].items()}
        needed = {name: fields.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=fields)


class Seen:
    """A watcher whose look was taken before."""

    def __init__(self, network: NetworkNow) -> None:
        self._network, self.zone = network, ZoneInfo(network.time_zone)

    def see(self) -> NetworkNow:
        return self._network

    def attend(self) -> None:
        """Nobody listens."""


class Away:
    """A pool whose database cannot be reached."""

    def connection(self) -> Connection:
        raise psycopg.OperationalError("connection refused")


def application(pool: Any, seen: NetworkNow, library: RuleLibrary | None = None) -> FastAPI:
    """Return the application with all of its routes but those of a provider, which others hold to the protocol."""
    watcher: Any = Seen(seen)
    rules, links = AdmissionRules(Role.ADMINISTRATOR, LIMITS), Links("http://console", "geheim")
    command: Any = lambda *_, **__: {"ok": True}  # noqa: E731
    console = Console(pool, Hub(), watcher, lambda: NOW, rules, links, command, library=lambda: library)
    return create_app(console, frozenset({"console"}))


class Client:
    """Asks an application, without a server between them: what fails in it is raised here."""

    def __init__(self, app: FastAPI) -> None:
        self._loop = asyncio.new_event_loop()
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console")

    def ask(self, asked: Asked, headers: Mapping[str, str]) -> httpx.Response:
        sent = {**headers, **({} if asked.body is None else {"Content-Type": "application/json"})}
        address = self._http.base_url.join(asked.address)
        return self._loop.run_until_complete(
            self._http.request(asked.method, address, content=asked.body, headers=sent)
        )

    def close(self) -> None:
        self._loop.run_until_complete(self._http.aclose())
        self._loop.close()


@contextmanager
def client(app: FastAPI) -> Iterator[Client]:
    found = Client(app)
    try:
        yield found
    finally:
        found.close()


def fits(value: Any, schema: Schema) -> bool:
    """Whether a value is of the type, and has the fields, that a schema names; the rest of a schema we give nowhere."""
    kinds = {"object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float)}
    kind = kinds.get(schema.get("type", ""), (object,))
    fields = value.keys() if isinstance(value, dict) else ()
    return isinstance(value, kind) and all(name in fields for name in schema.get("required", ()))


@pytest.mark.usefixtures("configured")
def test_no_request_of_anybody_makes_the_console_fail(
    database: str, conn: Connection, pytestconfig: pytest.Config
) -> None:
    laws = pytestconfig.getoption("--laws")
    bad_past.fill(conn, NOW)
    grants = {
        "viewer": RoleGrant(Role.VIEWER),
        "operator at one station": RoleGrant(Role.OPERATOR, frozenset({"st-tran-de"})),
        "administrator": RoleGrant(Role.ADMINISTRATOR),
    }
    headers: dict[str, dict[str, str]] = {"nobody": {}}
    headers |= {name: with_session(session_of(conn, name, NOW, grant)) for name, grant in grants.items()}
    with open_pool(database, "test http", timeout_s=30) as pool:
        app = application(pool, read_snapshot(conn, NOW), RuleLibrary.of(load_network(CONFIGS), NOW.date()))
        described = Described(app)
        with client(app) as http:

            def took_s(asked: Asked) -> float:
                began = time.monotonic()
                http.ask(asked, headers[asked.by])
                return time.monotonic() - began

            for method, path, operation in described.operations():

                @settings(max_examples=EXAMPLES[laws], suppress_health_check=list(HealthCheck))
                @given(asked=described.requests(method, path, operation))
                def law(asked: Asked) -> None:
                    began = time.monotonic()
                    answer = http.ask(asked, headers[asked.by])
                    assert answer.status_code < 500, answer.text
                    schema = described.answers(operation, answer.status_code)
                    if schema is not None and answer.headers.get("content-type") == "application/json":
                        assert fits(answer.json(), schema), answer.text
                    if laws == "new" and time.monotonic() - began > SLOWEST_S:
                        assert quickest(lambda: took_s(asked), SLOWEST_S) < SLOWEST_S

                law()


def test_every_route_answers_without_a_station_and_without_a_database(database: str, conn: Connection) -> None:
    empty = read_snapshot(conn, NOW)
    assert empty.stations == []
    with open_pool(database, "test http") as pool:
        app = application(pool, empty)
        paths = [path for method, path, _ in Described(app).operations() if method == "get"]
        with client(app) as here, client(application(Away(), empty)) as away:
            for path, lang in itertools.product(paths, LANGUAGES):
                asked = Asked("get", path.format(**PLACES), [("lang", lang)], None, "nobody")
                found, refused = here.ask(asked, {}), away.ask(asked, {})
                assert all(one.status_code < 500 or one.status_code == 503 for one in (found, refused)), asked.address
                if refused.status_code == 503 and not path.startswith(("/api/", "/sensorthings/")):
                    assert texts(lang)["not_ready"] in refused.text, asked.address
