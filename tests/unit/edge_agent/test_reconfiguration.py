"""What proves a new configuration lies behind the switch, however long the switch took; refusals change nothing."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.spot_read import SpotReading
from edge_agent.clocks.clock import Moment
from edge_agent.control.reconfiguration import ChangeRefused, Reconfiguration
from edge_agent.control.trial import Deliveries
from edge_agent.sending.uplink import Uplink
from quantrac.cli.commands.edge_options import reload_line
from quantrac.config.stations import Camera, Maintenance, Station
from tests.unit.edge_agent.test_trial import MINUTE, STATION, changed, record

T0 = 1_795_490_400_000


class Field:
    """Instruments whose switch waits until the old configuration has delivered once more."""

    def __init__(self, deliveries: Deliveries, now: Callable[[], Moment]) -> None:
        self.deliveries, self.now = deliveries, now
        self.in_force: list[Station] = []
        self.trial: list[SpotReading] = []
        self.switches = self.forgets = 0

    def ask(self, question: Callable[[Any], Any], timeout_s: float) -> Any:
        return question(self)

    def try_out(self, new: Station, devices: list[str]) -> list[SpotReading]:
        return self.trial

    def forget(self) -> None:
        self.forgets += 1

    def switch(self, new: Station) -> None:
        self.switches += 1
        self.in_force.append(new)
        self.deliveries.note(record(self.now().ms, do=5.0))


class Rig:
    def __init__(self) -> None:
        self.ms = T0
        self.deliveries = Deliveries()
        self.deliveries.note(record(T0, do=5.0))
        self.field = Field(self.deliveries, self.now)
        self.said: list[str] = []
        self.kept: list[bool] = []
        self.configuring = Reconfiguration(
            STATION, wire=lambda station: station, link=cast(FieldLink, self.field), deliveries=self.deliveries,
            uplink=cast(Uplink, self), now=self.now, ending=cast(threading.Event, self),
        )  # fmt: skip
        self.slots: list[float | None] = []

    def now(self) -> Moment:
        self.ms += MINUTE + 1_000  # the switch, too, takes longer than a slot: its line is busy
        return Moment(self.ms / 1000, self.ms)

    def wait(self, _: float) -> bool:
        """Stand in for the pause between two looks: a slot ends."""
        self.ms += MINUTE
        self.deliveries.note(record(self.ms, do=self.slots.pop(0) if self.slots else None))
        return False

    def is_set(self) -> bool:
        return False

    session = SimpleNamespace(connected=True)

    def become(self, station: Station) -> None: ...

    def record(self, kind: str, detail: str) -> None:
        self.said.append(detail)

    def change(self, new: Station) -> dict[str, Any]:
        return self.configuring.change(new, "push", 3_000, lambda: self.kept.append(True))


def test_what_the_old_one_delivers_while_the_switch_waits_proves_nothing() -> None:
    rig, new = Rig(), changed(STATION, "sonde", serial="another")
    outcome = rig.change(new)
    assert (outcome["outcome"], outcome["why"]) == ("rolled back", "no valid reading of do")
    assert rig.field.in_force == [new, STATION]
    assert rig.kept == []
    assert rig.said[-1].endswith("rolled back: no valid reading of do")


def test_a_valid_slot_behind_the_switch_confirms_it() -> None:
    rig, new = Rig(), changed(STATION, "sonde", serial="another")
    rig.slots = [5.1, 5.2, 5.3]
    assert rig.change(new)["outcome"] == "confirmed"
    assert rig.field.in_force == [new]
    assert rig.kept == [True]


def test_a_device_that_does_not_answer_leaves_everything_as_it_is() -> None:
    rig = Rig()
    rig.field.trial = [SpotReading("sonde", "do", None, "mg/L", "comm", "unit 77: no answer")]
    with pytest.raises(ChangeRefused, match="sonde: unit 77: no answer"):
        rig.change(changed(STATION, "sonde", serial="another"))
    assert rig.field.switches == 0
    assert rig.configuring.station is STATION
    assert "refused: sonde: unit 77" in rig.said[-1]


def full() -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_configuration_that_cannot_be_kept_for_the_next_start_is_taken_back() -> None:
    rig, new = Rig(), changed(STATION, "sonde", serial="another")
    rig.slots = [5.1, 5.2, 5.3]
    outcome = rig.configuring.change(new, "push", 3_000, full)
    assert outcome["outcome"] == "rolled back"
    assert "the disk does not keep it" in outcome["why"]
    assert rig.field.in_force == [new, STATION]
    rig.slots = [5.1, 5.2, 5.3]
    assert rig.change(changed(STATION, "sonde", serial="another"))["outcome"] == "confirmed"


def test_one_that_is_in_force_already_and_cannot_be_kept_says_so() -> None:
    with pytest.raises(ChangeRefused, match="it is in force, but the disk does not keep it"):
        Rig().configuring.change(STATION, "push", 3_000, full)


def test_what_needs_a_restart_is_never_confirmed_not_even_when_it_is_asked_again() -> None:
    rig, door = Rig(), {"gate": Camera(url="http://gate", every_ms=1, on_alarm=True, max_kb=9, width=9, height=9)}
    new = STATION.model_copy(update={"cameras": door, "config_hash": "b" * 64})
    for _ in range(2):
        rig.slots = [5.1, 5.2, 5.3]
        outcome = rig.change(new)
        assert outcome["outcome"] == "restart needed"
        assert outcome["changes"]["at_next_start"] == ["cameras"]
    assert rig.field.in_force == [new]
    assert rig.kept == [True, True]
    assert not any(said.endswith(" confirmed") for said in rig.said)
    rig.slots = [5.1, 5.2, 5.3]
    assert rig.change(STATION)["outcome"] == "confirmed"  # as the agent started


def test_a_maintenance_switch_that_moves_needs_a_restart() -> None:
    switch = Maintenance(device="sonde", channel="do", ends_after_ms=1)
    new = STATION.model_copy(update={"maintenance": switch, "config_hash": "c" * 64})
    rig = Rig()
    rig.slots = [5.1, 5.2, 5.3]
    assert rig.change(new)["outcome"] == "restart needed"
    line = reload_line(
        "st-a", {"outcome": "restart needed", "said": "x", "changes": {"at_next_start": ["maintenance"]}}
    )
    assert line.endswith("maintenance not in force until the agent starts again: systemctl restart quantrac-edge@st-a")


def test_a_reload_of_what_is_in_force_forgets_what_was_learnt_of_the_instruments() -> None:
    rig = Rig()
    assert rig.change(STATION)["outcome"] == "unchanged"
    assert (rig.field.forgets, rig.field.switches) == (1, 0)
