"""Wiring files: the places of a station's buses on a bench; they replace nothing else.

A wiring file is no part of a station's configuration and does not enter its hash.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from quantrac.config.fields import Model, refused
from quantrac.config.stations import Bus, Station


def parse_port(value: object) -> int | str:
    """Return a device path, or a TCP port 1-65535."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    raise refused("a device path such as /dev/serial/by-id/…, or a TCP port 1-65535")


Port = Annotated[int | str, PlainValidator(parse_port), WithJsonSchema({"type": ["string", "integer"]})]


class BusPlace(Model):
    """Where one bus is: a serial port, or a host with a TCP port."""

    port: Port
    host: str | None = None

    @model_validator(mode="after")
    def _kind(self) -> BusPlace:
        if (self.host is None) != isinstance(self.port, str):
            raise refused("{port: /dev/…} or {host: name, port: number}")
        return self


class Wiring(Model):
    """The places of buses, by `<station>/<bus>`."""

    schema_: Literal["quantrac/wiring/1"] = Field(alias="schema")
    buses: dict[str, BusPlace] = Field(default_factory=dict)

    def wire(self, station: Station) -> Station:
        """Return the station with its buses at their places on this bench; buses that are not named stay."""
        buses = {name: self._moved(station.station, bus) for name, bus in station.buses.items()}
        devices = {
            name: device.model_copy(update={"bus": buses[device.bus.name]}) for name, device in station.devices.items()
        }
        return station.model_copy(update={"buses": buses, "devices": devices})

    def _moved(self, station: str, bus: Bus) -> Bus:
        place = self.buses.get(f"{station}/{bus.name}")
        if place is None:
            return bus
        if isinstance(place.port, str):
            return bus.model_copy(update={"port": place.port, "host": None, "tcp_port": None})
        return bus.model_copy(update={"port": None, "host": place.host, "tcp_port": place.port})


NO_WIRING = Wiring.model_validate({"schema": "quantrac/wiring/1"})
"""Every bus where its station file says."""


def load_wiring(path: Path | None) -> Wiring:
    """Read a wiring file, YAML or JSON; without one every bus stays where it is. Raises ConfigErrors."""
    from quantrac.config.documents import read_document
    from quantrac.config.findings import ConfigErrors, Findings, Problem
    from quantrac.config.validation import validate

    if path is None:
        return NO_WIRING
    findings = Findings()
    tree = read_document(path, path.name, findings)
    wiring: Any = validate(Wiring, tree, findings) if tree is not None else None
    findings.raise_if_any()
    if not isinstance(wiring, Wiring):
        raise ConfigErrors([Problem(path.name, 1, 1, "", "found an empty file, allowed a wiring file")])
    return wiring
