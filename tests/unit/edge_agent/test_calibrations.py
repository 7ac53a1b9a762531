"""A calibration goes on record when it is over, by the instrument's own word or a person's."""

from __future__ import annotations

from edge_agent.readings.samples import Sample
from edge_agent.slots.calibrations import CalibrationWatch
from edge_agent.slots.maintenance import MaintenanceOrders
from quantrac.telemetry.states import State

MINUTE = 60_000


def told(watch: CalibrationWatch, *samples: tuple[str, int, State]) -> list[str]:
    found = [watch.note(Sample(name, minute * MINUTE, 1.0, state)) for name, minute, state in samples]
    return [said for said in found if said is not None]


def test_it_is_over_when_the_last_signal_has_left_the_state() -> None:
    samples = [
        ("ph", 0, State.OK), ("ph", 1, State.CAL), ("do", 1, State.OK), ("do", 2, State.CAL), ("ph", 2, State.CAL),
        ("ph", 3, State.OK), ("do", 3, State.COMM), ("do", 14, State.WARMUP), ("do", 15, State.OK),
    ]  # fmt: skip
    assert told(CalibrationWatch(False), *samples) == ["by its own word, 13 min"], "silence ends nothing"


def test_the_nightly_check_of_an_analyser_is_none() -> None:
    assert told(CalibrationWatch(True), ("so2", 0, State.CAL), ("so2", 20, State.OK)) == []


def test_a_person_s_order_of_calibration_is_on_record_and_one_of_maintenance_is_not() -> None:
    orders = MaintenanceOrders(devices=["sonde"])
    orders.begin("sonde", State.CAL, 30 * MINUTE, 0, "pH 4, 7, 10")
    orders.begin(None, State.MAINT, 30 * MINUTE, 0)
    found = [(event.device, event.detail) for event in orders.turn(1) if event.kind == "calibration"]
    assert found == [("sonde", "pH 4, 7, 10")]
