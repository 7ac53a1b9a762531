"""A resolved station travels as JSON and arrives as what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.config.devices import PROTOCOLS
from quantrac.config.loader import load_network
from quantrac.config.profiles import StateTable
from quantrac.config.station_json import BadStation, config_hash, dumps, loads
from quantrac.config.stations import Adjust, Device, Station
from quantrac.telemetry.states import State

ROOT = Path(__file__).parents[3] / "station_configs"
NETWORK = load_network(ROOT, prove=lambda *_: None)
STATIONS = [*NETWORK.stations.values(), *load_network(ROOT, "demo").stations.values()]


@pytest.mark.parametrize("station", STATIONS, ids=lambda station: station.station)
def test_every_shipped_station_arrives_as_it_left(station: Station) -> None:
    arrived = loads(dumps(station))
    assert arrived.model_dump() == station.model_dump()
    assert config_hash(arrived) == arrived.config_hash == station.config_hash
    assert loads(dumps(arrived)) == arrived  # golden exchanges stay at home, the rest is equal object by object


@pytest.mark.parametrize("profile", NETWORK.profiles.values(), ids=lambda profile: profile.device)
def test_every_shipped_profile_travels(profile: object) -> None:
    station = STATIONS[0]
    first = next(iter(station.devices.values()))
    kind = PROTOCOLS[profile.protocol].bus_kinds[0]  # type: ignore[attr-defined]
    device = first.model_copy(update={"profile": profile, "bus": first.bus.model_copy(update={"kind": kind})})
    changed = sealed(station, {first.name: device})
    arrived = loads(dumps(changed))
    assert arrived.model_dump() == changed.model_dump()
    for name, signal in profile.signals.items():  # type: ignore[attr-defined]
        assert arrived.devices[first.name].profile.signals[name] == signal


@given(
    st.sampled_from(STATIONS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(1, 10**9),
    st.text(max_size=30),
    st.floats(0.01, 1),
    st.dictionaries(st.integers(-(2**31), 2**31), st.sampled_from(State), max_size=3),
)
def test_any_values_survive(
    station: Station, number: float, ms: int, text: str, share: float, codes: dict[int, State]
) -> None:
    name, device = next(iter(station.devices.items()))
    key, channel = next(iter(device.channels.items()))
    adjust = Adjust(scale=number, offset=-number, by=text, why=text, begins_ms=ms)
    channels = {**device.channels, key: channel.model_copy(update={"adjust": adjust, "factor": number})}
    states = {"made_up": StateTable(codes=codes, bits=codes, other=State.CAL)}
    profile = device.profile.model_copy(update={"timeout_ms": ms, "notes": text, "states": states})
    update = {"channels": channels, "sample_ms": ms, "valid_share": share, "serial": text, "profile": profile}
    changed = sealed(station, {name: device.model_copy(update=update)})
    assert loads(dumps(changed)).model_dump() == changed.model_dump()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("backfill_rate", "fast", "station.backfill_rate: found 'fast', allowed a number"),
        ("backfill_rate", float("nan"), "station.backfill_rate: found nan, allowed a finite number"),
        ("tags", "water", "station.tags: found 'water', allowed a list"),
        ("in_service", 7, "station.in_service: found 7, allowed a time"),
        ("spool", {"keep_ms": 1}, "station.spool.size_bytes: found nothing"),
        ("name", {"vi": "Trạm", "en": "Station", "fr": "Station"}, "station.name.fr: found a key .*is the agent older"),
        ("extra", 1, "station.extra: found a key .*is the agent older"),
        ("devices.sonde.sample_ms", True, "station.devices.sonde.sample_ms: found true, allowed a whole number"),
        ("devices.sonde.channels.do.factor", "1", "channels.do.factor: found '1', allowed a number"),
        (
            "devices.sonde.profile.protocol",
            "x",
            "station.devices.sonde.profile: found protocol 'x', allowed 'modbus-rtu'",
        ),
        ("devices.sonde.profile.signals.do.at", "x", "signals.do.at: found 'x', allowed a whole number"),
        ("devices.sonde.profile.timeout", 5, "timeout: found 5, allowed a duration such as"),
        ("devices.sonde.bus.line", [19200, 8, "N"], "station.devices.sonde.bus.line"),
        ("backfill_rate", 51.0, "config_hash: found"),
        ("devices.sonde.profile.signals.do.scale", 2.0, "config_hash: found"),
    ],
)
def test_what_is_no_station_is_refused_with_its_place(key: str, value: object, said: str) -> None:
    tree = here = json.loads(dumps(NETWORK.stations["st-my-thanh"]))
    *way, last = key.split(".")
    for step in way:
        here = here[step]
    here[last] = value
    with pytest.raises(BadStation, match=said):
        loads(json.dumps(tree))


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", "null"])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(BadStation):
        loads(text)


def sealed(station: Station, devices: dict[str, Device]) -> Station:
    changed = station.model_copy(update={"devices": {**station.devices, **devices}})
    return changed.model_copy(update={"config_hash": config_hash(changed)})
