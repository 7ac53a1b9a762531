"""Modbus instruments against the frames and register facts of their manuals, decoded here by hand."""

import struct

import pytest

from simulators.buses.checksums import modbus_crc
from simulators.buses.modbus import Refusal, RegisterInstrument, answer
from simulators.instruments.aqua_troll import AquaTroll
from simulators.instruments.exo2 import Exo2
from simulators.instruments.io_module import IoModule
from simulators.instruments.registers import Bank, RegisterCell, constant, float_words
from simulators.instruments.teledyne import TeledyneAnalyser
from simulators.signals.source import ProbeValue, Source


def steady(value: float | None, state: str = "ok") -> Source:
    return lambda _: ProbeValue(value, state)


class Holding:
    """An instrument with a few holding registers."""

    def __init__(self, *words: int) -> None:
        self.areas = {3: Bank([constant(0, *words)], [(0, len(words) - 1)])}


@pytest.mark.parametrize(
    ("request_hex", "words", "reply_hex"),
    [
        ("01 03 00 00 00 02 C4 0B", (0x41CA, 0xA3D7), "01 03 04 41 CA A3 D7 F6 9F"),  # 25.33 high word first
        ("01 03 00 00 00 01 84 0A", (536,), "01 03 02 02 18 B9 2E"),  # 536 tips of a rain gauge
    ],
)
def test_rtu_frames_of_the_manuals(request_hex: str, words: tuple[int, ...], reply_hex: str) -> None:
    request = bytes.fromhex(request_hex)
    assert modbus_crc(request[:-2]) == request[-2:]
    pdu, _ = answer(Holding(*words), request[1:-2], 0.0)
    frame = request[:1] + pdu
    assert frame + modbus_crc(frame) == bytes.fromhex(reply_hex)


