"""SDI-12, Vaisala and Bayern-Hessen against frames printed in the manuals and standards."""

import functools
import operator
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.buses.bayern_hessen import ComponentValue, framed, mantissa, rounded
from simulators.buses.checksums import crc_characters
from simulators.buses.vaisala import reply
from simulators.instruments.grimm_edm180 import GrimmEdm180
from simulators.instruments.ott_pls import OttPls
from simulators.instruments.thies_first_class import ThiesFirstClass
from simulators.instruments.wxt536 import Wxt536
from simulators.signals.source import ProbeValue
from tests.unit.simulators.test_modbus_instruments import steady

WEATHER = {
    "wind_speed": steady(3.4), "wind_dir": steady(214.0), "air_temp": steady(28.4), "humidity": steady(71.2),
    "pressure": steady(1006.3), "rain": steady(0.2), "rain_intensity": steady(1.2),
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "0+3.14OqZ", "0+3.14+2.718+1.414Ipz", "0+1.11+2.22+3.33+4.44+5.55+6.66I]q", "0+7.77+8.88+9.99IvW",
        "0+2.718Gbc", "0+1.414GtW", "1+1.23+2.34+345+4.4678KoO", "0AP@",
        "0r1Goe", "0r2Gje", "0r3Kid", "0r5Kcd", "0rBVT",
        "0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG", "0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn",
        "0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T", "0tX,Use chksum GoeIU~",
    ],
)  # fmt: skip
def test_crc_is_that_of_the_sdi12_specification_and_the_wxt_manual(line: str) -> None:
    assert crc_characters(line[:-3]) == line[-3:]


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("DA", "02 44 41 03 30 34"),
        ("DA001", "02 44 41 30 30 31 03 33 35"),
        ("DA097", "02 44 41 30 39 37 03 33 41"),
        ("ST843 K", "02 53 54 38 34 33 20 4B 03 35 32"),
        (
            f"MD01 {ComponentValue(1, 25.78, 0, 0, '000', '000000').text()} ",
            b"\x02MD01 001 +2578+01 00 00 000 000000 \x0321".hex(),
        ),
    ],
)
def test_bayern_hessen_frames_are_those_of_the_manuals(text: str, frame: str) -> None:
    """The checksum counts STX and ETX."""
    assert framed(text) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("value", "text"),
    [(25.78, "+2578+01"), (5.681, "+5681+00"), (-5384000, "-5384+06"), (0.04567, "+4567-02"), (0, "+0000+00")],
)
def test_bayern_hessen_mantissa_of_the_thermo_manual(value: float, text: str) -> None:
    assert mantissa(value) == text


@given(st.floats(1e-9, 1e9) | st.floats(-1e9, -1e-9))
def test_mantissa_carries_the_rounded_value(value: float) -> None:
    match = re.fullmatch(r"([+-])(\d)(\d{3})([+-]\d\d)", mantissa(value))
    assert match is not None
    assert float(f"{match[1]}{match[2]}.{match[3]}e{match[4]}") == rounded(value)


def test_wxt_composite_message_is_the_manuals_line() -> None:
    text, served = reply(Wxt536(WEATHER), "0", "0R0", 0.0)
    assert text == (
        "0R0,Dn=214D,Dm=214D,Dx=214D,Sn=3.4M,Sm=3.4M,Sx=3.4M,Ta=28.4C,Ua=71.2P,Pa=1006.3H,"
        "Rc=0.20M,Rd=0s,Ri=1.2M,Th=29.1C,Vh=12.1N,Vs=12.3V,Vr=3.512V"
    )
    values = {value.signal: value.value for value in served}
    assert values["wind_dir"] == 214
    assert values["rain"] == 0.2


def test_wxt_answers_with_crc_when_asked_with_crc() -> None:
    text, _ = reply(Wxt536(WEATHER), "0", "0r2Gje", 0.0)
    assert text == "0r2,Ta=28.4C,Ua=71.2P,Pa=1006.3H" + crc_characters("0r2,Ta=28.4C,Ua=71.2P,Pa=1006.3H")
    assert reply(Wxt536(WEATHER), "0", "0r1xxx", 0.0)[0] == "0tX,Use chksum GoeIU~"


