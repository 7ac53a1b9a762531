"""A new configuration is confirmed by what it delivers, and only by that; changes are named; running slots go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.control.trial import SLACK_S, Deliveries, Trial
from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.slots.changes import changes, same_channels
from edge_agent.slots.device_slots import ChannelPlan, ChannelSample, DeviceSlots, SlotPlan
from quantrac.config.loader import load_network
from quantrac.config.station_json import config_hash, dumps, loads
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State

STATION = load_network(Path(__file__).parents[3] / "station_configs").stations["st-my-thanh"]
MINUTE = 60_000


def record(t_ms: int, **values: float | None) -> SlotRecord:
    readings = [SlotReading(name, value, State.COMM if value is None else State.OK) for name, value in values.items()]
    return SlotRecord(t_ms, tuple(readings))


@pytest.fixture
def deliveries() -> Deliveries:
    made = Deliveries()
    made.note(record(MINUTE, ph=7.6, do=4.2, turbidity=None, gone=1.0))
    return made


def trial(deliveries: Deliveries, *, linked: bool = True, within_s: float = 300.0) -> Trial:
    before = deliveries.delivering()
    return Trial(STATION, deliveries, before, switched_ms=MINUTE + 500, began_s=0.0, within_s=within_s, linked=linked)


def test_only_what_was_valid_and_is_still_there_is_wanted(deliveries: Deliveries) -> None:
    assert trial(deliveries).wanted == {"ph", "do"}


def test_a_late_reply_just_before_the_switch_excuses_no_channel_and_one_that_is_silent_is_not_wanted(
    deliveries: Deliveries,
) -> None:
    for minute in (2, 3):
        deliveries.note(record(minute * MINUTE, ph=7.6, do=None))
    assert trial(deliveries).wanted == {"ph", "do"}
    deliveries.note(record(4 * MINUTE, ph=7.6, do=None))
    assert trial(deliveries).wanted == {"ph"}


def test_a_slot_that_began_before_the_switch_proves_nothing(deliveries: Deliveries) -> None:
    on_trial = trial(deliveries)
    deliveries.note(record(2 * MINUTE, ph=7.6, do=4.2))
    assert not on_trial.verdict(70, connected=True).confirmed
    deliveries.note(record(3 * MINUTE, ph=7.6, do=None))
    assert on_trial.verdict(130, connected=True).why == "no valid reading of do"
    deliveries.note(record(4 * MINUTE, ph=7.6, do=4.1))
    assert on_trial.verdict(190, connected=True).confirmed


def test_what_does_not_come_back_in_time_ends_the_trial(deliveries: Deliveries) -> None:
    on_trial = trial(deliveries)
    assert not on_trial.verdict(299.9, connected=True).rolled_back
    verdict = on_trial.verdict(300, connected=True)
    assert (verdict.rolled_back, verdict.why) == (True, "no valid reading of do, ph")


def test_the_limit_is_never_shorter_than_two_slots(deliveries: Deliveries) -> None:
    assert trial(deliveries, within_s=1).until_s == 2 * 60 + SLACK_S


@pytest.mark.parametrize("linked", [True, False])
def test_a_link_that_was_there_must_be_there_again(deliveries: Deliveries, linked: bool) -> None:
    on_trial = trial(deliveries, linked=linked)
    deliveries.note(record(4 * MINUTE, ph=7.6, do=4.1))
    verdict = on_trial.verdict(400, connected=False)
    assert verdict.confirmed is not linked
    assert verdict.rolled_back is linked


def changed(station: Station, name: str, **update: object) -> Station:
    """The station with another configuration of a device."""
    device = station.devices[name].model_copy(update=update)
    new = station.model_copy(update={"devices": {**station.devices, name: device}})
    return new.model_copy(update={"config_hash": config_hash(new)})


def test_changes_are_named() -> None:
    assert not changes(STATION, STATION).any
    derives = load_network(Path(__file__).parents[3] / "station_configs").stations["st-dai-ngai"]
    assert not changes(derives, loads(dumps(derives))).any, "what the centre makes of a station's channels stays there"
    found = changes(
        STATION, changed(STATION, "sonde", address=2).model_copy(update={"backfill_rate": 9.0, "cameras": {}})
    )
    assert (found.changed, found.to_try, found.other) == (["sonde"], ["sonde"], ["backfill_rate"])
    rest = {name: device for name, device in STATION.devices.items() if name != "gauge"}
    found = changes(STATION, STATION.model_copy(update={"devices": rest}))
    assert (found.removed, found.channels_removed) == (["gauge"], ["level_temp", "water_level"])
    assert "removed: gauge" in str(found)


def test_channels_that_mean_the_same_keep_their_samples() -> None:
    old = STATION.devices["sonde"]
    channel = old.channels["ph"].model_copy(update={"datum_offset": 1.0})
    new = old.model_copy(update={"channels": {**old.channels, "ph": channel}})
    assert set(same_channels(old, new)) == old.channels.keys() - {"ph"}
    assert same_channels(old, old.model_copy(update={"sample_ms": 1})) == []


def slots(width_ms: int = 1_000, started_ms: int = 0) -> DeviceSlots:
    plan = SlotPlan(width_ms, 4, 0.75, (ChannelPlan("same", Kind.MEAN), ChannelPlan("other", Kind.MEAN)))
    return DeviceSlots(plan, started_ms)


def test_a_running_slot_goes_on_under_the_new_configuration() -> None:
    old = slots()
    old.close(1_001)  # the first slot is not known whole
    for t in (1_001, 1_250, 1_500):
        for name in ("same", "other"):
            old.add(name, ChannelSample(t, 2.0, State.OK))
    new = slots(started_ms=1_600)
    assert new.take_over(old, ["same"])
    for name in ("same", "other"):
        new.add(name, ChannelSample(1_750, 6.0, State.OK))
    (made,) = new.close(2_001)
    assert made.t_ms == 2_000
    assert made.readings == (SlotReading("same", 3.0, State.OK), SlotReading("other", None, State.WARMUP))
    for t in (2_001, 2_250, 2_500, 2_750):
        new.add("other", ChannelSample(t, 1.0, State.OK))
    assert new.close(3_001)[0].readings[1] == SlotReading("other", 1.0, State.OK)


def test_slots_of_another_width_begin_anew() -> None:
    assert not slots(2_000).take_over(slots(), ["same"])
