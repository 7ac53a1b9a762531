"""Traps of single instruments: masks, BCD, letters, stale times, roll-over and reset, hours of their own."""

from __future__ import annotations

import asyncio
import os
import pty
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.instruments.drivers import WindowedInstrument
from edge_agent.lines import serial_line
from edge_agent.lines.instrument import Part
from edge_agent.lines.serial_line import set_direction
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.modbus.signals import SampledRegisters, decode, locate, spans
from edge_agent.readings.misses import LineDown
from edge_agent.readings.samples import Measured, Sample
from edge_agent.slots.channels import Debounce
from edge_agent.slots.device_slots import ChannelPlan, ChannelSample, CounterReading, DeviceSlots, SlotPlan
from quantrac.config.stations import Rs485
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State
from tests.fixtures.instruments import PartedInstrument, profile

HOUR = 3_600_000


def registers(
    signal: dict[str, Any], words: list[int], at: int = 0, now_ms: int | None = None, **more: Any
) -> Measured:
    of = profile("modbus-rtu", {"x": signal}, **more)
    sampled = SampledRegisters()
    sampled.put(RegisterSpan(Function.HOLDING, at, len(words)), words)
    found = decode(of, "x", sampled, now_ms)
    assert found is not None
    assert (found.value is None) == bool(found.why), "whoever reads a null reads why"
    return found._replace(why="")


def test_some_bits_of_a_word_are_a_number() -> None:
    assert registers({"at": 0, "type": "uint16", "mask": 0x0F00}, [0x4200]) == Measured(2, State.OK)


def test_binary_coded_decimals_and_digits_that_are_none() -> None:
    assert registers({"at": 0, "type": "bcd16", "scale": 0.01}, [0x0762]) == Measured(7.62, State.OK)
    assert registers({"at": 0, "type": "bcd32"}, [0x1234, 0x5678]) == Measured(12345678, State.OK)
    assert registers({"at": 0, "type": "bcd16"}, [0x07A2]) == Measured(None, State.FAULT)


def test_a_number_in_letters() -> None:
    words = list(struct.unpack(">4H", b"+28.41\0\0"))
    assert registers({"at": 0, "type": "text", "registers": 4}, words) == Measured(28.41, State.OK)
    assert registers({"at": 0, "type": "text", "registers": 2}, [0x2D2D, 0x2D2D]) == Measured(None, State.FAULT)


def scaled(means: str, words: list[int], **more: Any) -> Measured:
    by = {"offset": -1, "means": means, **more}
    return registers({"at": 1, "type": "int16", "scaled_by": by, "missing": [-32768], "range": [-1e6, 1e6]}, words)


@pytest.mark.parametrize(
    ("means", "word", "value"),
    [
        ("exponent", 0xFFFE, 12.34), ("exponent", 2, 123_400), ("decimals", 1, 123.4), ("factor", 3, 3702),
        ("divisor", 100, 12.34), ("divisor", 0, None), ("exponent", 99, None), ("decimals", 0x8000, None),
    ],
)  # fmt: skip
def test_a_value_is_scaled_by_another_register(means: str, word: int, value: float | None) -> None:
    """SunSpec's scale factors are exponents, 0x8000 where there is none (SunSpec Information Model 1.1, 4.2.8)."""
    assert scaled(means, [word, 1234]).value == (None if value is None else pytest.approx(value))


def test_what_scales_a_value_is_read_with_it_and_can_say_that_there_is_none() -> None:
    of = profile("modbus-rtu", {"x": {"at": 9, "type": "int16", "scaled_by": {"at": 40, "means": "factor"}}})
    fields = locate(of, of.signals["x"], ())
    assert fields is not None
    assert RegisterSpan(Function.HOLDING, 40, 1) in list(spans(fields))
    assert scaled("factor", [7, 1234], missing=[7]) == Measured(None, State.FAULT)
    assert scaled("exponent", [1, 0x8000]) == Measured(None, State.FAULT), "no value is none at any scale"
    assert scaled("exponent", [4, 1234]) == Measured(None, State.RANGE)
    floats = registers(
        {"at": 0, "type": "uint16", "scaled_by": {"at": 1, "type": "float32", "order": "CDAB", "means": "factor"}},
        [3, 0x0000, 0x40E8],
    )
    assert floats == Measured(21.75, State.OK)


