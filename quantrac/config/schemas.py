"""JSON schemas of the configuration files, for editors that complete and check while one types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from quantrac.config.bus_places import Wiring
from quantrac.config.devices import AnyProfile
from quantrac.config.network import NetworkFile
from quantrac.config.rule_files import RulesFile
from quantrac.config.station_files import StationFile

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def _device() -> dict[str, Any]:
    schema = TypeAdapter(Annotated[AnyProfile, Field(discriminator="protocol")]).json_schema()
    # What a signal lacks may stand under `defaults`, so an editor must not miss it there.
    for name, definition in schema["$defs"].items():
        if name.endswith(("Signal", "WordCheck", "ModbusStatus")):
            definition.pop("required", None)
    return schema


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "station": StationFile.model_json_schema,
    "device": _device,
    "rules": RulesFile.model_json_schema,
    "network": NetworkFile.model_json_schema,
    "wiring": Wiring.model_json_schema,
}
"""Kinds of file and what makes their schema."""


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a kind of file; raises KeyError."""
    return {"$schema": DRAFT, **SCHEMAS[kind]()}
