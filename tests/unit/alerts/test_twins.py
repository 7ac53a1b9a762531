"""Laws of twins: whatever each of them does, their alarm stands while one of them does, at the worst level."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluating.evaluation import Decision, DecisionKind
from alerts.evaluating.twins import joint, level_key
from alerts.rules.rule import Measure, MeasureKind
from tests.unit.alerts.rules import ACT, DANGER, WATCH, oxygen_rule

LEVELS = (None, WATCH, ACT, DANGER)
CHANNELS = ("st-my-thanh/do", "st-my-thanh/gauge_do", "st-my-thanh/deep_do")
steps = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=30)


@given(steps)
def test_the_alarm_of_twins_stands_at_the_worst_level_of_them(turns: list[tuple[int, int]]) -> None:
    ranks = dict.fromkeys(CHANNELS, 0)
    alarm = 0
    for t_ms, (which, rank) in enumerate(turns):
        channel, before = CHANNELS[which], ranks[CHANNELS[which]]
        if rank == before:
            continue
        level, kind = LEVELS[rank], DecisionKind.RAISED if before == 0 else DecisionKind.LEVEL
        decision = Decision(DecisionKind.CLEARED if level is None else kind, t_ms, 1.0, level or LEVELS[before], t_ms)
        standing = {name: None if at == 0 else LEVELS[at].key for name, at in ranks.items()}  # type: ignore[union-attr]
        made = joint(replace(oxygen_rule(), channel=channel), decision, standing)
        ranks[channel] = rank
        worst = max(ranks.values())
        if worst == alarm:
            assert made.decision is None
        else:
            assert made.decision is not None
            assert level_key(made.decision) == (None if worst == 0 else LEVELS[worst].key)  # type: ignore[union-attr]
            assert (made.decision.kind is DecisionKind.RAISED) == (alarm == 0)
            assert worst == 0 or ranks[made.channel] == worst
        alarm = worst


def test_what_instruments_say_of_themselves_has_no_twins() -> None:
    assert oxygen_rule().story == "do"
    assert replace(oxygen_rule(), parameter="bus_errors").story is None
    assert replace(oxygen_rule(), measure=Measure(MeasureKind.STATE)).story is None