@pytest.mark.parametrize(
    ("pdu", "code"),
    [
        ("03 00 01 00 02", 2),  # beyond the last register
        ("04 00 00 00 01", 1),  # no input registers here
        ("2B 0E 01 00 00", 1),  # a function nobody has
        ("03 00 00 00 00", 3),  # none asked for
        ("03 00 00 00 7E", 3),  # 126 at once
        ("06 00 00 00 01", 1),  # not writable
        ("10 00 00 00 02 02 00 01", 3),  # says two registers, brings one
        ("03 00", 3),  # cut off
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_the_right_code(pdu: str, code: int) -> None:
    request = bytes.fromhex(pdu)
    reply, served = answer(Holding(1, 2), request, 0.0)
    assert reply == bytes([request[0] | 0x80, code])
    assert served == []


def test_half_a_value_is_sent_but_not_journaled() -> None:
    bank = Bank([RegisterCell(10, 2, lambda _: (float_words(1.5), None)), constant(12, 7)], [(10, 12)])
    assert bank.read(11, 2, 0.0)[0] == [0, 7]
    troll = AquaTroll({"do": steady(4.21)})
    assert troll.areas[3].read(5584, 1, 0.0)[1] == []
    assert [value.signal for value in troll.areas[3].read(5583, 2, 0.0)[1]] == ["do"]


@pytest.mark.parametrize(
    ("address", "signal", "units"),
    [(5450, "water_temp", 1), (5562, "ph", 145), (5576, "orp", 162), (5583, "do", 117), (5590, "do_sat", 177)],
)
def test_aqua_troll_blocks_lie_where_the_manual_has_them(address: int, signal: str, units: int) -> None:
    words, served = AquaTroll({signal: steady(7.25)}).areas[3].read(address, 7, 0.0)
    assert struct.unpack(">f", struct.pack(">2H", *words[:2])) == (7.25,)  # ABCD: 40E8 0000
    assert words[:2] == [0x40E8, 0x0000]
    assert words[2:5] == [0, units, (address - 5450) // 7 + 1]
    assert [(value.signal, value.value, value.state) for value in served] == [(signal, 7.25, "ok")]


@pytest.mark.parametrize(
    ("sample", "quality", "state", "value"),
    [
        (ProbeValue(5.0, "suspect"), 5, "suspect", 5.0),
        (ProbeValue(5.0, "maint"), 4, "suspect", 5.0),
        (ProbeValue(5.0, "cal"), 6, "cal", 5.0),
        (ProbeValue(5.0, "fault"), 3, "fault", 0.0),
        (ProbeValue(None), 7, "fault", 0.0),
    ],
)
def test_aqua_troll_sends_its_sentinel_with_a_bad_quality(
    sample: ProbeValue, quality: int, state: str, value: float
) -> None:
    words, served = AquaTroll({"do": lambda _: sample}).areas[3].read(5583, 7, 0.0)
    assert words[2] == quality
    assert (served[0].state, served[0].value) == (state, value)
    assert struct.unpack(">f", struct.pack(">2H", *words[:2])) == (value,)


def test_aqua_troll_without_a_sensor_says_so_and_a_scan_may_be_started() -> None:
    troll = AquaTroll({"do": steady(5.0)})
    assert troll.areas[3].read(5450, 7, 0.0) == ([0, 0, 7, 0, 1, 0, 0], [])
    assert troll.areas[3].read(6947, 1, 0.0) == ([0], [])
    with pytest.raises(Refusal):
        troll.areas[3].read(6948, 1, 0.0)


def exo() -> Exo2:
    scene = {"water_temp": steady(28.5), "do": steady(4.5), "ec": steady(12.5), "ph": steady(None)}
    return Exo2(scene, [1, 212, 6, 18])


def test_exo_gives_codes_status_and_values_low_word_first() -> None:
    holding = exo().areas[3]
    assert holding.read(128, 6, 0.0)[0] == [1, 212, 6, 18, 0, 0]
    assert holding.read(256, 6, 0.0)[0] == [0, 0, 0, 2, 1, 1]
    words, served = holding.read(384, 10, 0.0)
    assert words[:2] == [0x0000, 0x41E4]  # 28.5 = 41E4 0000, low word first
    assert [struct.unpack(">f", struct.pack(">2H", words[i + 1], words[i]))[0] for i in (2, 4)] == [4.5, 12.5]
    assert [(value.signal, value.value, value.state) for value in served] == [
        ("water_temp", 28.5, "ok"),
        ("do", 4.5, "ok"),
        ("ec", 12.5, "ok"),
        ("ph", 0.0, "fault"),
    ]


def test_exo_takes_codes_period_and_a_wipe() -> None:
    instrument = exo()
    holding = instrument.areas[3]
    holding.write(128, [7, 229, 239, 0], 0.0)
    assert holding.read(384, 2, 0.0)[1][0].value == 12500.0  # code 7 is in µS/cm
    holding.write(0, [5], 0.0)
    assert holding.read(0, 1, 0.0)[0] == [5]
    parked = holding.read(386, 2, 99.0)[1][0].value
    holding.write(2, [1], 100.0)
    assert holding.read(386, 2, 101.0)[1][0].value != parked
    assert holding.read(388, 2, 101.0)[1][0].value == 110.0
    assert holding.read(386, 2, 130.0)[1][0].value == parked
    with pytest.raises(Refusal):
        holding.write(256, [1], 0.0)


@pytest.mark.parametrize(
    ("model", "addresses", "units"),
    [
        ("T400", {18: "o3"}, "[ppb]"),
        ("T100", {18: "so2"}, "[ppb]"),
        ("T200", {18: "nox", 20: "no", 22: "no2"}, "[ppb]"),
        ("T300", {18: "co"}, "[ppm]"),
    ],
)
def test_teledyne_concentrations_are_input_floats_high_word_first(
    model: str, addresses: dict[int, str], units: str
) -> None:
    analyser = TeledyneAnalyser(model, {signal: steady(7.25) for signal in addresses.values()})
    for address, signal in addresses.items():
        words, served = analyser.areas[4].read(address, 2, 0.0)
        expected = 7.25 if units == "[ppb]" else pytest.approx(0.00725)
        assert struct.unpack(">f", struct.pack(">2H", *words))[0] == expected
        assert [(value.signal, value.unit) for value in served] == [(signal, units)]


@pytest.mark.parametrize(
    ("sample", "raised", "state"),
    [
        (ProbeValue(20.0), {19}, "ok"),
        (ProbeValue(20.0, "cal"), {17, 19}, "cal"),
        (ProbeValue(20.0, "warmup"), {15}, "fault"),
        (ProbeValue(None), {15}, "fault"),
    ],
)
def test_teledyne_status_bits(sample: ProbeValue, raised: set[int], state: str) -> None:
    analyser: RegisterInstrument = TeledyneAnalyser("T100", {"so2": lambda _: sample})
    reply, _ = answer(analyser, bytes.fromhex("02 00 00 00 18"), 0.0)
    assert reply[:2] == bytes([2, 3])
    bits = int.from_bytes(reply[2:], "little")
    assert {number for number in range(24) if bits >> number & 1} == raised
    assert analyser.areas[4].read(18, 2, 0.0)[1][0].state == state


def test_io_module_contacts_and_analogue_inputs() -> None:
    module = IoModule(
        {"door": steady(1.0), "mains": steady(0.0), "battery_v": steady(12.65), "shelter_temp": steady(-3.2)}
    )
    reply, served = answer(module, bytes.fromhex("02 00 00 00 08"), 0.0)
    assert reply == bytes([2, 1, 0b11])  # door open; the mains relay closes when the mains is lost
    assert [(value.signal, value.value) for value in served] == [("door", 1.0), ("mains", 0.0)]
    reply, served = answer(module, bytes.fromhex("04 00 00 00 02"), 0.0)
    assert struct.unpack(">Hh", reply[2:]) == (12650, -32)
    assert [(value.value, value.unit) for value in served] == [(12650.0, "mV"), (-3.2, "Cel")]
