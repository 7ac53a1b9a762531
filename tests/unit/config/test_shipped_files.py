"""The files that the project ships: they load, six stations stand in them, and the exchanges in them are sound."""

from __future__ import annotations

import re
import struct
import time
from functools import reduce
from operator import xor
from pathlib import Path

import pytest

from alerts.telling.gsm import unaccented
from quantrac.config import documents
from quantrac.config.devices import AnyProfile
from quantrac.config.findings import Findings
from quantrac.config.loader import load_network, load_station
from quantrac.config.modbus import ModbusProfile
from quantrac.config.network import Network
from quantrac.config.profiles import HexExchange, TextExchange
from quantrac.config.serial import BayernHessenProfile, VaisalaProfile
from quantrac.telemetry.indices.vn_aqi import CLASSES
from quantrac.telemetry.states import State
from tests.fixtures.timing import quickest

ROOT = Path(__file__).parents[3] / "station_configs"
BASE = load_network(ROOT, prove=lambda *_: None)
DEMO = load_network(ROOT, "demo")
PROFILES = list(BASE.profiles.values())
SIX = {"st-my-thanh", "st-tran-de", "st-dai-ngai", "st-vinh-chau", "st-cu-lao-dung", "st-tp-soc-trang"}


@pytest.mark.parametrize("network", [BASE, DEMO], ids=["base", "demo"])
def test_six_stations_with_at_least_twelve_channels_in_service_since_2019(network: Network) -> None:
    assert set(network.stations) == SIX
    for station in network.stations.values():
        assert len(station.channel_list()) >= 12
        assert station.in_service.year == 2019
        assert not station.location.surveyed, "nobody has surveyed them"


@pytest.mark.parametrize("network", [BASE, DEMO], ids=["base", "demo"])
def test_a_station_alone_is_what_it_is_in_the_network(network: Network) -> None:
    for name, station in network.stations.items():
        assert load_station(ROOT, network.overlay, name) == station


def test_the_files_say_that_the_stations_are_assumed() -> None:
    for path in (ROOT / "stations").glob("*.yaml"):
        assert "ASSUMED" in path.read_text(), path


def test_loading_the_whole_network_takes_less_than_a_second() -> None:
    def loading() -> float:
        documents._read.cache_clear()
        begin = time.process_time()  # of this process alone: others may use the machine
        load_network(ROOT, "demo", prove=lambda *_: None)
        return time.process_time() - begin

    assert quickest(loading, 1.0) < 1.0


def test_of_a_large_network_only_what_changed_is_parsed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(documents, "nodes_of", parsed.append)
    files = [tmp_path / f"{number}.yaml" for number in range(1_000)]
    for path in files:
        path.write_text(f"station: {path}")
    for _ in range(2):
        for path in files:
            documents.read_document(path, path.name, Findings())
    assert len(parsed) == len(files)


def test_the_hash_is_that_of_the_resolved_station_and_not_of_its_files() -> None:
    again = load_network(ROOT)
    for name, station in BASE.stations.items():
        assert re.fullmatch("[0-9a-f]{64}", station.config_hash)
        assert station.config_hash == again.stations[name].config_hash
        assert station.config_hash != DEMO.stations[name].config_hash, "the demo's intervals differ"


def test_the_demo_shows_an_alarm_within_seconds() -> None:
    rule = DEMO.rules["do-low"].for_station(DEMO.stations["st-cu-lao-dung"])
    assert rule is not None
    act = next(level for level in rule.levels if level.name == "act")
    assert (act.limit, act.clear, act.on_delay_ms, act.off_delay_ms) == (3.0, 3.3, 3_000, 3_000)
    assert act.breaks_quiet_hours, "a demo may run at night"
    sonde = DEMO.stations["st-cu-lao-dung"].devices["sonde"]
    assert (sonde.sample_ms, sonde.report_ms) == (1_000, 1_000)


def test_nobody_real_stands_in_the_files() -> None:
    assert not BASE.settings.contacts
    for contact in DEMO.settings.contacts.values():
        assert contact.email is None or contact.email.endswith("@example.org")
        assert contact.phone is None or contact.phone.startswith("+849000000")


def test_short_messages_need_one_segment_of_plain_letters() -> None:
    slots = {"station": "Vinh Chau (kenh Co Co - Tra Nien)", "time": "05:10 01/03", "value": "28.25", "limit": "30.0",
             "trend": "dang giam", "unit": "mg/l", "title": "", "level": "", "channel": "",
             "class": "Nguy hai", "advice": max((one.advice.vi for one in CLASSES), key=len)}  # fmt: skip
    for rule in BASE.rules.values():
        for message in (rule.sms, rule.sms_cleared):
            if message is not None:
                text = unaccented(message.vi.format(**slots))
                assert text.isascii(), text
                assert len(text) <= 160, text


