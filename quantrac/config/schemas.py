"""JSON schemas of the configuration files, for editors that complete and check while one types."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from quantrac.config.bus_places import Wiring
from quantrac.config.devices import AnyProfile
from quantrac.config.limits import LimitsFile
from quantrac.config.network import NetworkFile
from quantrac.config.rule_files import RulesFile
from quantrac.config.station_files import StationFile

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


SCHEMAS: Final[dict[str, Any]] = {
    "station": StationFile,
    "device": Annotated[AnyProfile, Field(discriminator="protocol")],
    "rules": RulesFile,
    "limits": LimitsFile,
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


WRITTEN: Final = ("station", "device", "rules", "limits", "network")
"""Kinds that a folder of configuration holds; an overlay holds all but devices."""


def write_schemas(root: Path) -> list[Path]:
    """Write into `schemas/` of a configuration what its files name as their schema; returns the files.

    A station's knows the profiles that stand in `devices/`. Those of an overlay ask for no key: it says what differs.
    """
    profiles = sorted(file.stem for file in (root / "devices").glob("*.yaml"))
    folder = root / "schemas"
    folder.mkdir(exist_ok=True)
    written = []
    for kind in WRITTEN:
        schema = json_schema(kind)
        if kind == "station":
            schema["$defs"]["DeviceSpec"]["properties"]["profile"] = {"enum": profiles, "title": "Profile"}
        for name, text in ((kind, schema), (f"overlay-{kind}", _without_required(schema))):
            if name != "overlay-device":
                written.append(folder / f"{name}.json")
                written[-1].write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    return written


def _without_required(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_required(value) for key, value in schema.items() if key != "required"}
    return [_without_required(one) for one in schema] if isinstance(schema, list) else schema


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a kind of file; raises KeyError."""
    schema = TypeAdapter(SCHEMAS[kind]).json_schema(schema_generator=_AsWritten)
    if kind == "device":
        # What a signal lacks may stand under `defaults`, so an editor must not miss it there.
        for name, definition in schema["$defs"].items():
            if name.endswith(("Signal", "WordCheck", "ModbusStatus")):
                definition.pop("required", None)
    return {"$schema": DRAFT, **schema}