def test_of_several_statuses_the_worst_counts_and_each_check_word_must_fit() -> None:
    states = {"a": {0: "ok", 1: "suspect"}, "b": {0: "ok", 5: "maint"}}
    signal = {
        "at": 2, "type": "uint16", "status": [{"offset": -2, "table": "a"}, {"offset": -1, "table": "b"}],
        "expect_word": [{"offset": 1, "is": 7}, {"offset": 1, "mask": 0xFF, "is": 7}],
    }  # fmt: skip
    assert registers(signal, [0, 0, 42, 7], states=states) == Measured(42, State.OK)
    assert registers(signal, [1, 0, 42, 7], states=states) == Measured(42, State.SUSPECT)
    assert registers(signal, [1, 5, 42, 7], states=states) == Measured(42, State.MAINT)
    assert registers(signal, [0, 0, 42, 0x107], states=states) == Measured(None, State.FAULT)


def test_a_measurement_whose_own_time_is_old_is_none() -> None:
    """TAI64: 2**62 + seconds of TAI since 1970, 37 s ahead of UTC (libtai; IERS)."""
    now_s = 1_795_510_800
    signal = {"at": 4, "type": "uint16", "age": {"at": 0, "type": "tai64", "most": "30m"}}

    def read(age_s: int) -> Measured:
        label = list(struct.unpack(">4H", struct.pack(">Q", 2**62 + 37 + now_s - age_s)))
        return registers(signal, [*label, 42], now_ms=now_s * 1000)

    assert read(0) == read(1800) == Measured(42, State.OK)
    assert read(1801) == Measured(None, State.COMM)
    unix = list(struct.unpack(">2H", struct.pack(">I", now_s - 3600)))
    signal = {"at": 2, "type": "uint16", "age": {"at": 0, "type": "unix32", "most": "30m"}}
    assert registers(signal, [*unix, 42], now_ms=now_s * 1000) == Measured(None, State.COMM)


MODULUS, MOST = 65536, 100


@given(st.lists(st.integers(0, MOST), min_size=1, max_size=50), st.integers(0, MODULUS - 1))
@settings(deadline=None)
def test_rain_through_roll_overs_is_all_that_fell(tips: list[int], start: int) -> None:
    counter, total, count = CounterReading(MODULUS, MOST), 0.0, start
    counter.increase(0, count)
    for minute, fell in enumerate(tips, 1):
        count = (count + fell) % MODULUS
        total += counter.increase(minute * 60_000, count)
    assert total == sum(tips)


@given(st.integers(MOST + 1, MODULUS - 1), st.integers(0, MOST))
@settings(deadline=None)
def test_a_reset_is_never_taken_for_a_roll_over(before: int, after: int) -> None:
    """Unless the counter stood so near to its end that both could be."""
    counter = CounterReading(MODULUS, MOST)
    counter.increase(0, before)
    could_roll_over = MODULUS - before + after <= MOST
    rise = counter.increase(60_000, min(after, before - 1))
    assert rise == (MODULUS - before + after if could_roll_over else min(after, before - 1))
    assert rise <= MOST


def test_a_contact_is_believed_when_it_has_held() -> None:
    contact = Debounce(3_000)
    said = [(0, 0), (1, 1), (2, 0), (3, 1), (4, 1), (5, 1), (6, 1), (7, 0), (8, 0), (9, 1), (10, 0), (13, 0)]
    assert [contact.settled(t * 1000, value) for t, value in said] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]


class Asked(PartedInstrument):
    """An instrument that counts what it is asked."""

    count = 0

    async def read(self, part: Part) -> list[Sample]:
        self.count += 1
        return [Sample(part.signals[0], 0, 1.0, State.OK)]

    async def wake(self) -> int:
        self.count += 1
        return 2_000

    async def probe(self) -> None:
        self.count += 1


