"""What a station file says otherwise about one instrument: registers, byte order, state tables, contacts, lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.modbus import ModbusProfile, ModbusSignal
from quantrac.config.network import Network
from quantrac.telemetry.states import State

DEVICES = Path(__file__).parents[3] / "station_configs" / "devices"


def network(root: Path, change: tuple[str, str], *profiles: str) -> Network:
    """Load the good network with one change in station st-a, and shipped profiles beside its own."""
    for profile in profiles:
        shutil.copy(DEVICES / f"{profile}.yaml", root / "devices")
    station = root / "stations" / "st-a.yaml"
    text = station.read_text()
    assert change[0] in text
    station.write_text(text.replace(*change))
    return load_network(root)


def test_one_register_is_elsewhere_and_everything_else_stays(root: Path) -> None:
    change = ("    address: 1\n", "    address: 1\n    signals: {do: {at: 40, order: CDAB}}\n")
    found = network(root, change)
    profile = found.stations["st-a"].devices["sonde"].profile
    assert isinstance(profile, ModbusProfile)
    do, shipped = profile.signals["do"], found.profiles["meter"].signals["do"]
    assert isinstance(found.profiles["meter"], ModbusProfile)
    assert (do.at, do.order, do.unit, do.range) == (40, "CDAB", "mg/L", (0, 20))
    assert isinstance(shipped, ModbusSignal)
    assert do.status == shipped.status, "what the profile says of status holds on"
    assert profile.signals["water_temp"] == found.profiles["meter"].signals["water_temp"]
    assert found.profiles["meter"].signals["do"].at == 0, "other stations are not touched"


def test_a_signal_that_the_profile_lacks_becomes_a_channel(root: Path) -> None:
    change = (
        "    channels:\n      do: {expect: [0.2, 14]}\n",
        '    signals: {ph: {at: 21, unit: "[pH]", range: [0, 14]}}\n    channels:\n      ph: {}\n      do: {}\n',
    )
    found = network(root, change)
    assert found.stations["st-a"].channel("ph").unit == "[pH]"


def test_an_override_enters_the_configuration_hash(root: Path) -> None:
    plain = load_network(root).stations["st-a"].config_hash
    change = ("    address: 1\n", "    address: 1\n    signals: {do: {scale: 1.01}}\n")
    assert network(root, change).stations["st-a"].config_hash != plain


def liquiline(extra: str) -> tuple[str, str]:
    return ("    profile: meter\n    bus: sondes\n", f"    profile: endress-hauser-liquiline\n    bus: sondes\n{extra}")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", {0: State.OK, 1: State.SUSPECT, 0x80: State.FAULT, 0x44: State.FAULT}),
        (
            "    signal_defaults: {status: {mask: 0xC0, table: status_pa}}\n",
            {0: State.FAULT, 1: State.FAULT, 0x80: State.OK, 0x44: State.SUSPECT},
        ),
    ],
    ids=["guideline", "profibus"],
)
def test_the_two_status_codings_of_liquiline_are_a_setting_of_the_device(
    root: Path, extra: str, expected: dict[int, State]
) -> None:
    profile = network(root, liquiline(extra), "endress-hauser-liquiline").stations["st-a"].devices["sonde"].profile
    assert isinstance(profile, ModbusProfile)
    (status,) = profile.signals["do"].status
    mask = status.mask or 0xFFFF
    for word, state in expected.items():
        assert profile.states[status.table].state_of((word & mask) // (mask & -mask)) is state


def test_a_table_can_stand_in_for_another(root: Path) -> None:
    change = liquiline("    tables: {status: status_pa}\n")
    profile = network(root, change, "endress-hauser-liquiline").stations["st-a"].devices["sonde"].profile
    assert profile.states["status"] == profile.states["status_pa"]


def test_a_talker_has_its_line_for_itself(root: Path) -> None:
    change = (
        "devices:\n",
        "  masts: {kind: ascii, port: /dev/ttyUSB7, line: 4800 8N1}\ndevices:\n"
        "  mast: {profile: nmea-weather, bus: masts, channels: {wind_speed: {}}}\n"
        '  other: {profile: vaisala-wxt536, bus: masts, address: "0", channels: {humidity: {}}}\n',
    )
    with pytest.raises(ConfigErrors, match=r"st-a\.yaml:12:\d+: devices\.mast\.bus: found a talker on bus 'masts'"):
        network(root, change, "nmea-weather", "vaisala-wxt536")


def test_an_instrument_that_stamps_hours_is_reported_by_the_hour(root: Path) -> None:
    change = (
        "devices:\n",
        "  dust: {kind: ascii, port: /dev/ttyUSB7, line: 9600 8N1}\ndevices:\n"
        "  bam: {profile: met-one-bam-1020, bus: dust, sample: 5m, report: 30m, channels: {pm2_5: {}}}\n",
    )
    says = r"devices\.bam\.report: found a report interval of 1800000 ms, allowed 3600000"
    with pytest.raises(ConfigErrors, match=says):
        network(root, change, "met-one-bam-1020")


def test_rs_485_options_and_debounce_come_through(root: Path) -> None:
    change = ("/dev/ttyUSB0, line: 9600 8N1}", "/dev/ttyUSB0, line: 9600 8N1, rs485: {after: 2ms}}")
    bus = network(root, change).stations["st-a"].buses["sondes"]
    assert bus.rs485 is not None
    assert (bus.rs485.rts_on_send, bus.rs485.after_ms) == (True, 2)
