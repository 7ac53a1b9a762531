"""Count, least, greatest and spread beside a mean; NumPy's formulas are the judge."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slots.channels import device_plan, feeds_of
from edge_agent.slots.device_slots import ChannelPlan, ChannelSample, DeviceSlots, SlotPlan
from edge_agent.slots.statistics import Statistic, statistic_of
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State
from tests.fixtures.instruments import edited_configs

ASKED = (Statistic("do_count", "count"), Statistic("do_min", "min"), Statistic("do_sd", "sd"))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_each_statistic_is_what_numpy_says(values: list[float]) -> None:
    assert statistic_of("count", values) == len(values)
    assert (statistic_of("min", values), statistic_of("max", values)) == (np.min(values), np.max(values))
    assert math.isclose(statistic_of("sd", values), float(np.std(values)), rel_tol=1e-9, abs_tol=1e-6)


def test_they_are_made_of_the_valid_samples_of_the_slot_and_null_where_the_mean_is() -> None:
    slots = DeviceSlots(SlotPlan(4_000, 4, 0.75, (ChannelPlan("do", Kind.MEAN, statistics=ASKED),)), 0)
    for t_ms, value, state in (
        (5_000, 2.0, State.OK), (6_000, 4.0, State.SUSPECT), (7_000, 6.0, State.OK), (8_000, 99.0, State.CAL),
        (9_000, 1.0, State.OK),
    ):  # fmt: skip
        slots.add("do", ChannelSample(t_ms, value, state))
    *_, whole, poor = slots.close(12_001)
    assert [r.name for r in whole.readings] == ["do", "do_count", "do_min", "do_sd"]
    assert [r.value for r in whole.readings] == [4.0, 3.0, 2.0, pytest.approx(math.sqrt(8 / 3))]
    assert {r.state for r in whole.readings} == {State.SUSPECT}
    assert [(r.value, r.state) for r in poor.readings] == [(None, State.COMM)] * 4


def test_a_station_file_asks_for_them_and_they_become_channels(tmp_path: Path) -> None:
    configs = edited_configs(
        tmp_path, "st-my-thanh", "do: {expect: [0.2, 14]}", "do: {expect: [0.2, 14], statistics: [count, min, sd]}"
    )
    station = load_network(configs).stations["st-my-thanh"]
    made = {name: station.channel(name) for name in ("do_count", "do_min", "do_sd")}
    assert [(c.parameter, c.unit, c.expect) for c in made.values()] == [
        ("sample_count", "1", None), ("do", "mg/L", (0.2, 14)), ("do", "mg/L", None),
    ]  # fmt: skip
    low = load_network(configs).rules["do-low"].for_station(station)
    assert low is not None
    assert [c.name for c in low.channels] == ["do"], "a rule for oxygen does not watch its minimum unless it names it"
    sonde = station.devices["sonde"]
    (do,) = [plan for plan in device_plan(sonde, feeds_of(sonde)).channels if plan.name == "do"]
    assert do.statistics == ASKED


def test_what_has_no_least_value_is_refused_with_its_line(tmp_path: Path) -> None:
    configs = edited_configs(tmp_path, "st-my-thanh", "      mains: {}", "      mains: {statistics: [min]}")
    with pytest.raises(ConfigErrors, match=r"st-my-thanh.yaml:\d+:\d+: devices.io.channels.mains.statistics.0: found"):
        load_network(configs)
