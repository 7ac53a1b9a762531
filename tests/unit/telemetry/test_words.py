"""States, quality, slots, topics and the catalogue."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry import quality, states, topics
from quantrac.telemetry.parameters import CATALOGUE, Kind, UnknownParameter, parameter
from quantrac.telemetry.quality import Quality, StatelessTest
from quantrac.telemetry.slots import bucket_end, slot_end
from quantrac.telemetry.states import State


def test_precedence_of_states_is_the_designs() -> None:
    order = ["comm", "fault", "cal", "maint", "warmup", "range", "suspect", "ok"]
    assert sorted(State, reverse=True) == [State.from_word(word) for word in order]
    assert states.worst([State.SUSPECT, State.FAULT, State.CAL]) is State.FAULT


def test_an_unknown_state_word_names_the_known_ones() -> None:
    with pytest.raises(states.UnknownState, match=r"okay.*ok, suspect"):
        State.from_word("okay")


def test_only_an_ok_reading_within_all_bounds_is_good() -> None:
    good = [
        (state, tests)
        for state in State
        for tests in (StatelessTest(bits) for bits in range(16))
        if quality.quality_of(state, tests) is Quality.GOOD
    ]
    assert good == [(State.OK, StatelessTest(0))]


def test_a_missing_value_is_missing_whatever_the_device_says() -> None:
    assert all(quality.quality_of(state, StatelessTest.NULL) is Quality.MISSING for state in State)


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**9))
def test_a_slot_holds_what_is_after_its_start_and_up_to_its_end(t: int, width: int) -> None:
    end = slot_end(t, width)
    assert end - width < t <= end
    assert end % width == 0


@given(st.integers(-600_000_000_000, 4_000_000_000_000), st.integers(1, 86_400))
def test_buckets_and_slots_are_the_same_thing(t_ms: int, seconds: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    label = bucket_end(epoch + timedelta(milliseconds=t_ms), timedelta(seconds=seconds))
    assert (label - epoch) // timedelta(milliseconds=1) == slot_end(t_ms, seconds * 1000)


def test_the_zone_of_an_instant_does_not_move_its_bucket() -> None:
    there = datetime(2026, 11, 24, 14, 3, tzinfo=timezone(timedelta(hours=7)))
    assert bucket_end(there, timedelta(minutes=5)) == datetime(2026, 11, 24, 7, 5, tzinfo=UTC)


def test_catalogue_holds_what_the_design_names() -> None:
    named = """water_temp ph do do_sat ec salinity turbidity tss orp nh4_n no3_n no2_n po4_p cod bod5 toc chl_a bga
    water_level flow h2s alkalinity pm2_5 pm10 so2 no no2 nox co o3 air_temp humidity pressure wind_speed wind_dir rain
    solar noise battery_v mains door shelter_temp signal disk_free clock_offset bus_errors spool_depth"""
    assert set(named.split()) <= set(CATALOGUE)
    assert CATALOGUE["wind_dir"].kind is Kind.VECTOR
    assert CATALOGUE["rain"].kind is Kind.SUM


def test_what_is_plausible_can_be_measured() -> None:
    for one in CATALOGUE.values():
        assert one.span[0] <= one.plausible[0] < one.plausible[1] <= one.span[1], one.id


def test_values_are_written_as_finely_as_they_mean_something_but_for_ammonia_and_ammonium() -> None:
    coarser = {one.id: (one.decimals, one.resolution) for one in CATALOGUE.values() if one.decimals != one.resolution}
    assert coarser == {"nh3": (2, 4), "nh4_n": (2, 3)}


def test_a_misspelt_parameter_gets_a_suggestion() -> None:
    with pytest.raises(UnknownParameter, match="did you mean 'salinity'"):
        parameter("salinty")


@pytest.mark.parametrize("kind", [k for k in topics.KINDS if k != "cmd"])
def test_a_topic_reads_back(kind: topics.TopicKind) -> None:
    assert topics.parse(topics.topic("st-my-thanh", kind)) == ("st-my-thanh", kind, None)


def test_a_command_topic_carries_its_id() -> None:
    assert topics.parse(topics.topic("st-my-thanh", "cmd", "77")) == ("st-my-thanh", "cmd", "77")


@pytest.mark.parametrize(
    "name",
    ["quantrac/v1/x", "quantrac/v2/x/readings", "quantrac/v1/X/readings", "quantrac/v1/x/other", "quantrac/v1/x/cmd",
     "quantrac/v1//readings", "quantrac/v1/x/readings/1", "quantrac/v1/a b/readings", ""],
)  # fmt: skip
def test_a_foreign_topic_is_refused(name: str) -> None:
    with pytest.raises(topics.BadTopic):
        topics.parse(name)
