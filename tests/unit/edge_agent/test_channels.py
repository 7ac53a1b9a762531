"""Signals to channels, the wall clock, the agent's own box, patience."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.clocks.clock import WallClock
from edge_agent.clocks.system_clock import kernel_look, timesyncd_offset_ms
from edge_agent.clocks.trust import ClockLook
from edge_agent.health.agent_channels import AgentChannels, cpu_temp, disk_free
from edge_agent.lines.patience import Patience
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import BadCheck, NoAnswer, RequestRefused
from edge_agent.readings.samples import Measured, Sample, measured
from edge_agent.slots.channels import ChannelFeed, in_window
from edge_agent.slots.device_slots import ChannelSample, DeviceSlots, SlotPlan
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.profiles import Signal
from quantrac.config.stations import Adjust, Calibration, Channel, Maintenance
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.states import State

NAN = float("nan")


def channel(parameter: str = "do", **more: object) -> Channel:
    fields = {"name": parameter, "parameter": parameter, "unit": "mg/L", "device": "d", "signal": parameter}
    fields["kind"] = CATALOGUE[parameter].kind
    return Channel.model_validate({**fields, "interval_ms": 60_000, "span": (0, 50), **more})


def sample(value: float | None, state: State = State.OK, t_ms: int = 0, signal: str = "do") -> Sample:
    return Sample(signal, t_ms, value, state)


@pytest.mark.parametrize(
    ("raw", "state", "expected"),
    [
        (5.0, State.OK, Measured(10.5, State.OK)),
        (5.0, State.CAL, Measured(10.5, State.CAL)),
        (5.0, State.FAULT, Measured(None, State.FAULT)),
        (NAN, State.OK, Measured(None, State.FAULT)),
        (float("inf"), State.SUSPECT, Measured(None, State.FAULT)),
        (32767, State.OK, Measured(None, State.FAULT)),
        (32767, State.COMM, Measured(None, State.COMM)),
        (50.0, State.OK, Measured(None, State.RANGE)),
        (50.0, State.MAINT, Measured(None, State.MAINT)),
        (0.0, State.FAULT, Measured(None, State.FAULT)),
    ],
)
def test_state_is_read_before_the_value_and_no_sentinel_is_a_number(
    raw: float, state: State, expected: Measured
) -> None:
    signal = Signal(unit="mg/L", scale=2, offset=0.5, range=(0, 50), missing=(32767,))
    found = measured(signal, raw, state)
    assert found[:2] == expected[:2]
    assert (found.value is None) == bool(found.why), "whoever reads a null reads why"


def test_a_correction_holds_from_its_beginning() -> None:
    midnight = round(datetime(2026, 11, 23, 17, tzinfo=UTC).timestamp() * 1000)
    made = ChannelFeed(channel(adjust=Adjust(offset=0.5, begins_ms=midnight)), None)
    assert made.taken(sample(5.0, t_ms=midnight - 1)).value == 5.0
    assert made.taken(sample(5.0, t_ms=midnight)).value == 5.5


def test_a_counter_whose_scale_changes_invents_no_rain() -> None:
    midnight = round(datetime(2026, 11, 23, 17, tzinfo=UTC).timestamp() * 1000)
    adjust = Adjust(scale=2.0, begins_ms=midnight)
    feed = ChannelFeed(channel("rain", unit="mm", span=(0, 10_000), adjust=adjust), None)
    plan = SlotPlan(60_000, 2, 0.5, (feed.plan,))
    slots = DeviceSlots(plan, midnight - 200_000)
    for t_ms, count in ((-90_000, 100.0), (-30_001, 101.0), (1, 101.0), (30_000, 102.0)):
        slots.add("rain", feed.taken(sample(count, t_ms=midnight + t_ms, signal="rain")))
    found = {record.t_ms - midnight: record.readings[0].value for record in slots.close(midnight + 60_001)}
    assert (found[0], found[60_000]) == (1.0, 2.0), "1 mm before midnight; after it 1 mm on the display is 2 mm"


def test_units_then_the_technician_s_correction_then_the_datum() -> None:
    made = channel("water_level", unit="m", factor=0.01, adjust=Adjust(scale=2.0, offset=-0.12), datum_offset=-1.85)
    taken = ChannelFeed(made, None).taken(sample(300.0, signal="water_level"))
    assert taken.value == pytest.approx(3.0 * 2 - 0.12 - 1.85)


def test_of_a_counter_only_the_scale_applies() -> None:
    made = channel("rain", unit="mm", factor=0.2, shift=5.0)
    feed = ChannelFeed(made, Signal(unit="1", wraps_at=65536.0))
    assert feed.taken(sample(10.0, signal="rain")).value == pytest.approx(2.0)
    assert feed.plan.wraps_at == pytest.approx(13_107.2)


def test_the_same_number_too_often_in_a_row_is_suspect_until_it_moves() -> None:
    feed = ChannelFeed(channel(), Signal(unit="mg/L", frozen_after=3))
    states = [feed.taken(sample(value)).state for value in (4.2, 4.2, 4.2, 4.2, 4.3, None, 4.3)]
    assert states == [State.OK, State.OK, State.SUSPECT, State.SUSPECT, State.OK, State.OK, State.OK]


def test_a_weekly_calibration_window_is_local_time() -> None:
    window = Calibration(weekday=0, start_minute=8 * 60, end_minute=9 * 60, time_zone="Asia/Ho_Chi_Minh")
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    for hour, minute, inside in ((0, 59, False), (1, 0, True), (1, 59, True), (2, 0, False), (8, 30, False)):
        t_ms = int(monday.replace(hour=hour, minute=minute).timestamp() * 1000)
        assert in_window(window, t_ms) is inside
        state = ChannelFeed(channel(), None, window).taken(sample(4.2, t_ms=t_ms)).state
        assert state is (State.CAL if inside else State.OK)
    assert not in_window(Calibration(), 0)


@pytest.mark.parametrize(
    ("zone", "inside"),
    [
        ("Asia/Kathmandu", ["2026-09-07 02:15", "2026-09-07 03:14"]),
        ("America/Santiago", ["2026-08-31 12:00", "2026-09-07 11:00"]),  # clocks went forward on 6 September
    ],
)
def test_a_calibration_window_follows_the_clocks_of_the_network(zone: str, inside: list[str]) -> None:
    window = Calibration(weekday=0, start_minute=8 * 60, end_minute=9 * 60, time_zone=zone)
    for text in inside:
        t_ms = round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
        assert in_window(window, t_ms)
        assert not in_window(window, t_ms - 3_600_000)
        assert not in_window(window, t_ms + 3_600_000)


def test_the_maintenance_switch_marks_what_is_measured_until_it_is_opened_or_forgotten() -> None:
    switch = MaintenanceSwitch(Maintenance(device="io", channel="door", state=State.MAINT, ends_after_ms=4 * 3_600_000))

    def state(t_ms: int, kind: Kind = Kind.MEAN) -> State:
        return switch.marked(kind, ChannelSample(t_ms, 4.2, State.OK)).state

    assert switch.note("sonde", "door", ChannelSample(0, 1.0, State.OK)) is None, "another device's"
    assert state(0) is State.OK
    assert switch.note("io", "door", ChannelSample(0, 1.0, State.OK)) == "on"
    assert switch.note("io", "door", ChannelSample(5_000, None, State.COMM)) is None
    assert (state(10_000), state(10_000, Kind.LAST)) == (State.MAINT, State.OK)
    assert state(4 * 3_600_000) is State.OK, "forgotten: it ends by itself"
    assert switch.note("io", "door", ChannelSample(20_000, 0.0, State.OK)) == "off"
    assert state(20_000) is State.OK
    assert MaintenanceSwitch(None).note("io", "door", ChannelSample(0, 1.0, State.OK)) is None


def test_a_clock_that_is_set_is_noticed_and_one_that_is_slewed_is_not() -> None:
    steps: list[tuple[int, int]] = []
    wall, mono = [1_000_000.0], [5.0]
    clock = WallClock(lambda: int(wall[0]), lambda: mono[0], lambda now, by: steps.append((now, by)))
    for seconds, drift_ms in ((1, 0), (10, 100), (1, 400), (1, -3_600_000), (1, 0), (2, 86_400_000)):
        mono[0] += seconds
        wall[0] += seconds * 1000 + drift_ms
        clock.now_ms()
    assert [by for _, by in steps] == [-3_600_000, 86_400_000]
    assert clock.steps == 2


def test_the_clock_offset_of_the_kernel_in_milliseconds_or_null_with_why() -> None:
    assert kernel_look(0x2001, 1_500_000) == ClockLook(True, 1.5)
    assert kernel_look(0x0001, -2_500) == ClockLook(True, -2.5)
    assert kernel_look(0x0040, 0) == ClockLook(False, None)


@pytest.mark.parametrize(
    ("line", "offset_ms"),
    [("-1.245ms", -1.245), ("+27us", 0.027), ("+1.5s", 1500.0), ("-1min 2s", -62000.0), ("0", None), ("n/a", None)],
)
def test_the_clock_offset_of_systemd_timesyncd(line: str, offset_ms: float | None) -> None:
    status = (
        f"       Server: 10.0.0.1 (a)\nRoot distance: 1.235ms (max: 5s)\n       Offset: {line}\n        Delay: 14ms\n"
    )
    assert timesyncd_offset_ms(status) == (None if offset_ms is None else pytest.approx(offset_ms))
    assert timesyncd_offset_ms("") is None


def test_the_agent_s_own_channels(tmp_path: Path) -> None:
    misses = MissCounts()
    own = AgentChannels(tmp_path, lambda: 7, misses)
    misses.note("sonde", BadCheck("CRC"), 0)
    misses.note("sonde", RequestRefused("exception 2", 2), 1)
    assert own.measure("spool_depth") == Measured(7.0, State.OK)
    assert own.measure("bus_errors") == Measured(1.0, State.OK), "who refuses is no error of the bus"
    misses.note("gauge", NoAnswer("silent"), 2)
    assert misses.by_device() == {"gauge": {"silent": 1}, "sonde": {"check": 1, "refused": 1}}
    assert misses.reasons()["sonde"] == {"t_ms": 1, "kind": "refused", "why": "exception 2"}, "the newest"
    assert 0 <= (own.measure("disk_free").value or -1) <= 100
    assert own.measure("nonsense") == Measured(None, State.FAULT)
    assert disk_free(tmp_path / "gone") == Measured(None, State.FAULT)
    assert own.measure("spool_lost") == Measured(0.0, State.OK)
    assert own.measure("error_rate:sonde") == Measured(1.0, State.OK)
    assert own.measure("error_rate:gauge") == Measured(1.0, State.OK)
    assert own.measure("error_rate:io") == Measured(0.0, State.OK)


def test_the_processor_s_temperature_is_that_of_its_hottest_zone_in_degrees(tmp_path: Path) -> None:
    assert cpu_temp(tmp_path) == Measured(None, State.FAULT)
    for zone, text in (("thermal_zone0", "48250"), ("thermal_zone1", "51000"), ("thermal_zone2", "-")):
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "temp").write_text(text + "\n")
    assert cpu_temp(tmp_path) == Measured(51.0, State.OK)


def test_patience_is_learnt_from_late_answers_and_from_quick_ones() -> None:
    patience = Patience()
    assert patience.wait_ms(1, 1_500) == 1_500
    for _ in range(20):
        patience.answered(1, 50.0)
    assert patience.wait_ms(1, 1_500) == 1_500
    patience.silent(1)
    assert patience.wait_ms(1, 1_500) == 300
    patience.answered(1, 250.0)
    assert patience.wait_ms(1, 1_500) == 1_500
    patience.silent(1)
    assert patience.wait_ms(1, 1_500) == 750
    patience.late(1, 900.0)
    assert patience.wait_ms(1, 1_500) == 1_500
    patience.late(1, 2_000.0)
    assert patience.wait_ms(1, 1_500) == 3_000
    patience.late(1, 60_000.0)
    assert patience.wait_ms(1, 1_500) == 5_000
    assert patience.wait_ms(2, 1_500) == 1_500
