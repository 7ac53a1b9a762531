"""Maintenance that a person orders: marks what is measured, ends by itself, survives the agent, is on record."""

from pathlib import Path

import pytest

from edge_agent.slots.device_slots import ChannelSample
from edge_agent.slots.maintenance import FILE, BadOrder, MaintenanceOrders
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State

NOW = 1_795_490_400_000
MINUTE = 60_000


def taken(minutes: float, state: State = State.OK) -> ChannelSample:
    return ChannelSample(NOW + round(minutes * MINUTE), 7.0, state)


def state(
    orders: MaintenanceOrders, device: str, minutes: float, own: State = State.OK, kind: Kind = Kind.MEAN
) -> State:
    return orders.marked(device, kind, taken(minutes, own)).state


def test_what_a_device_measures_is_maint_until_the_time_is_over_and_its_neighbours_are_not() -> None:
    orders = MaintenanceOrders(devices=["sonde", "gauge"])
    assert orders.begin("sonde", State.MAINT, 30 * MINUTE, NOW, "cleaned") == NOW + 30 * MINUTE
    assert [state(orders, "sonde", at) for at in (0, 29.9, 30)] == [State.MAINT, State.MAINT, State.OK]
    assert state(orders, "gauge", 1) is State.OK
    assert state(orders, "sonde", 1, kind=Kind.LAST) is State.OK, "a door stays a door"
    assert [(e.kind, e.device, e.detail) for e in orders.turn(NOW)] == [
        ("maintenance", "sonde", "on, maint for 30 min: cleaned")
    ]
    assert orders.turn(NOW + 29 * MINUTE) == []
    assert [(e.device, e.detail) for e in orders.turn(NOW + 30 * MINUTE)] == [("sonde", "off, its time is over")]


def test_the_device_s_own_bits_count_on_after_the_order_and_worse_ones_during_it() -> None:
    orders = MaintenanceOrders(devices=["so2"])
    orders.begin("so2", State.CAL, 10 * MINUTE, NOW)
    assert state(orders, "so2", 5, State.FAULT) is State.FAULT
    assert state(orders, "so2", 5, State.WARMUP) is State.CAL
    assert state(orders, "so2", 11, State.CAL) is State.CAL


def test_the_whole_station_and_ending_early() -> None:
    orders = MaintenanceOrders(devices=["a", "b"])
    orders.begin(None, State.MAINT, 10 * MINUTE, NOW)
    assert state(orders, "a", 1) is State.MAINT
    assert orders.end(None, NOW + MINUTE) is True
    assert orders.end(None, NOW + MINUTE) is False
    assert state(orders, "a", 2) is State.OK
    assert [e.detail for e in orders.turn(NOW + MINUTE)] == ["on, maint for 10 min", "off"]


def test_an_order_outlives_the_agent_but_not_its_time(tmp_path: Path) -> None:
    MaintenanceOrders(tmp_path / FILE, ["a"]).begin("a", State.CAL, 10 * MINUTE, NOW)
    again = MaintenanceOrders(tmp_path / FILE, ["a"])
    assert state(again, "a", 5) is State.CAL
    assert [e.detail for e in again.turn(NOW + 11 * MINUTE)] == ["off, its time is over"]
    assert MaintenanceOrders(tmp_path / FILE, ["a"]).standing() == {}
    (tmp_path / FILE).write_text("{")
    assert MaintenanceOrders(tmp_path / FILE, ["a"]).standing() == {}


@pytest.mark.parametrize(
    ("device", "word", "for_ms"), [("nobody", State.MAINT, 1), ("a", State.OK, 1), ("a", State.CAL, 0)]
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(device: str, word: State, for_ms: int) -> None:
    with pytest.raises(BadOrder, match=r"found .*(allowed|has)"):
        MaintenanceOrders(devices=["a"]).begin(device, word, for_ms, NOW)


def test_an_order_given_while_the_disk_does_not_serve_is_kept_as_soon_as_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "not mounted"
    orders = MaintenanceOrders(folder / FILE, ["a"])
    orders.begin("a", State.CAL, 10 * MINUTE, NOW)
    orders.turn(NOW + 1)
    folder.mkdir()
    orders.turn(NOW + 2)
    assert MaintenanceOrders(folder / FILE, ["a"]).standing() == orders.standing() != {}
