"""A resolved station as JSON: its canonical form, the hash over it, and the way back.

`loads(dumps(station))` has the same content and the same hash. A station that travels is not checked again against
files, which stay at home: its form is, key by key, against the models, and its content against the hash that it
carries. Golden exchanges and what the centre alone needs stay at home, too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from quantrac.config.stations import Station
from quantrac.config.validation import message_of
from quantrac.telemetry.errors import QuantracError


class BadStation(QuantracError):
    """The text is no resolved station."""

    exit_code = 2


def content(station: Station) -> dict[str, Any]:
    """Return the station as values of JSON; profiles as their files have them."""
    return station.model_dump(mode="json", by_alias=True)


def dumps(station: Station) -> str:
    """Return the station as JSON, in canonical form: keys sorted, no spaces."""
    return _canonical(content(station))


def loads(text: str | bytes) -> Station:
    """Return the station of a JSON text; raises BadStation: not JSON, of another form, or not what its hash says."""
    try:
        station = Station.model_validate_json(text)
    except ValidationError as error:
        raise BadStation(_refusal(error.errors(include_url=False)[0])) from error
    found = config_hash(station)
    if found != station.config_hash:
        raise BadStation(f"config_hash: found {station.config_hash[:12]}…, the content has {found[:12]}…")
    return station


def config_hash(station: Station) -> str:
    """Return the sha256 (hex) of a station's canonical form without the hash."""
    values = content(station)
    del values["config_hash"]
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


def _refusal(error: ErrorDetails) -> str:
    place = ".".join(("station", *map(str, error["loc"])))
    match error["type"]:
        case "json_invalid":
            return f"{place}: found no JSON ({error['ctx']['error']})"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{place}: found a key that this version does not know, allowed none (is the agent older?)"
        case "union_tag_invalid":
            return f"{place}: found protocol {error['ctx']['tag']!r}, allowed {error['ctx']['expected_tags']}"
        case "missing":
            return f"{place}: found nothing, allowed a value"
    return f"{place}: {message_of(error, error['input'])}"


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
