"""What the workbench draws: gaps, lanes, companions; and that every act of it is a desk function and a command."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.console import workbench_page
from dashboards.console.remarks import ReadingRemark, joined
from dashboards.console.texts import TEXTS
from dashboards.console.workbench import BenchChannel, BenchStation, by_parameter, companions, lanes, with_gaps
from quantrac.cli.commands.review import app
from quantrac.desks.roles import MATRIX, DeskAct
from quantrac.telemetry.quality import StatelessTest


def channel(name: str, station: str = "st-a", parameter: str | None = None, north: float | None = 9.0) -> BenchChannel:
    at = BenchStation(station, "A", "A", north, 106.0)
    return BenchChannel(at, f"{station}/{name}", name, parameter or name, "1", 60.0, None, False)


def test_a_gap_stays_open_and_a_single_point_is_one() -> None:
    assert list(with_gaps([(60.0, 1.0), (120.0, 2.0), (600.0, 3.0)], 60.0)) == [
        (60.0, 1.0), (120.0, 2.0), (180.0, None), (600.0, 3.0),
    ]  # fmt: skip
    assert list(with_gaps([(60.0, 1.0)], 60.0)) == [(60.0, 1.0)]
    assert list(with_gaps([], 60.0)) == []


@given(st.dictionaries(st.sampled_from(["spike", "range"]), st.sets(st.integers(1, 60), min_size=1)))
def test_a_lane_has_every_point_that_is_blamed_once(blamed: dict[str, set[int]]) -> None:
    rows = [(word, 60.0 * at, 2) for word in sorted(blamed) for at in sorted(blamed[word])]
    found = lanes(rows, 60.0)
    assert set(found) == set(blamed)
    for word, spans in found.items():
        covered = [at for low, high, _ in spans for at in range(round(low / 60) + 1, round(high / 60) + 1)]
        assert covered == sorted(blamed[word])
        assert sum(readings for *_, readings in spans) == 2 * len(covered)
        assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))


def test_what_is_said_of_points_side_by_side_is_said_once_in_the_strongest_words() -> None:
    def said(t: float, tests: list[str], score: float | None, words: str | None, *person: Any) -> ReadingRemark:
        return ReadingRemark(t - 60, t, tests, score, words, *(person or (None, None, None)))

    found = joined(
        [
            said(60, ["spike"], 1.5, "a"), said(120, ["spike"], 2.5, "b"), said(180, ["spike"], 2.0, "c"),
            said(180, ["rate"], 1.0, "weaker, of the same point", 4, "An", "vỡ"),
            said(360, ["range"], None, None), said(420, ["range"], None, None),
            said(600, ["range"], None, None),
        ],
        60.0,
    )  # fmt: skip
    assert found == [
        (0, 120, ["spike"], 2.5, "b", None, None, None), (120, 180, ["spike"], 2.0, "c", 4, "An", "vỡ"),
        (300, 420, ["range"], None, None, None, None, None), (540, 600, ["range"], None, None, None, None, None),
    ]  # fmt: skip


def test_companions_are_the_tide_the_temperature_and_the_same_next_door() -> None:
    here = [channel(name) for name in ("do", "water_temp")]
    second = channel("level_temp", parameter="water_temp")
    far = [channel(name, "st-far", north=10.0) for name in ("do", "water_level", "water_temp")]
    near = [channel("do", "st-near", north=9.1), channel("water_level", "st-lost", north=None)]
    known = [*far, second, *near, *here]

    def found(of: BenchChannel) -> list[str]:
        return [one.channel for one in companions(of, by_parameter(known))]

    assert found(here[0]) == ["st-far/water_level", "st-a/water_temp", "st-near/do"]
    assert found(here[1]) == ["st-far/water_level", "st-far/water_temp"]
    assert found(far[1]) == ["st-far/water_temp", "st-lost/water_level"]
    assert companions(here[0], by_parameter(here[:1])) == []


def test_every_act_of_the_page_is_a_function_of_the_desk_and_a_command() -> None:
    desks = dict(name.split(".")[:1:-1] for name in MATRIX[DeskAct.REVIEW].functions)
    del desks["flag_each"]  # of experts' flags in files: `quantrac import csv --flags`
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    page = Path(workbench_page.__file__).read_text("utf-8")
    posted = {
        line.rpartition("/")[2].removesuffix('")') for line in page.splitlines() if line.strip().startswith("@app.post")
    }
    assert posted == desks.keys()
    assert posted == {name for name, desk in desks.items() if f"{desk}.{name}(" in page}
    assert posted | {"queue", "show"} <= commands


@pytest.mark.parametrize("word", [*(test.word for test in StatelessTest), "spike", "flat", "rate", "state"])
def test_every_test_has_a_word_for_people(word: str) -> None:
    assert f"test_{word}" in TEXTS
