"""Whose turn it is on a bus: a simulated line with a clock of its own, no sleeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.acquiring.schedule import BusSchedule, Idle, ScheduledDevice, Turn, TurnOutcome, next_due

START = 1_000_800_000_000
"""A full hour."""
Behaviour = Callable[[int], tuple[TurnOutcome, int]]
"""Turn's number → how it ends and how long it holds the bus, ms."""


class Line:
    """Plays a schedule against devices that behave as told."""

    def __init__(self, devices: Mapping[str, tuple[int, int, Behaviour]], start: int = START) -> None:
        """`devices`: name → period, ms; time that a try needs at least, ms; what it does."""
        watches = [ScheduledDevice(name, period_ms, try_ms) for name, (period_ms, try_ms, _) in devices.items()]
        self.schedule = BusSchedule(watches, start)
        self.behaviours = {name: behaviour for name, (_, _, behaviour) in devices.items()}
        self.needs = {watch.device: watch.try_ms for watch in watches}
        self.now = start
        self.turns: list[tuple[int, Turn, TurnOutcome]] = []
        self._count: Counter[str] = Counter()

    def run(self, for_ms: int) -> None:
        end = self.now + for_ms
        while self.now < end:
            turn = self.schedule.next(self.now)
            if isinstance(turn, Idle):
                assert turn.until_ms > self.now
                self.now = turn.until_ms
                continue
            self._count[turn.device] += 1
            outcome, took = self.behaviours[turn.device](self._count[turn.device])
            if outcome is TurnOutcome.SILENT and took == 0:  # waits as long as it may
                least = self.needs[turn.device]
                took = 1_900 if turn.free_by_ms is None else max(least, min(1_900, turn.free_by_ms - self.now))
            self.turns.append((self.now, turn, outcome))
            self.now += took
            self.schedule.report(turn, outcome, self.now, 1_000)

    def read(self, device: str) -> set[int]:
        """Return the due times at which everything came."""
        return {t.due_ms for _, t, outcome in self.turns if t.device == device and outcome is TurnOutcome.READ}

    def tries(self, device: str) -> list[int]:
        return [at for at, turn, _ in self.turns if turn.device == device]


def always(outcome: TurnOutcome, took_ms: int) -> Behaviour:
    return lambda _: (outcome, took_ms)


healthy, dead = always(TurnOutcome.READ, 80), always(TurnOutcome.SILENT, 1_900)


def telling(story: list[tuple[TurnOutcome, int]], usual_ms: int = 80) -> Behaviour:
    """One that ends its first turns so, and is read in all others."""
    return lambda number: story[number - 1] if number <= len(story) else (TurnOutcome.READ, usual_ms)


def test_due_times_lie_on_the_wall_clock_and_a_read_starts_just_behind_its_slot_s_beginning() -> None:
    line = Line({"a": (10_000, 500, healthy)}, START + 3_210)
    line.run(35_000)
    assert line.tries("a") == [START + 10_001, START + 20_001, START + 30_001]


def test_the_earliest_deadline_goes_first() -> None:
    line = Line({"slow": (60_000, 500, healthy), "fast": (1_000, 500, healthy)})
    line.run(500)
    assert [turn.device for _, turn, _ in line.turns] == ["fast", "slow"]


@given(st.lists(st.sampled_from([1_000, 2_000, 5_000, 10_000]), min_size=1, max_size=8), st.integers(5, 100))
def test_on_a_line_with_room_every_due_time_is_served_once_and_in_time(periods: list[int], took: int) -> None:
    line = Line({f"d{i}": (period, 500, always(TurnOutcome.READ, took)) for i, period in enumerate(periods)})
    line.run(60_000)
    for i, period in enumerate(periods):
        turns = [(at, turn.due_ms) for at, turn, _ in line.turns if turn.device == f"d{i}"]
        last = turns[-1][1]
        assert [due for _, due in turns] == list(range(START, last + 1, period))
        assert last >= START + 60_000 - 2 * period
        assert all(due < at <= due + period for at, due in turns)
    assert not any(line.schedule.misfires.values())


def test_a_busy_line_skips_due_times_and_counts_them() -> None:
    line = Line({"a": (1_000, 500, always(TurnOutcome.READ, 2_500))})
    line.run(10_000)
    served = line.read("a")
    assert served == {START, START + 2_000, START + 5_000, START + 7_000}
    assert line.schedule.misfires["a"] == 4, "due at 1, 3, 4 and 6 s"


def test_a_dead_device_is_asked_less_and_less_often() -> None:
    line = Line({"a": (1_000, 1_900, dead)})
    line.run(3_600_000)
    rests = [b - a for a, b in pairwise(line.tries("a"))]
    assert len(line.tries("a")) < 25
    assert all(later >= earlier - 1_000 for earlier, later in pairwise(rests))
    assert rests[-1] > 300_000
    assert line.schedule.is_lost("a")


