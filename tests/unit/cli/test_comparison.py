"""The demo's judge: it must pass what is right and catch what is wrong by a single sample."""

import math
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.cli.demo.comparison import (
    EDGE_MS,
    MOST_TRIED,
    Absence,
    JournalEntry,
    ServedSeries,
    StoredReading,
    combine,
    differences,
    values_of_a_busy_machine,
)
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State

WIDTH, SAMPLE = 5_000, 1_000


def series(entries: list[JournalEntry], kind: Kind = Kind.MEAN) -> ServedSeries:
    return ServedSeries(kind, WIDTH, SAMPLE, 0.75, entries)


def each_second(*values: float | None, start: int = 0, delay: int = 20) -> list[JournalEntry]:
    return [JournalEntry(start + i * SAMPLE + delay, v, v is not None) for i, v in enumerate(values)]


def found(s: ServedSeries, *stored: StoredReading, absences: tuple[Absence, ...] = ()) -> int:
    return len(list(differences("st/do", s, stored, absences)))


@given(st.lists(st.floats(0, 50), min_size=5, max_size=5), st.integers(0, 90))
def test_the_mean_of_all_that_was_served_is_right_wherever_the_edge_fell(values: list[float], delay: int) -> None:
    s = series(each_second(*values, 7.0, delay=delay))
    assert found(s, StoredReading(WIDTH, math.fsum(values) / 5, State.OK)) == 0


@given(st.lists(st.floats(1, 50), min_size=5, max_size=5, unique=True), st.integers(1, 3))
def test_a_mean_that_left_out_one_inner_sample_is_caught(values: list[float], missing: int) -> None:
    rest = [v for i, v in enumerate(values) if i != missing]
    right = {math.fsum(values[:n]) / n for n in (4, 5)} | {math.fsum(values[1:]) / 4}
    wrong = math.fsum(rest) / 4
    if not any(math.isclose(wrong, r, rel_tol=1e-6) for r in right):
        assert found(series(each_second(*values)), StoredReading(WIDTH, wrong, State.OK)) == 1


def test_an_entry_at_the_edge_may_count_on_either_side() -> None:
    s = series([JournalEntry(-50, 1.0, True), *each_second(2, 2, 2, 2, 2, start=500)])
    assert found(s, StoredReading(WIDTH, 2.0, State.OK)) == 0
    assert found(s, StoredReading(WIDTH, 11 / 6, State.OK)) == 0
    assert found(s, StoredReading(WIDTH, 1.9, State.OK)) == 1


@pytest.mark.parametrize("t_ms", [-100, 100])
def test_an_entry_further_from_the_edge_than_100_ms_counts_on_its_own_side(t_ms: int) -> None:
    further = t_ms + (1 if t_ms > 0 else -2)
    for edge, differences_found in ((t_ms, 0), (further, 1)):
        s = series([JournalEntry(edge, 1.0, True), *each_second(2, 2, 2, 2, start=1_500)])
        stored = 9 / 5 if t_ms < 0 else 2.0  # counted in from before the slot, or out though within it
        assert found(s, StoredReading(WIDTH, stored, State.OK)) == differences_found


def test_a_value_of_another_slot_is_caught() -> None:
    s = series(each_second(1, 1, 1, 1, 1, 2, 2, 2, 2, 2))
    assert found(s, StoredReading(2 * WIDTH, 1.0, State.OK)) == 1


def test_values_in_a_bad_state_do_not_belong_into_the_mean() -> None:
    entries = each_second(4, 4, 4, 4)
    s = series([*entries, JournalEntry(4_020, 99.0, valid=False)])
    assert found(s, StoredReading(WIDTH, 4.0, State.OK)) == 0
    assert found(s, StoredReading(WIDTH, 23.0, State.OK)) == 1


def test_a_null_needs_a_reason_in_the_journal() -> None:
    enough = series(each_second(1, 1, 1, 1, 1))
    too_few = series(each_second(1, None, None, 1, 1))
    null = StoredReading(WIDTH, None, State.COMM)
    assert found(enough, null) == 1
    assert found(too_few, null) == 0
    assert found(enough, StoredReading(WIDTH, None, State.WARMUP)) == 0


def test_a_value_where_nothing_was_served_is_caught() -> None:
    assert found(series([]), StoredReading(WIDTH, 4.2, State.OK)) == 1