def test_wxt_marks_an_invalid_value_with_a_hash() -> None:
    text, served = reply(Wxt536(WEATHER | {"humidity": steady(None)}), "0", "0R2", 0.0)
    assert text == "0R2,Ta=28.4C,Ua=0.0#,Pa=1006.3H"
    assert [value.state for value in served] == ["ok", "fault", "ok"]


def test_wxt_takes_the_mean_wind_across_north() -> None:
    bearings = {0.0: 350.0, -1.0: 10.0, -2.0: 30.0}
    transmitter = Wxt536(WEATHER | {"wind_dir": lambda t: ProbeValue(bearings[t])})
    text, _ = reply(transmitter, "0", "0R1", 0.0)
    assert text.startswith("0R1,Dn=350D,Dm=10D,Dx=30D,")


def test_grimm_serves_nanograms_and_says_when_they_were_fetched_before() -> None:
    sources = {"pm10": steady(17.524), "pm2_5": steady(11.39), "pm1": steady(8.2), "air_temp": steady(28.0)}
    dust = GrimmEdm180(sources | {"humidity": steady(50.0)})
    first, served = dust.blocks(600.0)
    assert first[0].text() == "001 +1752+04 00 00 180 000280"
    assert [(value.signal, value.value, value.unit) for value in served][:2] == [
        ("pm10", 17520.0, "ng/m3"),
        ("pm2_5", 11390.0, "ng/m3"),
    ]
    again, _ = dust.blocks(605.9)
    fresh, _ = dust.blocks(606.0)
    assert (again[0].status, fresh[0].status) == (1, 0)


def test_grimm_reports_a_failed_flow_and_standby() -> None:
    sources = {"pm10": steady(None), "pm2_5": steady(11.0), "pm1": steady(8.0), "air_temp": steady(28.0)}
    dust = GrimmEdm180(sources | {"humidity": steady(80.0)})
    dust.control("S")
    blocks, served = dust.blocks(0.0)
    assert [(block.status, block.error) for block in blocks] == [(10, 2), (10, 0), (10, 0)]
    assert [value.state for value in served] == ["fault", "maint", "maint"]


def test_pls_level_has_millimetres_and_its_sign() -> None:
    sensor = OttPls(steady(3.2141), steady(28.456))
    assert [value.text for value in sensor.measure(0.0)] == ["+3.214", "+28.46"]
    assert [value.text for value in sensor.verify(0.0)] == ["+0"]
    for dead in (OttPls(steady(None), steady(1.0)), OttPls(steady(1.0), steady(None))):
        assert [value.text for value in dead.verify(0.0)] == ["+1024"]
        assert [(value.text, value.served and value.served.state) for value in dead.measure(0.0)] == [
            ("+0.000", "fault"), ("+0.00", "fault"),
        ]  # fmt: skip
    assert re.fullmatch(r"1[0-4].{8}.{6}.{3}.{0,13}", sensor.identification)


def test_a_thies_telegram_has_the_columns_of_the_manual_s_table() -> None:
    """First Class Advanced X instructions 021814/03/21 p. 72: where each field begins, counted from 1, and how long."""
    thies = ThiesFirstClass(WEATHER)
    telegram, served = thies.answer("00TR2", 0.0)
    text = telegram.decode("ascii")
    table = {1: "\x02", 2: "00", 5: "03.40", 11: "03.40", 35: "+31.4", 41: "+31.0", 47: "1006.3", 68: "00000000"}
    assert {at: text[at - 1 : at - 1 + len(field)] for at, field in table.items()} == table
    assert (text[75], text[78:]) == ("*", "\x03\r\n")
    assert int(text[76:78], 16) == functools.reduce(operator.xor, telegram[1:75])
    assert {one.signal: one.value for one in served} == {"wind_speed": 3.4, "pressure": 1006.3}
    assert thies.answer("01TR2", 0.0) == thies.answer("00XX", 0.0) == (b"", [])