def test_every_text_for_people_is_in_both_languages_and_vietnamese_has_its_marks() -> None:
    for rule in BASE.rules.values():
        texts = [rule.title, rule.cause, rule.consequence, rule.response]
        assert all(text is None or (text.vi and text.en) for text in texts)
        assert any(text is not None and not text.vi.isascii() for text in texts), rule.name


# --- exchanges of the profiles, checked without any code of the agent ---


def crc16_modbus(data: bytes) -> bytes:
    """CRC of the Modbus serial line guide, 6.2.2: polynomial 0xA001, begun with 0xFFFF, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.device)
def test_every_profile_shows_a_good_and_a_bad_exchange(profile: AnyProfile) -> None:
    given = [reading for golden in profile.golden for reading in golden.gives.values()]
    assert any(value is not None and state is State.OK for value, state in given)
    assert not profile.verified, "nobody has held one against an instrument"
    if not profile.device.startswith("generic-"):  # these have no manual and no status
        assert any(state is not State.OK for _, state in given)
        assert re.search(
            r"manual|guide|supplement|specification|version|driver|pages|\bpp?\.|README|M2118|ba7", profile.source
        )


def exchanges(protocol: str, least_profiles: int = 1) -> list[HexExchange | TextExchange]:
    profiles = [profile for profile in PROFILES if profile.protocol == protocol]
    assert len(profiles) >= least_profiles
    return [exchange for profile in profiles for golden in profile.golden for exchange in golden.exchanges]


def test_modbus_rtu_frames_have_the_right_checksum_and_length() -> None:
    for exchange in exchanges("modbus-rtu"):
        for frame in (exchange.ask, exchange.reply):
            assert crc16_modbus(frame[:-2]) == frame[-2:], frame.hex(" ")
        assert len(exchange.reply) == 5 + exchange.reply[2]


def test_modbus_tcp_frames_have_the_right_header() -> None:
    for exchange in exchanges("modbus-tcp"):
        for frame in (exchange.ask, exchange.reply):
            _, protocol, length = struct.unpack(">HHH", frame[:6])
            assert (protocol, length) == (0, len(frame) - 6)
        assert exchange.ask[:2] == exchange.reply[:2], "the transaction"


def test_bayern_hessen_frames_have_the_right_check_characters() -> None:
    profiles = [p for p in PROFILES if isinstance(p, BayernHessenProfile) and p.checksum]
    assert len(profiles) >= 3
    for exchange in [e for profile in profiles for golden in profile.golden for e in golden.exchanges]:
        for frame in (exchange.ask, exchange.reply):
            body, check = frame[:-2], frame[-2:]
            assert body[-1:] == b"\x03"
            assert b"%02X" % reduce(xor, body) == check


def test_float_values_of_the_sonde_are_those_in_its_frames() -> None:
    """One block is float32 high word first: taken out with struct, not with our codec."""
    golden = BASE.profiles["in-situ-aqua-troll-500"].golden
    for exchange, gives in [(golden[0].exchanges[0], golden[0].gives), (golden[2].exchanges[0], golden[2].gives)]:
        ((value, _),) = gives.values()
        assert struct.unpack(">f", exchange.reply[3:7])[0] == pytest.approx(value, rel=1e-6)


def test_wire_addresses_of_the_sonde_follow_the_manuals_formula() -> None:
    """Aqua TROLL manual p. 37: 5450 + 7 · (parameter id - 1)."""
    profile = BASE.profiles["in-situ-aqua-troll-500"]
    assert isinstance(profile, ModbusProfile)
    for signal in profile.signals.values():
        (check,) = signal.expect_word
        assert signal.at == 5450 + 7 * (check.is_ - 1)


def test_the_weather_line_carries_every_field_that_the_profile_reads() -> None:
    profile = BASE.profiles["vaisala-wxt536"]
    assert isinstance(profile, VaisalaProfile)
    line = profile.golden[0].exchanges[0].reply.decode("ascii")
    for signal in profile.signals.values():
        assert re.search(rf",{signal.key}=[0-9.+-]+{signal.letter}[,\r]", line), signal.key


def test_thirty_instruments_have_a_profile_each() -> None:
    assert sum(not profile.device.startswith("generic-") for profile in PROFILES) >= 30


def test_lines_with_a_checksum_carry_the_right_one() -> None:
    """NMEA: XOR between $ and *; Gill: between STX and ETX. Reckoned here, not with our decoder."""
    for protocol, begin, end, profiles in (("nmea-0183", b"$", b"*", 2), ("gill-ascii", b"\x02", b"\x03", 2)):
        for exchange in exchanges(protocol, profiles):
            body, _, check = exchange.reply.partition(begin)[2].partition(end)
            assert b"%02X\r\n" % reduce(xor, body) == check, exchange