def test_rain_is_the_counters_increase_since_the_last_sample_before() -> None:
    counter = each_second(10.0, 10.2, 10.2, 10.6, 10.6, 10.6, 10.8, 11.0, 11.0, 11.2, start=200)
    s = series(counter, Kind.SUM)
    assert found(s, StoredReading(2 * WIDTH, 0.6, State.OK)) == 0
    assert found(s, StoredReading(2 * WIDTH, 0.8, State.OK)) == 1


@pytest.mark.parametrize(
    ("directions", "mean"),
    [([350, 10], 0), ([80, 100], 90), ([270, 270, 270], 270)],
)
def test_directions_are_put_together_as_vectors(directions: list[float], mean: float) -> None:
    got = combine(Kind.VECTOR, directions)
    assert got is not None
    assert math.cos(math.radians(got - mean)) == pytest.approx(1)


def test_a_mean_without_one_reply_is_no_wrong_value_but_said_to_lack_a_reply() -> None:
    served = series(each_second(*range(11), delay=300))
    (lacking,) = differences("st/do", served, [StoredReading(WIDTH, (0 + 1 + 2 + 4) / 4, State.OK)])
    assert (lacking.missed, lacking.is_unanswered) == (True, True)
    (wrong,) = differences("st/do", served, [StoredReading(WIDTH, 2.55, State.OK)])
    assert (wrong.missed, wrong.is_unanswered) == (False, False)


def test_a_slot_in_which_the_agent_died_may_be_null_though_most_of_it_was_served() -> None:
    died_in_second_slot = series(each_second(*range(9), delay=300))  # dead at 9 s
    dead = StoredReading(2 * WIDTH, None, State.FAULT)
    assert found(died_in_second_slot, dead) == 1
    assert found(died_in_second_slot, dead, absences=(Absence(WIDTH, 4 * WIDTH),)) == 0
    assert found(died_in_second_slot, dead, absences=(Absence(2 * WIDTH, 4 * WIDTH),)) == 1
    assert (
        found(died_in_second_slot, StoredReading(2 * WIDTH, None, State.COMM), absences=(Absence(WIDTH, 4 * WIDTH),))
        == 1
    )


def test_an_agent_that_goes_on_reading_while_it_says_it_was_dead_is_caught() -> None:
    alive_all_along = series(each_second(*range(30)))
    hidden = [StoredReading(n * WIDTH, None, State.FAULT) for n in (2, 3, 4)]
    assert found(alive_all_along, *hidden, absences=(Absence(WIDTH, 4 * WIDTH),)) == 3


def test_a_reply_that_came_too_late_is_told_apart_from_a_wrong_value() -> None:
    served = series(each_second(1, 1, 1, 1, 1))
    (late,) = differences("st/do", served, [StoredReading(WIDTH, None, State.COMM)])
    (hidden,) = differences("st/do", served, [StoredReading(WIDTH, None, State.FAULT)])
    (wrong,) = differences("st/do", served, [StoredReading(WIDTH, 2.0, State.OK)])
    assert late.is_unanswered
    assert not hidden.is_unanswered
    assert not wrong.is_unanswered


def test_what_was_asked_before_a_stall_at_the_slots_edge_is_said_to_be_late_and_not_to_be_wrong() -> None:
    stalled = series(
        [*each_second(1, 2, 3, 4), JournalEntry(WIDTH + 900, 10.0, True), *each_second(6, start=WIDTH + SAMPLE)]
    )
    (late,) = differences("st/do", stalled, [StoredReading(WIDTH, 20 / 5, State.OK)])
    assert (late.missed, late.is_unanswered) == (True, True)
    (other,) = differences("st/do", stalled, [StoredReading(WIDTH, 16 / 5, State.OK)])
    assert not other.is_unanswered, "of what was served within the slot nothing may be passed over"
    (long_after,) = differences("st/do", stalled, [StoredReading(2 * WIDTH, 2.5, State.OK)])
    assert not long_after.is_unanswered


class Asked(NamedTuple):
    """A request of an agent on a busy machine, and the instrument's reply to it."""

    t_ms: int
    served: JournalEntry
    counts: bool


