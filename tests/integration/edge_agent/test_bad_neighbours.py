"""Lines with a faulty instrument: no value is ever wrong, and its healthy neighbours are read on time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_agent.modbus.bus import ModbusBus
from edge_agent.readings.misses import LineDown
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Bus
from tests.fixtures.instruments import now_ms
from tests.integration.edge_agent.tally_lines import SIGNALS, Story, Told, told_at_once

SECONDS = int(os.environ.get("QUANTRAC_TEST_LINE_SECONDS", "26"))
LEARNING = 4
"""Periods at the beginning in which a bus finds out who answers how."""
TELLINGS = 3
"""A line that keeps its promise in one of so many tellings keeps it: a machine that stalls is no fault of ours."""
GOOD, SLOW, GARBLING = 0.99, 0.95, 0.90
"""The shares of readings that have to come of a unit in order, of a slow one, of one that garbles half its frames."""
SPREAD = tuple(f"tally_{pair}" for pair in range(0, 60, 14))
"""Five requests."""
EVERYTHING = (
    "late:0.1s..3s,0.1@2", "garble:0.2@2", "truncate:0.1@2", "noise-before:0.2@2", "noise-after:0.2@2", "length:0.1@2",
    "foreign:0.1@2", "exception:4,0.05@2", "split:20ms,0.3@2", "dead,0.1@2",
)  # fmt: skip
TIMED = {
    # 2 answers after its timeout, 3 garbles half of its answers, 4 is dead
    "mixed": Story([1, 2, 3, 4, 5], ["latency:0.33s@2", "garble:0.5@3", "dead@4"], signals=SIGNALS[:1]),
    "slow": Story([1, 2], ["latency:0.78s@2"], timeout_ms=500, period_ms=2_500),
    # always 0.8 s, each second, on RTU and on TCP; and one that takes 20 ms or 1 to 4.5 s: one limit has to suit both
    "slow each second": Story([2, 1, 3], ["latency:0.78s@2"], timeout_ms=500, signals=SIGNALS[:1]),
    "slow over TCP": Story([2, 1, 3], ["latency:0.78s@2"], timeout_ms=500, signals=SIGNALS[:1], kind="modbus-tcp"),
    # five reads of 0.4 s each second: twice as much as there is
    "overloaded": Story([2, 1, 3], ["latency:0.38s@2"], timeout_ms=500, signals=SPREAD),
    "late now and then, first": Story([2, 1, 3], ["late:1s..4.5s,0.3@2"]),
    "dead, long timeout": Story([2, 1, 3], ["dead@2"], timeout_ms=1_500),
    "chatter": Story([1, 2], ["chatter:0.1s..0.6s@*"]),
    "flapping": Story([1, 2], ["flap:4s@2"]),
    # as late as the timeout, the guard time and the rest of a silent unit together: the answer comes when it is asked
    # again, or for its other signal, and fits (without a fence 5 of 6 such lines gave wrong values)
    "late as the pause": Story([1, 2], ["late:1.45s..2.1s@2"]),
    "late as the pause, again": Story([1, 2], ["late:1.45s..2.1s@2"], seed=2),
    "very late": Story([1, 2], ["late:2.2s..4.5s@2"]),
    "everything": Story([1, 2], EVERYTHING),
    "echo": Story([1], ["echo@1", "noise-before:0.2@1"], echo=True),
    "hangs up": Story([1, 2], ["hangup:0.1@2", "late:0.3s..3s,0.3@2"], kind="modbus-tcp"),
}
"""Lines of which shares of readings are judged; these run with nothing beside them."""
PROMISED: Mapping[str, Mapping[int, float]] = {
    "mixed": {1: GOOD, 2: SLOW, 3: GARBLING, 5: GOOD},
    "slow": {1: GOOD, 2: SLOW},
    "slow each second": {1: GOOD, 2: SLOW, 3: GOOD},
    "slow over TCP": {1: GOOD, 2: SLOW, 3: GOOD},
    "overloaded": {1: GOOD, 3: GOOD},
    "late now and then, first": {1: GOOD, 3: GOOD},
    "dead, long timeout": {1: GOOD, 3: GOOD},
    "chatter": {1: GOOD, 2: GOOD},
    # half of the time is the most; a try in rest after rest brought nothing
    "flapping": {1: GOOD, 2: 0.15},
}
"""Which share of a unit's readings has to come; of the other lines all readings of unit 1."""


def has_no_value_behind_8_s(samples: Sequence[Sample], served: Sequence[dict[str, Any]]) -> bool:
    return not served or not any(sample.t_ms - served[0]["t"] > 8_000 for sample in samples)


def has_too_little(samples: Sequence[Sample], served: Sequence[dict[str, Any]]) -> bool:
    return len(samples) < 10