def test_a_dead_neighbour_costs_a_healthy_device_less_than_a_hundredth() -> None:
    line = Line({"good": (1_000, 500, healthy), "dead": (1_000, 1_900, dead)})
    line.run(3_600_000)
    assert len(line.read("good")) >= 0.99 * 3_600


def test_one_dead_from_the_start_with_a_timeout_longer_than_a_period_takes_only_what_is_left_over() -> None:
    silent = always(TurnOutcome.SILENT, 0)  # as long as it may, see `run`
    line = Line({"dead": (1_000, 700, silent), "good": (1_000, 340, healthy)})
    line.run(600_000)
    assert len(line.read("good")) >= 599
    assert len(line.tries("dead")) > 5


def test_who_always_takes_long_goes_last_and_is_waited_for_until_a_neighbour_would_lose_a_sample() -> None:
    line = Line({"slow": (1_000, 700, always(TurnOutcome.READ, 800)), "good": (1_000, 340, healthy)})
    line.run(20_000)
    settled = [(turn.device, turn.free_by_ms) for at, turn, _ in line.turns if at > START + 5_000]
    assert [device for device, _ in settled[:4]] in (["good", "slow"] * 2, ["slow", "good"] * 2)
    assert len(line.read("slow")) >= 18
    assert len(line.read("good")) >= 19


def slow_line() -> Line:
    """One that takes 0.78 of its second, and once so long that it is given up before its answer comes."""

    slow = telling([*[(TurnOutcome.READ, 780)] * 4, (TurnOutcome.SILENT, 1_000)], usual_ms=780)
    line = Line({"slow": (1_000, 1_000, slow), "a": (1_000, 1_000, healthy), "b": (1_000, 1_000, healthy)})
    while len(line.tries("slow")) < 5:
        line.run(1)
    return line


def test_one_late_answer_of_a_slow_device_costs_it_one_sample_at_most_and_its_neighbours_none() -> None:
    """It needs its whole period, which neighbours that are due each second never leave it."""
    line = slow_line()
    line.schedule.revive("slow", line.now)
    line.run(15_000)
    dues = {*range(START, START + 19_000, 1_000)}
    assert len(line.read("slow") & dues) >= len(dues) - 1
    assert line.read("a") >= dues
    assert line.read("b") >= dues


def test_who_was_heard_too_late_lives_and_is_read_without_being_asked_for_one_thing_first() -> None:
    line = slow_line()
    line.schedule.revive("slow", line.now)
    line.now = next_due(line.now, 1_000) + 1
    turns = [line.schedule.next(line.now) for _ in "ab"] + [line.schedule.next(line.now)]
    assert [(turn.device, turn.came_late) for turn in turns if isinstance(turn, Turn)] == [
        ("a", False), ("b", False), ("slow", True),
    ]  # fmt: skip


def test_a_quick_device_that_was_held_up_once_is_still_read_before_a_slow_one() -> None:
    """A machine stood still for a third of a second; or an answer came garbled."""
    held_up: list[Behaviour] = [
        lambda number: (TurnOutcome.READ, 340 if number == 5 else 30),
        lambda number: (TurnOutcome.GARBLED, 80) if number == 5 else (TurnOutcome.READ, 30),
    ]
    for behaviour in held_up:
        slow = always(TurnOutcome.READ, 780)
        line = Line({"slow": (1_000, 1_000, slow), "a": (1_000, 300, healthy), "b": (1_000, 300, behaviour)})
        line.run(20_000)
        late = [
            at - turn.due_ms for at, turn, outcome in line.turns if turn.device == "b" and outcome is TurnOutcome.READ
        ]
        assert sum(ms > 300 for ms in late) <= 2, late
        assert len(line.read("b")) >= 18


def test_an_answer_that_comes_late_ends_a_rest() -> None:
    line = Line({"a": (1_000, 500, dead)})
    line.run(120_000)
    before = len(line.tries("a"))
    line.run(2_000)
    assert len(line.tries("a")) == before, "it rests for a minute"
    line.schedule.revive("a", line.now)
    line.run(2_000)
    assert len(line.tries("a")) == before + 1
    assert not line.schedule.is_lost("a")


def test_one_whose_answers_carry_nothing_that_tells_them_apart_is_left_alone_while_it_owes_one() -> None:
    schedule = BusSchedule([ScheduledDevice("a", 1_000, 500)], START)
    turn = schedule.next(START + 1)
    assert isinstance(turn, Turn)
    schedule.report(turn, TurnOutcome.GARBLED, START + 500, 1_000, owed_ms=9_500)
    now = START + 501
    while isinstance(step := schedule.next(now), Idle):
        now = step.until_ms
    assert START + 10_000 <= now <= START + 11_001


def test_at_usual_periods_a_dead_neighbour_costs_nothing_at_all() -> None:
    line = Line({"good": (10_000, 500, healthy), "dead": (10_000, 1_900, dead)})
    line.run(3_600_000)
    assert len(line.read("good")) == 360
    assert all(at - turn.due_ms == 1 for at, turn, _ in line.turns if turn.device == "good")


