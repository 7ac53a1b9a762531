"""The life of an alarm: what each act makes of each state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alarm.life import OVER, STEPS, Life, step
from alerts.alarm.life import AlarmAct as Act
from alerts.alarm.life import AlarmState as State

PROJECT = Path(__file__).parents[3]
ROOMS = ("alerts", "dashboards", "edge_agent", "ingest", "quantrac", "reports", "simulators")
NEW = st.sampled_from([State.UNACKNOWLEDGED, State.SHELVED, State.OUT_OF_SERVICE])
"""In these an alarm is born; one of late readings is born cleared."""


def after(life: Life, *acts: Act) -> Life:
    """Return the life after acts, none of which is refused."""
    for act in acts:
        found = step(life, act)
        assert found is not None, f"{life} refuses to {act}"
        life = found
    return life


@given(NEW, st.lists(st.sampled_from(list(Act)), max_size=40))
def test_every_sequence_of_acts_leads_to_states_of_the_table_that_agree_with_themselves(
    born: State, acts: list[Act]
) -> None:
    life = Life(born)
    for act in acts:
        before, life = life, step(life, act) or life
        assert life.state in State
        assert life.is_acknowledged or life.state is not State.ACKNOWLEDGED
        assert not (life.is_acknowledged and life.state in (State.UNACKNOWLEDGED, State.RETURNED))
        assert before.state not in OVER or life.state in OVER, "what is over never stands again"
        assert life.state in OVER or after(life, Act.WITHDRAW).state in OVER, "an alarm can always be ended"


def test_each_state_that_stands_can_be_reached_and_each_act_is_possible_somewhere() -> None:
    reached = {Life(State.UNACKNOWLEDGED), Life(State.CLEARED)}
    while found := {two for one in reached for act in Act if (two := step(one, act)) is not None} - reached:
        reached |= found
    assert {life.state for life in reached} == set(State)
    assert all(any(step(life, act) is not None for life in reached) for act in Act)
    assert set(STEPS) == set(Act)


def test_what_returns_before_anybody_acknowledged_it_still_may_be_acknowledged() -> None:
    assert after(Life(State.UNACKNOWLEDGED), Act.RETURN).state is State.RETURNED
    assert after(Life(State.UNACKNOWLEDGED), Act.RETURN, Act.ACKNOWLEDGE) == Life(State.CLEARED, True)
    assert after(Life(State.UNACKNOWLEDGED), Act.ACKNOWLEDGE, Act.RETURN) == Life(State.CLEARED, True)


def test_what_worsens_must_be_acknowledged_again_and_what_eases_need_not() -> None:
    seen = after(Life(State.UNACKNOWLEDGED), Act.ACKNOWLEDGE)
    assert after(seen, Act.WORSEN) == Life(State.UNACKNOWLEDGED)
    assert after(seen, Act.EASE) == seen
    assert step(seen, Act.ACKNOWLEDGE) is None


@pytest.mark.parametrize(
    ("away", "back"), [(Act.SHELVE, Act.UNSHELVE), (Act.TAKE_OUT, Act.PUT_IN), (Act.SUPPRESS, Act.RELEASE)]
)
def test_what_was_withheld_comes_back_as_it_was_acknowledged_meanwhile_or_not(away: Act, back: Act) -> None:
    new = Life(State.UNACKNOWLEDGED)
    assert after(new, away, back) == new
    assert after(new, Act.ACKNOWLEDGE, away, back) == Life(State.ACKNOWLEDGED, True)
    assert after(new, away, Act.ACKNOWLEDGE, back) == Life(State.ACKNOWLEDGED, True)
    assert after(new, Act.ACKNOWLEDGE, away, Act.WORSEN, back) == new


def test_a_shelf_goes_before_maintenance_and_maintenance_before_nothing() -> None:
    assert after(Life(State.OUT_OF_SERVICE), Act.SHELVE).state is State.SHELVED
    assert step(Life(State.SHELVED), Act.TAKE_OUT) is None
    assert step(Life(State.SHELVED), Act.PUT_IN) is None


def test_only_a_latched_alarm_is_reset_and_it_may_rise_again() -> None:
    latched = after(Life(State.UNACKNOWLEDGED), Act.ACKNOWLEDGE, Act.LATCH)
    assert after(latched, Act.RESET).state is State.CLEARED
    assert after(latched, Act.RAISE_AGAIN) == Life(State.UNACKNOWLEDGED)
    assert all(step(Life(state), Act.RESET) is None for state in State if state is not State.LATCHED)


def test_one_module_writes_alarms_and_their_history() -> None:
    writes = re.compile(r"\b(?:update alarm|insert into alarm|insert into alarm_event|delete from alarm)\b(?!_picture)")
    sources = [path for room in ROOMS for path in (PROJECT / room).rglob("*.py")]
    found = {path.relative_to(PROJECT).as_posix() for path in sources if writes.search(path.read_text("utf-8"))}
    assert found == {"alerts/alarm/records.py"}
