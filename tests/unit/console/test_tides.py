"""The tides of the overview: high and low water by a predicted course, from files that people change."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from alerts.rules.tide import Tide
from dashboards.console.tide_table import TideTable, course
from quantrac.config.loader import load_network, load_settings
from tests.fixtures.console import CONFIGS

AT = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1000)
MINUTE_MS = 60_000


def test_high_and_low_waters_are_the_extremes_of_the_curve_to_a_minute() -> None:
    for place in load_settings(CONFIGS).tides.values():
        found = course(place, AT)
        assert found.start <= AT_MS - 8 * 60 * MINUTE_MS + found.step
        assert found.start + found.step * (len(found.heights) - 1) >= AT_MS + 27 * 60 * MINUTE_MS
        tide = Tide(tuple((name, one.amplitude, one.lag) for name, one in place.constituents.items()))
        assert np.allclose(
            found.heights[:2], tide.heights(np.array([found.start, found.start + found.step])), atol=1e-3
        )
        assert len(found.turns) >= 3
        assert {one.high for one in found.turns} == {True, False}
        assert all(a.high != b.high for a, b in zip(found.turns, found.turns[1:], strict=False))
        for turn in found.turns:
            near = turn.t + MINUTE_MS * np.arange(-30, 31)
            heights = tide.heights(near)
            best = near[np.argmax(heights) if turn.high else np.argmin(heights)]
            assert abs(int(best) - turn.t) <= 2 * MINUTE_MS
            assert abs(turn.height - float(heights[30])) < 0.005


def test_a_table_reads_changed_files_keeps_what_it_knew_where_they_are_wrong_and_shows_only_what_one_may_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "network.yaml"
    table = TideTable(tmp_path)
    assert table.courses(AT, None) == []  # there is no file yet
    shutil.copy(CONFIGS / "network.yaml", file)
    assert [one.stations for one in table.courses(AT, None)] == [["st-my-thanh", "st-tran-de"], ["st-dai-ngai"]]
    assert [one.stations for one in table.courses(AT, frozenset({"st-dai-ngai"}))] == [["st-dai-ngai"]]
    assert [one.stations for one in table.courses(AT, frozenset({"st-tran-de"}))] == [["st-tran-de"]]
    assert table.courses(AT, frozenset()) == []
    text = file.read_text(encoding="utf-8")
    file.write_text("tides: [", encoding="utf-8")
    assert len(table.courses(AT, None)) == 2
    file.write_text(text.replace("stations: [st-dai-ngai]", "stations: [st-vinh-chau]"), encoding="utf-8")
    assert table.courses(AT + timedelta(hours=1), None)[1].stations == ["st-vinh-chau"]
    assert TideTable().courses(AT, None) == []


def test_the_settings_alone_are_those_of_the_whole_network() -> None:
    for overlay in (None, "demo"):
        assert load_settings(CONFIGS, overlay) == load_network(CONFIGS, overlay).settings