AWAY = {
    "unplugged": Story([1], ["unplug@1+5s..8s"], timeout_ms=500, goes_on=has_no_value_behind_8_s),
    "server restarted": Story(
        [1], ["unplug@1+5s..8s"], timeout_ms=500, kind="modbus-tcp", goes_on=has_no_value_behind_8_s
    ),
    "half open": Story([1], ["half-open@1+5s..8s"], timeout_ms=500, kind="modbus-tcp", goes_on=has_no_value_behind_8_s),
    "half open line": Story(
        [1], ["half-open@1+5s..8s"], timeout_ms=500, kind="modbus-rtu-tcp", goes_on=has_no_value_behind_8_s
    ),
}
UNTIMED = {
    **AWAY,
    "late now and then": Story([1], ["late:1s..4.5s,0.3@1"], goes_on=has_too_little),
    "late over a network": Story(
        [1, 2], ["late:0.3s..3s,0.2@2", "busy,0.1@2", "length:0.1@2"], kind="modbus-rtu-tcp", goes_on=has_too_little
    ),
}
UNTIMED_SECONDS = 14
Lines = Mapping[str, Sequence[Told]]
"""Every telling of each line."""


def keeps_its_promise(name: str, line: Told) -> bool:
    """Whether the share that was promised of each unit came."""
    learning = 2 if name == "slow" else LEARNING
    promised = PROMISED.get(name, {1: GOOD})
    return all(line.delivered(unit, learning) >= share for unit, share in promised.items())


@pytest.fixture(scope="module")
def timed_lines(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """All lines side by side; then, with nothing else going on, those again that have missed a share."""
    lines: dict[str, list[Told]] = {name: [] for name in TIMED}
    for _ in range(TELLINGS):
        missed = {
            name: story
            for name, story in TIMED.items()
            if not any(keeps_its_promise(name, line) for line in lines[name])
        }
        for name, line in tell(missed, SECONDS, tmp_path_factory.mktemp("lines")).items():
            lines[name].append(line)
    return lines


@pytest.fixture(scope="module")
def untimed_lines(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    lines = tell(UNTIMED, UNTIMED_SECONDS, tmp_path_factory.mktemp("lines"))
    return {name: [line] for name, line in lines.items()}


def tell(stories: Mapping[str, Story], seconds: float, folder: Path) -> Mapping[str, Told]:
    if not stories:
        return {}
    lines = asyncio.run(told_at_once(stories, seconds, folder))
    for name, line in lines.items():
        print(name, shares(line), dict(line.misses))
    print("the machine stood still:", [high - low for low, high in next(iter(lines.values())).stalls])
    return lines


def shares(line: Told) -> Mapping[int, float]:
    return {unit: round(line.delivered(unit, LEARNING), 3) for unit in line.story.units}


@pytest.mark.timed
@pytest.mark.parametrize("name", TIMED)
def test_bad_neighbours_cost_nothing_and_who_is_slow_or_garbles_is_still_read(timed_lines: Lines, name: str) -> None:
    """0.33 s where 0.2 s was set, 0.8 s where 0.5 s was set; half of the frames damaged."""
    lines = timed_lines[name]
    assert any(keeps_its_promise(name, line) for line in lines), [(shares(line), line.misses) for line in lines]


@pytest.mark.timed
def test_one_that_is_late_now_and_then_is_not_given_up_and_one_that_is_dead_says_nothing(timed_lines: Lines) -> None:
    assert any(line.heard(2) >= 5 for line in timed_lines["late now and then, first"])
    assert not any(line.samples[4] for line in timed_lines["mixed"])


@pytest.mark.timed
@pytest.mark.parametrize("name", TIMED)
def test_no_value_is_of_another_request_another_register_or_another_time(timed_lines: Lines, name: str) -> None:
    judge(name, timed_lines[name])


@pytest.mark.parametrize("name", UNTIMED)
def test_no_value_is_of_another_request_where_nothing_is_timed(untimed_lines: Lines, name: str) -> None:
    judge(name, untimed_lines[name])


def judge(name: str, lines: Sequence[Told]) -> None:
    """No value of any telling is wrong, and what should have happened did."""
    for line in lines:
        assert line.wrong() == []
    assert any(line.samples[1] for line in lines)
    assert any(line.struck for line in lines) or name in (*AWAY, "chatter", "echo")


@pytest.mark.parametrize("name", AWAY)
def test_a_line_that_went_away_is_read_again(untimed_lines: Lines, name: str) -> None:
    """Unplugged, restarted, or a connection that is dead without having been closed: from 5 to 8 s."""
    (line,) = untimed_lines[name]
    there = [sample.t_ms - line.served[0]["t"] for sample in line.samples[1]]
    assert min(there) < 5_000
    assert [t for t in there if t > 8_000]
    if name in ("unplugged", "server restarted"):
        assert line.misses["line"]["line"] >= 1


def test_a_port_that_is_not_there_says_so() -> None:
    async def opening() -> None:
        await ModbusBus(Bus(name="line", kind="modbus-rtu", port="/dev/serial/by-id/none"), now_ms).open()

    with pytest.raises(LineDown, match="no such port; is the adapter plugged in"):
        asyncio.run(opening())
