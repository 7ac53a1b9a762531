"""What single models promise: units, durations, days, lines, states, rules at a station, wiring, settings."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from quantrac.config.bus_places import load_wiring
from quantrac.config.documents import read_document
from quantrac.config.fields import LineSettings, parse_duration, parse_line, parse_size
from quantrac.config.findings import ConfigErrors, Findings
from quantrac.config.frames import parse_text, show_text
from quantrac.config.loader import load_network
from quantrac.config.network import NetworkFile
from quantrac.config.profiles import StateTable
from quantrac.config.rule_files import parse_series
from quantrac.config.schemas import SCHEMAS, json_schema
from quantrac.config.settings import BadSetting, MissingSetting, Settings
from quantrac.config.units import TO_BASE, conversion
from quantrac.config.validation import salvage
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.states import State

GOOD = Path(__file__).parent / "good"


@pytest.mark.parametrize(("gas", "factor"), [("o3", 1.96), ("no2", 1.88), ("so2", 2.62), ("co", 1.145)])
def test_ppb_become_micrograms_at_25_degrees_and_one_atmosphere(gas: str, factor: float) -> None:
    """Factors as air authorities print them for 25 °C and 1 atm (QCVN 05:2023/BTNMT counts in µg/Nm³ at that state)."""
    convert = conversion("[ppb]", "ug/m3", gas)
    assert convert is not None
    assert convert(1.0) == pytest.approx(factor, rel=0.002)


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "result"),
    [(18432.5, "uS/cm", "mS/cm", 18.4325), (41250, "ng/m3", "ug/m3", 41.25), (212, "[degF]", "Cel", 100),
     (273.15, "K", "Cel", 0), (36, "km/h", "m/s", 10), (12650, "mV", "V", 12.65), (101325, "Pa", "hPa", 1013.25)],
)  # fmt: skip
def test_units_convert(value: float, from_unit: str, to_unit: str, result: float) -> None:
    convert = conversion(from_unit, to_unit, "ph")
    assert convert is not None
    assert convert(value) == pytest.approx(result)


def test_a_mixing_ratio_of_something_that_is_no_gas_does_not_convert() -> None:
    assert conversion("[ppb]", "ug/m3", "pm10") is None
    assert conversion("mg/L", "mg/m3", "do") is None


def test_a_mapping_that_lacks_two_keys_goes_alone_where_the_rest_of_a_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "network.yaml").write_text(
        """
schema: quantrac/network/1
network: t
name: {vi: a, en: a}
operator: {vi: a, en: a}
time_zone: UTC
parameters:
  bad: {decimals: 2}
  good: {title: {vi: Xyanua, en: Cyanide}, unit: mg/L, span: [0, 1], kind: mean}
