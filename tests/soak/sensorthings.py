"""Asks a running SensorThings service the reading cases of the OGC's suite (ets-sta10, levels 1 and 3), one by one.

    python -m tests.soak.sensorthings http://127.0.0.1:8080/sensorthings/v1.1 [TOKEN]

Prints what each case found; exit code 1 if one does not hold. Each entity must have something to show: a service
without observations fails. Minutes of requests; nothing is written.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import httpx

PROPERTIES: Final = {
    "Things": ("name", "description"), "Locations": ("name", "description", "encodingType", "location"),
    "HistoricalLocations": ("time",),
    "Datastreams": ("name", "description", "unitOfMeasurement", "observationType"),
    "Sensors": ("name", "description", "encodingType", "metadata"),
    "ObservedProperties": ("name", "definition", "description"),
    "Observations": ("phenomenonTime", "result", "resultTime"),
    "FeaturesOfInterest": ("name", "description", "encodingType", "feature"),
}  # fmt: skip
WAYS: Final = {
    "Things": ("Datastreams", "HistoricalLocations", "Locations"), "Locations": ("HistoricalLocations", "Things"),
    "HistoricalLocations": ("Thing", "Locations"),
    "Datastreams": ("Thing", "Sensor", "ObservedProperty", "Observations"), "Sensors": ("Datastreams",),
    "ObservedProperties": ("Datastreams",), "Observations": ("Datastream", "FeatureOfInterest"),
    "FeaturesOfInterest": ("Observations",),
}  # fmt: skip
MANY: Final = {
    "Thing": "Things", "Sensor": "Sensors", "ObservedProperty": "ObservedProperties", "Datastream": "Datastreams",
    "FeatureOfInterest": "FeaturesOfInterest",
}  # fmt: skip
OBJECTS: Final = ("location", "feature", "unitOfMeasurement")
DEEPEST: Final = 4


class Suite:
    """The cases, and what each found."""

    def __init__(self, http: httpx.Client, root: str) -> None:
        self._http, self._root = http, root
        self.asked: Counter[str] = Counter()
        self.failed: dict[str, list[str]] = {}
        self._first: dict[str, str] = {}

    def hold(self, case: str, holds: bool, about: str) -> None:
        """Count a finding of a case."""
        self.asked[case] += 1
        if not holds:
            self.failed.setdefault(case, []).append(about[:200])

    def get(self, case: str, path: str) -> Any:
        """Return what a path answers, None where it is not 200."""
        answer = self._http.get(path if path.startswith("http") else f"{self._root}{path}")
        self.hold(case, answer.status_code == 200, f"{answer.status_code} {path} {answer.text[:100]}")
        return answer.json() if answer.status_code == 200 else None

    def run(self) -> None:
        """Ask all of them."""
        for entity in PROPERTIES:
            self._entities(entity)
        for entity in PROPERTIES:
            self._walk(f"/{entity}", entity, many=True, depth=1)
            for path, target, many in self._places(entity):
                self._select_and_expand(path, target, many=many)
                if many:
                    self._cut_and_order(path, target)
                    self._filter(path, target)
        several = "$count=true&$top=1&$skip=2&$orderby=phenomenonTime asc&$filter=result gt '-1000'"
        found = self.get("priority of options", f"/Observations?{several}")
        self.hold("priority of options", bool(found) and len(found["value"]) == 1 < found["@iot.count"], several)

    def _entities(self, entity: str) -> None:
        found = self.get("entities", f"/{entity}")["value"]
        self._first[entity] = found[0]["@iot.id"] if found else "none"
        wanted = {
            "@iot.id",
            "@iot.selfLink",
            *PROPERTIES[entity],
            *(f"{way}@iot.navigationLink" for way in WAYS[entity]),
        }
        self.hold("entities", bool(found) and all(wanted <= one.keys() for one in found), entity)
        status = self._http.get(f"{self._root}/{entity}('9223372036854775807')").status_code
        self.hold("nonexistent entity", status == 404, f"{entity} {status}")
        one = f"/{entity}('{self._first[entity]}')"
        for name in PROPERTIES[entity]:
            self.hold("properties", list(self.get("properties", f"{one}/{name}") or ()) == [name], f"{one}/{name}")
            value = self._http.get(f"{self._root}{one}/{name}/$value").text
            self.hold("properties", value.startswith("{") == (name in OBJECTS), f"{one}/{name}/$value")

    def _walk(self, path: str, entity: str, *, many: bool, depth: int) -> None:
        found, case = self.get("resource path", path), "resource path"
        links = self.get(case, f"{path}/$ref")
        if not found or not links or (many and not found["value"]):
            self.hold(case, False, f"{path} shows nothing")
            return
        self.hold(case, all(one.keys() == {"@iot.selfLink"} for one in (links["value"] if many else [links])), path)
        following = f"{path}('{found['value'][0]['@iot.id']}')" if many else path
        for way in WAYS[entity] if depth < DEEPEST else ():
            self._walk(f"{following}/{way}", MANY.get(way, way), many=way not in MANY, depth=depth + 1)

    def _places(self, entity: str) -> Iterator[tuple[str, str, bool]]:
        yield f"/{entity}", entity, True
        for way in WAYS[entity]:
            yield f"/{entity}('{self._first[entity]}')/{way}", MANY.get(way, way), way not in MANY

    def _select_and_expand(self, path: str, entity: str, *, many: bool) -> None:
        for chosen in _alone_and_added(PROPERTIES[entity]):
            found = self.get("$select", f"{path}?$select={','.join(chosen)}") or {}
            rows = found.get("value", []) if many else [found]
            self.hold("$select", all({*row} == {*chosen} for row in rows), f"{path} {chosen}")
        deeper = tuple(f"{way}/{next_}" for way in WAYS[entity] for next_ in WAYS[MANY.get(way, way)])
        for chosen in (*_alone_and_added(WAYS[entity]), *_alone_and_added(deeper)):
            found = self.get("$expand", f"{path}?$expand={','.join(chosen)}{'&$top=5' if many else ''}") or {}
            for row in (found.get("value", []) if many else [found])[:2]:
                self.hold("$expand", all(_is_open(row, each.split("/")) for each in chosen), f"{path} {chosen}")

    def _cut_and_order(self, path: str, entity: str) -> None:
        every = self.get("$count", f"{path}?$count=true&$top=1000")
        rows, total = every["value"], every["@iot.count"]
        self.hold("$count", len(rows) == min(total, 1000), path)
        self.hold("$count", "@iot.count" not in self.get("$count", f"{path}?$count=false"), path)
        for number in (1, 2, 3, 4, 5, 12, 13):
            page = self.get("$top", f"{path}?$top={number}")
            self.hold("$top", len(page["value"]) == min(number, total), f"{path} {number}")
            self.hold("$top", ("@iot.nextLink" in page) == (total > number), f"{path} {number} nextLink")
            if "@iot.nextLink" in page:
                behind = self.get("$top", page["@iot.nextLink"])["value"]
                self.hold("$top", behind[:1] == rows[number : number + 1], f"{path} {number} next page")
            skipped = self.get("$skip", f"{path}?$skip={number}")["value"]
            self.hold("$skip", skipped == rows[number : number + len(skipped)], f"{path} {number}")
        ordered = tuple(name for name in PROPERTIES[entity] if name != "unitOfMeasurement")
        for chosen in _alone_and_added(ordered):
            for way in ("", " asc", " desc"):
                found = self.get("$orderby", f"{path}?$orderby={','.join(name + way for name in chosen)}")
                values = [row[chosen[0]] for row in (found or {"value": []})["value"]]
                comparable = chosen[0] in ("result", "resultTime", "time")
                known = [each for each in values if each is not None] if comparable else []
                self.hold("$orderby", known == sorted(known, reverse=way == " desc"), f"{path} {chosen}{way}")

    def _filter(self, path: str, entity: str) -> None:
        rows = self.get("$filter", path)["value"]
        for name in PROPERTIES[entity]:
            if not rows or name in OBJECTS:
                continue
            value = rows[len(rows) // 2][name]
            is_text = isinstance(value, str) and not name.lower().endswith("time")
            said = quote(f"'{value}'") if is_text or name == "result" else str(value).rpartition("/")[2]
            asked = {sign: f"{path}?$count=true&$top=1&$filter={name} {sign} {said}" for sign in _SIGNS}
            count = {
                sign: (self.get("$filter", each) or {"@iot.count": -1})["@iot.count"] for sign, each in asked.items()
            }
            adds_up = count["lt"] + count["eq"] == count["le"] and count["gt"] + count["eq"] == count["ge"]
            self.hold("$filter", adds_up and count["eq"] >= 1, f"{path} {name} {said} {count}")


_SIGNS: Final = ("lt", "le", "eq", "ne", "ge", "gt")


def _alone_and_added(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return each alone, then the first two, three and so on."""
    return [*((name,) for name in names), *(names[:count] for count in range(2, len(names) + 1))]


def _is_open(row: dict[str, Any], parts: list[str]) -> bool:
    if parts[0] not in row:
        return False
    within = row[parts[0]]
    some = within[:1] if isinstance(within, list) else [within]
    return len(parts) == 1 or all(_is_open(one, parts[1:]) for one in some)


def main() -> None:
    """Ask the service whose address is the first word, with the token that is the second."""
    root, *token = sys.argv[1:]
    headers = {"Authorization": f"Bearer {token[0]}"} if token else {}
    with httpx.Client(headers=headers, timeout=120) as http:
        suite = Suite(http, root.rstrip("/"))
        suite.run()
    for case, count in suite.asked.items():
        wrong = suite.failed.get(case, [])
        print(f"{case}: {count} findings, {len(wrong)} do not hold", *wrong[:5], sep="\n  ")
    sys.exit(bool(suite.failed))


if __name__ == "__main__":
    main()
