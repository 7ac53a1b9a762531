"""JSON schemas of the configuration files, for editors that complete and check while one types."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from quantrac.config.bus_places import Wiring
from quantrac.config.devices import AnyProfile
from quantrac.config.network import NetworkFile
from quantrac.config.rule_files import RulesFile
from quantrac.config.station_files import StationFile

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


SCHEMAS: Final[dict[str, Any]] = {
    "station": StationFile,
    "device": Annotated[AnyProfile, Field(discriminator="protocol")],
    "rules": RulesFile,
    "network": NetworkFile,
    "wiring": Wiring,
}
"""Kinds of file and their models."""


class _AsWritten(GenerateJsonSchema):
    """Shows a default that is a member of an enumeration as the word that files have for it."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, tuple):
            return [self.encode_default(member) for member in dft]
        return dft.name.lower() if isinstance(dft, IntEnum) else super().encode_default(dft)


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a kind of file; raises KeyError."""
    schema = TypeAdapter(SCHEMAS[kind]).json_schema(schema_generator=_AsWritten)
    if kind == "device":
        # What a signal lacks may stand under `defaults`, so an editor must not miss it there.
        for name, definition in schema["$defs"].items():
            if name.endswith(("Signal", "WordCheck", "ModbusStatus")):
                definition.pop("required", None)
    return {"$schema": DRAFT, **schema}