""",
        "utf-8",
    )
    tree = read_document(tmp_path / "network.yaml", "network.yaml", Findings())
    assert tree is not None
    left = salvage(NetworkFile, tree, {})
    assert left is not None
    assert list(left.parameters) == ["good"]


def test_every_unit_of_the_catalogue_is_known() -> None:
    for parameter in CATALOGUE.values():
        assert conversion(parameter.unit, parameter.unit, parameter.id) is not None
        assert parameter.unit in TO_BASE, parameter.unit


@given(st.sampled_from(list(TO_BASE)), st.sampled_from(list(TO_BASE)), st.floats(-1e6, 1e6))
def test_conversion_there_and_back_is_identity(a: str, b: str, value: float) -> None:
    there, back = conversion(a, b, "o3"), conversion(b, a, "o3")
    if there is not None and back is not None:
        assert back(there(value)) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("text", "ms"), [("250ms", 250), ("1.5s", 1500), ("5m", 300_000), ("30d", 2_592_000_000)])
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["10", 10, "10 s", "-5s", "1h30m", "", None, "10S"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="10s"):
        parse_duration(text)


def test_line_settings_and_sizes() -> None:
    assert parse_line("19200 8E1") == LineSettings(19200, 8, "E", 1)
    assert parse_line("19200 8E1").bits_per_byte == 11
    assert parse_line("9600 8N1").bits_per_byte == 10
    assert parse_size("4GB") == 4_000_000_000


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="<>")))
def test_frames_as_text_are_what_they_show(text: str) -> None:
    frame = parse_text(f"<STX>{text}<ETX>04<CR><LF>")
    assert show_text(frame) == f"<STX>{text}<ETX>04<CR><LF>"
    assert frame[0] == 2


@given(st.binary())
def test_bytes_of_any_kind_can_be_written_in_a_profile(frame: bytes) -> None:
    assert parse_text(show_text(frame)) == frame


def test_bytes_that_are_not_printable_are_shown_by_name_or_number() -> None:
    assert show_text(b"\x02\xa9 1<2\x00\x06\r\n") == "<STX><A9> 1<3C>2<00><ACK><CR><LF>"
    assert parse_text("<FF><enq>") == b"\xff<enq>"
    for wrong in ("<ABC>", "\xb0C", "<QQ>", 7):
        with pytest.raises(PydanticCustomError, match=r"such as <A9>|in quotes"):
            parse_text(wrong)


def test_of_several_status_bits_the_worst_counts_and_a_bit_may_be_missed() -> None:
    table = StateTable.model_validate({"bits": {15: "fault", 17: "cal", 3: "suspect"}, "clear": {19: "warmup"}})
    assert table.state_of(1 << 19) is State.OK
    assert table.state_of(0) is State.WARMUP
    assert table.state_of(1 << 19 | 1 << 17 | 1 << 3) is State.CAL
    assert table.state_of(1 << 19 | 1 << 17 | 1 << 15) is State.FAULT


def test_a_code_that_no_table_lists_is_a_fault_unless_it_says_otherwise() -> None:
    assert StateTable.model_validate({"codes": {0: "ok"}}).state_of(9) is State.FAULT
    assert StateTable.model_validate({"codes": {0: "ok"}, "other": "suspect"}).state_of(9) is State.SUSPECT


@pytest.mark.parametrize(
    ("zone", "in_service", "since"),
    [
        ("Asia/Ho_Chi_Minh", "2019-05-31 17:00", "2026-09-05 17:00"),
        ("Asia/Kathmandu", "2019-05-31 18:15", "2026-09-05 18:15"),
        ("America/Santiago", "2019-06-01 04:00", "2026-09-06 04:00"),  # that day has no midnight: it begins at 01:00
    ],
)
def test_a_day_begins_at_its_midnight_in_the_time_zone_of_the_network(
    root: Path, zone: str, in_service: str, since: str
) -> None:
    adjust = "{expect: [0.2, 14], adjust: {offset: 0.5, since: 2026-09-06, by: An, why: drift}}"
    window = '    address: 1\n    calibration: {window: "Mon 08:00-09:00"}\n'
    for file, old, new in (
        ("network.yaml", "Asia/Ho_Chi_Minh", zone),
        ("stations/st-a.yaml", "{expect: [0.2, 14]}", adjust),
        ("stations/st-a.yaml", "    address: 1\n", window),
    ):
        text = (root / file).read_text("utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new), "utf-8")
    station = load_network(root).stations["st-a"]
    found = station.devices["sonde"]
    assert station.in_service == datetime.fromisoformat(f"{in_service}Z")
    assert found.channels["do"].adjust is not None
    assert found.channels["do"].adjust.begins_ms == datetime.fromisoformat(f"{since}Z").timestamp() * 1000
    assert found.calibration is not None
    assert found.calibration.time_zone == zone


def test_instead_replaces_the_set_of_levels_and_merges_within_one() -> None:
    network = load_network(GOOD)
    (rule,) = network.rules.values()
    elsewhere, canal = (rule.for_station(network.stations[name]) for name in ("st-a", "st-b"))
    assert elsewhere is not None
    assert canal is not None
    assert [(level.name, level.limit) for level in elsewhere.levels] == [("act", 3.0), ("danger", 2.0)]
    (danger,) = canal.levels
    assert (danger.name, danger.limit, danger.clear) == ("danger", 1.0, 1.3)
    assert (danger.on_delay_ms, danger.severity, danger.to) == (300_000, Severity.CRITICAL, ("farmers",))


def test_series_of_rule_tests() -> None:
    assert parse_series("2.8x2 _x3 -4 0.5") == (2.8, 2.8, None, None, None, -4.0, 0.5)


def test_a_published_value_is_in_the_catalogues_unit_with_datum_and_adjustment() -> None:
    station = load_network(GOOD).stations["st-a"]
    level = station.channel("water_level")
    assert level.published(123.0) == pytest.approx(1.23 - 1.5)
    assert level.unit == "m"
    assert station.channel("ec").published(18_250.0) == pytest.approx(18.25)


def test_the_instruments_span_moves_with_the_datum() -> None:
    station = load_network(GOOD.parents[3] / "station_configs").stations["st-my-thanh"]
    assert station.channel("water_level").span == pytest.approx((-1.85, 18.15))
    assert station.channel("ec").span == pytest.approx((0, 350))


def test_wiring_moves_the_named_buses_and_leaves_the_hash(tmp_path: Path) -> None:
    path = tmp_path / "wiring.yaml"
    path.write_text('{"schema": "quantrac/wiring/1", "buses": {"st-a/sondes": {"port": "/dev/pts/7"}, '
                    '"st-a/level": {"host": "127.0.0.1", "port": 40123}}}')  # fmt: skip
    station = load_network(GOOD).stations["st-a"]
    wired = load_wiring(path).wire(station)
    assert wired.devices["sonde"].bus.place == "/dev/pts/7"
    assert wired.devices["sonde"].bus.line == station.buses["sondes"].line
    assert wired.devices["gauge"].bus.place == "127.0.0.1:40123"
    assert wired.config_hash == station.config_hash
    assert load_wiring(None).wire(station) == station


def test_a_bad_wiring_file_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wiring.yaml"
    path.write_text("schema: quantrac/wiring/1\nbuses:\n  st-a/sondes: {host: here, port: /dev/pts/7}\n")
    with pytest.raises(ConfigErrors, match=r"wiring\.yaml:3:3: buses\.st-a/sondes: found .*, allowed \{port:"):
        load_wiring(path)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", "postgresql://q@h/d")
    monkeypatch.setenv("QUANTRAC_INGEST_DATABASE_URL", "postgresql://i@h/d")
    monkeypatch.setenv("QUANTRAC_SMS_KEY", "s3cr3t-key")
    settings = Settings()
    assert settings.database("ingest") == "postgresql://i@h/d"
    assert settings.database("alerts") == "postgresql://q@h/d"
    assert "s3cr3t-key" not in repr(settings)
    with pytest.raises(MissingSetting, match="QUANTRAC_MQTT_URL"):
        settings.mqtt()


def test_bad_settings_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_LOG", "loud")
    monkeypatch.setenv("QUANTRAC_INGEST_LISTEN", "9101")
    with pytest.raises(BadSetting) as refusal:
        Settings()
    assert "QUANTRAC_LOG: found 'loud', allowed 'json' or 'text'" in str(refusal.value)
    assert "QUANTRAC_INGEST_LISTEN: found '9101', expected host:port" in str(refusal.value)


def test_a_variable_that_is_a_setting_spelt_wrong_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("QUANTRAC_PUBLIC_URI=https://q\nQUANTRAC_STATE_DIR=here\n")
    monkeypatch.setenv("QUANTRAC_SMTP_ULR", "smtp://mail")
    monkeypatch.setenv("QUANTRAC_GRAFANA_DATABASE_USER", "reader")  # of another program
    monkeypatch.setenv("QUANTRAC_INGEST_DATABASE_URL", "mysql://q:s3cret@h/d")
    with pytest.raises(BadSetting) as refusal:
        Settings()
    assert str(refusal.value).splitlines() == [
        "QUANTRAC_PUBLIC_URI: found a variable that is no setting, did you mean QUANTRAC_PUBLIC_URL?",
        "QUANTRAC_SMTP_ULR: found a variable that is no setting, did you mean QUANTRAC_SMTP_URL?",
        "QUANTRAC_INGEST_DATABASE_URL: found mysql://…, expected postgresql://user@host:port/database; "
        "in a password write @ as %40, / as %2F, ? as %3F, # as %23, % as %25",
    ]


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_editors_get_a_schema_that_refuses_unknown_keys(kind: str) -> None:
    schema = json_schema(kind)
    bodies = [schema, *schema.get("$defs", {}).values()]
    assert any(body.get("additionalProperties") is False for body in bodies)
    assert "sample_ms" not in str(schema), "keys are those of the files"
