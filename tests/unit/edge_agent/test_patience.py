"""How long a unit is waited for where neighbours are due: its usual time, otherwise what they leave."""

from __future__ import annotations

from edge_agent.lines.patience import Allowance, Patience


def test_one_that_always_takes_long_needs_it_and_one_that_is_late_now_and_then_does_not() -> None:
    patience = Patience()
    for number in range(40):
        patience.answered(1, 800)
        if number % 10 < 3:
            patience.late(2, 3_000)
        else:
            patience.answered(2, 20)
    assert patience.needed_ms(1, 1_000) == 1_000, "twice what it takes, but not longer than it is given"
    assert patience.wait_ms(2, 500) == 4_500
    assert patience.needed_ms(2, 500) == 300
    assert patience.needed_ms(3, 1_500) == 300, "nothing is known of it"


def test_one_that_was_heard_late_at_once_is_waited_for_at_once_but_no_longer_than_its_interval() -> None:
    patience = Patience()
    patience.late(1, 780)
    assert patience.needed_ms(1, 500, most_ms=1_000) == 1_000


def test_one_that_takes_longer_than_its_interval_as_a_rule_is_not_waited_for_at_its_neighbours_cost() -> None:
    """No wait that they could bear brings its answer; one that is late now and then is heard within this, too."""
    patience = Patience()
    patience.late(1, 3_000)
    assert patience.needed_ms(1, 500, most_ms=1_000) == 300
    assert patience.wait_ms(1, 500) == 4_500, "where nobody else is due"
    patience.answered(1, 780)
    assert patience.needed_ms(1, 500, most_ms=1_000) == 1_000, "it can be heard within its interval"


def test_a_turn_is_cut_to_what_the_neighbours_leave_and_nobody_else_is_hurried() -> None:
    allowance = Allowance()
    assert allowance.cut(5_000, 300, 400, now=0.0) == 5_000
    allowance.begin("d", 1_500, now=10.0)
    assert allowance.cut(5_000, 300, 400, now=10.0) == 1_100
    assert allowance.cut(500, 300, 400, now=10.0) == 500
    assert allowance.cut(5_000, 300, 400, now=11.5) == 300
    assert allowance.cut(5_000, 1_600, 400, now=11.5) == 1_600
    allowance.end()
    assert allowance.cut(5_000, 300, 400, now=11.5) == 5_000