@pytest.mark.parametrize(
    ("minute", "opened"), [(0, False), (24, False), (25, True), (50, True), (51, False), (59, False)]
)
def test_outside_its_minutes_of_every_hour_an_instrument_is_not_asked_at_all(minute: int, opened: bool) -> None:
    for hour in (0, 7, 23):
        inner = Asked(["x"])
        windowed = WindowedInstrument(inner, (25, 50), lambda: hour * HOUR + minute * 60_000 + 59_999)
        assert len(windowed.parts()) == opened
        asyncio.run(windowed.probe())
        assert asyncio.run(windowed.wake()) == (2_000 if opened else 0)
        assert len(asyncio.run(windowed.read(inner.parts()[0]))) == opened, "also a try left over from the window"
        assert inner.count == (3 if opened else 0)


def hourly(lag_minutes: int, started_ms: int) -> DeviceSlots:
    plan = SlotPlan(HOUR, 1, 0.75, (ChannelPlan("pm2_5", Kind.MEAN),), lag_minutes * 60_000)
    return DeviceSlots(plan, started_ms)


def test_an_hour_that_the_instrument_keeps_is_reported_when_it_can_have_been_fetched() -> None:
    slots = hourly(51, 9 * HOUR + 60_000)
    slots.add("pm2_5", ChannelSample(9 * HOUR, 24.0, State.OK))  # fetched at 9:25, stamped 9:00
    slots.add("pm2_5", ChannelSample(9 * HOUR, 24.0, State.OK))
    assert slots.close(9 * HOUR + 50 * 60_000) == []
    (record,) = slots.close(9 * HOUR + 51 * 60_000 + 1)
    assert (record.t_ms, record.readings[0].value, record.readings[0].state) == (9 * HOUR, 24.0, State.OK)
    (missed,) = slots.close(10 * HOUR + 52 * 60_000)
    assert (missed.readings[0].value, missed.readings[0].state) == (None, State.COMM)


def test_a_talker_s_surplus_does_not_make_up_for_its_silence() -> None:
    plan = SlotPlan(60_000, 6, 0.75, (ChannelPlan("x", Kind.MEAN),))

    def slot(seconds: range) -> State:
        slots = DeviceSlots(plan, -1)
        for second in seconds:
            slots.add("x", ChannelSample(60_000 + second * 1000, 1.0, State.OK))
        return slots.close(120_001)[2].readings[0].state

    assert slot(range(1, 61)) is State.OK
    assert slot(range(1, 46)) is State.OK, "five of six"
    assert slot(range(1, 41)) is not State.OK, "forty lines, but only four of six samples"


def test_the_kernel_s_block_of_rs_485_options() -> None:
    """linux/serial.h, struct serial_rs485: flags 1 enabled, 2 RTS on send, 4 after send, 16 receive while sending."""
    assert serial_line.rs485_block(Rs485()) == struct.pack("=8I", 3, 0, 0, 0, 0, 0, 0, 0)
    options = Rs485(rts_on_send=False, rts_after_send=True, before_ms=2, after_ms=3, rx_during_tx=True)
    assert serial_line.rs485_block(options) == struct.pack("=8I", 1 | 4 | 16, 2, 3, 0, 0, 0, 0, 0)


def test_a_port_is_asked_to_switch_its_direction_only_if_the_station_says_so(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, bytes]] = []
    monkeypatch.setattr(
        "edge_agent.lines.serial_line.fcntl.ioctl", lambda fd, code, data: asked.append((fd, code, data))
    )
    port = str(tmp_path / "ttyRS485")
    set_direction(7, port, None)
    assert asked == []
    set_direction(7, port, Rs485(after_ms=2))
    assert asked == [(7, 0x542F, struct.pack("=8I", 3, 0, 2, 0, 0, 0, 0, 0))], "TIOCSRS485, asm-generic/ioctls.h"
    asked.clear()
    master, slave = pty.openpty()
    set_direction(slave, os.ttyname(slave), Rs485())
    assert asked == [], "a bench's pseudo terminal has no transceiver"
    os.close(master)
    os.close(slave)


def test_a_driver_without_rs_485_says_so(tmp_path: Any) -> None:
    with (tmp_path / "no-port").open("wb") as file, pytest.raises(LineDown, match="leave out `rs485:`"):
        set_direction(file.fileno(), "/dev/ttyUSB0", Rs485())