@st.composite
def busy_runs(draw: st.DrawFn) -> list[Asked]:
    """Two slots read a sample a second; programs stand still at any moment, late replies are asked for again.

    Written by the agent's rules alone: one request at a time, the first of a second when its due time has passed, a
    sample counts where it was asked for.
    """
    asked: list[Asked] = []
    free_ms = 0
    for due_ms in range(0, 2 * WIDTH, SAMPLE):
        if free_ms > due_ms + SAMPLE:
            continue
        for _ in range(draw(st.integers(1, 3))):
            t_ms = max(free_ms, due_ms) + draw(st.integers(1, 60))
            paused_ms = draw(st.sampled_from([0, 0, 0, 200, 900, 4_000]))
            served_ms = t_ms + 5 + paused_ms
            counts = draw(st.booleans()) if paused_ms else True
            free_ms = served_ms + 5
            asked.append(Asked(t_ms, JournalEntry(served_ms, draw(st.integers(0, 50_000)) / 1_000, True), counts))
            if counts or free_ms > due_ms + SAMPLE:
                break
    return asked


@given(busy_runs())
def test_no_pause_however_long_makes_a_right_value_a_wrong_one(asked: list[Asked]) -> None:
    s = series([one.served for one in asked])
    for end_ms in (WIDTH, 2 * WIDTH):
        counted = [one.served for one in asked if one.counts and end_ms - WIDTH < one.t_ms <= end_ms]
        served = s.between(end_ms - WIDTH - EDGE_MS - 1, end_ms)
        if len(counted) >= 0.75 * WIDTH / SAMPLE and len(served) <= 10:  # of more not every choice is tried
            value = math.fsum(entry.value or 0.0 for entry in counted) / len(counted)
            assert not [d for d in differences("st/do", s, [StoredReading(end_ms, value, State.OK)]) if not d.missed]


BUSY = [(20, 7.01), (900, 7.02), (1_010, 7.05), (1_950, 7.11), (2_030, 7.12), (2_900, 7.2), (3_010, 7.22), (4_020, 7.3)]
"""What was served in a slot in which three seconds of five were asked twice."""


@pytest.mark.parametrize(
    "wrong",
    {
        "scaled": 7.146 * 1.01,
        "the slot before": 6.4,
        "too few": (7.01 + 7.02 + 7.05) / 3,
        "of two after the end": (7.01 + 7.05 + 7.12 + 7.9 + 8.3) / 5,
        "one from before": (6.4 + 7.05 + 7.12 + 7.22) / 4,
        "an invalid one": (7.01 + 7.05 + 7.12 + 7.22 + 9.9) / 5,
        "one counted twice": (2 * 7.01 + 7.02 + 7.05 + 7.11) / 5,
    }.items(),
    ids=lambda one: one[0],
)
def test_a_wrong_value_is_found_on_the_busiest_machine(wrong: tuple[str, float]) -> None:
    served = [(-800, 6.4), *BUSY, (6_400, 7.9), (7_020, 8.3)]
    entries = [*(JournalEntry(t, value, True) for t, value in served), JournalEntry(4_500, 9.9, valid=False)]
    s = series(sorted(entries))
    lost_three = StoredReading(WIDTH, (7.01 + 7.05 + 7.12 + 7.22) / 4, State.OK)
    assert [one.missed for one in differences("st/do", s, [lost_three])] == [True]
    assert [one.missed for one in differences("st/do", s, [StoredReading(WIDTH, wrong[1], State.OK)])] == [False]


def test_rain_behind_a_lost_reply_counts_from_the_last_one_that_came() -> None:
    s = series(each_second(10.0, 10.2, 10.2, 10.2, 10.4, 10.4, 10.6, 10.6, 10.8, 10.8, start=200), Kind.SUM)
    for end_ms, fell in ((WIDTH, 0.2), (2 * WIDTH, 0.6)):  # the reply of 4.2 s was lost: its rain is in the second slot
        (late,) = differences("st/rain", s, [StoredReading(end_ms, fell, State.OK)])
        assert late.missed, end_ms
    (wrong,) = differences("st/rain", s, [StoredReading(2 * WIDTH, 0.7, State.OK)])
    assert not wrong.missed


def test_no_more_values_are_tried_of_a_sum_than_of_a_mean() -> None:
    minutes = ServedSeries(Kind.SUM, 60 * SAMPLE, SAMPLE, 0.75, each_second(*range(130)))
    assert len(list(values_of_a_busy_machine(minutes, 120 * SAMPLE))) == MOST_TRIED