def test_a_device_that_garbles_half_of_its_frames_is_tried_again_until_it_is_read() -> None:
    def garbling(number: int) -> tuple[TurnOutcome, int]:
        return (TurnOutcome.READ if number % 4 in (0, 1) else TurnOutcome.GARBLED), 150

    line = Line({"good": (5_000, 500, healthy), "bad": (5_000, 500, garbling)})
    line.run(600_000)
    assert len(line.read("bad")) >= 0.98 * 120
    assert all(at - turn.due_ms == 1 for at, turn, _ in line.turns if turn.device == "good")


def test_tries_of_one_sweep_are_bounded() -> None:
    line = Line({"bad": (60_000, 500, always(TurnOutcome.GARBLED, 150))})
    line.run(59_000)
    assert len(line.turns) == 6


def test_a_single_silence_is_tried_again_after_the_quarantine() -> None:
    line = Line({"a": (10_000, 500, telling([(TurnOutcome.SILENT, 500)]))})
    line.run(9_000)
    assert line.tries("a") == [START + 1, START + 1 + 500 + 1_000]
    assert not line.schedule.is_lost("a")


def test_a_device_that_comes_back_is_read_at_its_next_due_times_again() -> None:
    line = Line({"a": (1_000, 500, telling([(TurnOutcome.SILENT, 500)] * 4))})
    line.run(200_000)
    back = next(at for at, _, outcome in line.turns if outcome is TurnOutcome.READ)
    assert line.turns[4][1].probe
    assert len(line.read("a")) >= (START + 200_000 - back) // 1_000 - 1


def test_while_a_sleeper_wakes_its_neighbours_are_read_and_then_it_is_too() -> None:
    line = Line({"good": (200, 100, healthy), "sonde": (10_000, 1_900, telling([(TurnOutcome.WAKING, 5)]))})
    line.run(5_000)
    woken = [turn for _, turn, _ in line.turns if turn.device == "sonde"]
    assert [turn.woken for turn in woken] == [False, True]
    assert len(line.read("good")) >= 24


def test_a_line_that_is_down_puts_no_blame_on_its_devices() -> None:
    line = Line({"a": (1_000, 500, telling([(TurnOutcome.LINE_DOWN, 1)] * 20))})
    line.run(30_000)
    assert len(line.turns) == 30
    assert not line.schedule.is_lost("a")


def test_after_the_clock_was_set_back_reading_goes_on_at_once() -> None:
    line = Line({"a": (10_000, 500, healthy)})
    line.run(25_000)
    line.now -= 3_600_000
    line.schedule.realign(line.now)
    line.run(20_000)
    assert line.tries("a")[-1] == START - 3_600_000 + 40_001


@given(st.integers(0, 2**41), st.sampled_from([250, 1_000, 60_000]))
def test_the_next_due_time_is_the_first_multiple_not_before_now(now: int, period: int) -> None:
    due = next_due(now, period)
    assert due % period == 0
    assert now <= due < now + period


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [(TurnOutcome.READ, 60), (TurnOutcome.CUT, 60), (TurnOutcome.GARBLED, 150), (TurnOutcome.SILENT, 900)]
            ),
            min_size=1,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None)
def test_whatever_happens_no_device_is_ever_forgotten(stories: list[list[tuple[TurnOutcome, int]]]) -> None:
    line = Line({f"d{i}": (5_000, 1_000, telling(story)) for i, story in enumerate(stories)})
    unread = {f"d{i}" for i in range(len(stories))}
    for _ in range(sum(len(story) for story in stories)):
        line.run(400_000)
        unread = {device for device in unread if not line.read(device)}
        if not unread:
            break
    assert not unread


def test_while_one_measures_its_neighbours_have_the_line_and_it_is_fetched_when_it_is_ready() -> None:
    """SDI-12's concurrent measurement: the sensor needs the line to begin and to be fetched, not in between."""

    def measuring(number: int) -> tuple[TurnOutcome, int]:
        return (TurnOutcome.MEASURING, 100) if number % 2 else (TurnOutcome.READ, 200)

    line = Line(dict.fromkeys("abc", (10_000, 500, measuring)))
    line.run(9_000)
    assert [(turn.device, turn.measuring) for _, turn, _ in line.turns] == [
        ("a", False), ("b", False), ("c", False), ("a", True), ("b", True), ("c", True),
    ]  # fmt: skip
    began = {turn.device: at for at, turn, _ in line.turns[:3]}
    for at, turn, _ in line.turns[3:]:
        assert at >= began[turn.device] + 100 + 1_000, "not before its time"
    line.run(10_000)
    assert all(len(line.read(device)) == 2 for device in "abc")


def test_a_measurement_under_way_is_not_begun_again_by_the_next_due_time() -> None:
    line = Line({"a": (500, 200, telling([(TurnOutcome.MEASURING, 100)]))})
    line.run(2_000)
    assert [turn.measuring for _, turn, _ in line.turns[:2]] == [False, True]
