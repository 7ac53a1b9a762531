"""The score of the tests beside experts' flags."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality_comparison, quality_scores
from benchmarks.ioos_reference import TriedReadings, chosen, score_with
from quantrac.quality.accuracy import resting_up_to
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary


def test_a_folder_of_flagged_files_is_scored_and_a_file_without_flags_is_named(tmp_path: Path) -> None:
    rows = ["time,water_temp,water_temp_flag,ph,ph_flag"]
    for place in range(96):
        broken, experts = 40 <= place < 50, 40 <= place < 48
        flag = "<-3> [SSM]" if experts else "<0>"
        rows.append(
            f"2026-03-01T{place // 4:02d}:{15 * (place % 4):02d}:00Z,{60 if broken else 28 + place % 3},{flag},7.9,<0>"
        )
    (tmp_path / "sonde.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    (tmp_path / "visits.csv").write_text("time,person\n2026-03-01T00:00:00Z,A\n", "utf-8")
    lines = list(quality_comparison.run(tmp_path))
    assert "visits.csv: no parameter with a flag beside it; left out" in lines
    temperature, ph = lines.index("sonde water_temp: 8 rejected"), lines.index("sonde ph: 0 rejected")
    # Eight of ten that the broken thermometer gives are rejected, of 88 good ones it blames two; F1 = 2·8 / (10 + 8).
    score = "P 0.80 R 1.000 F1 0.889 false 2.27 %"
    assert f"  thermometer: {score}" in lines[temperature:ph]
    assert "  thermometer: P 0.00 R 0.000 F1 0.000 false 10.42 %" in lines[ph:]
    beside = [line for line in lines if line.startswith("ioos_qc: not installed")]
    assert len(beside) == (importlib.util.find_spec("ioos_qc") is None)


def test_fresh_water_may_keep_its_salinity_for_weeks_and_a_stuck_salt_one_is_flat() -> None:
    """A river of 0.1 ‰ moves by some per cent, which steps of 0.01 or 0.1 ‰ do not tell."""
    series = estuary(20)
    for salinity, resolution, is_flat in ((0.1, 0.1, False), (0.3, 0.01, True), (0.3, None, False), (21.0, 0.1, True)):
        told = {} if resolution is None else {"salinity": resolution}
        still = replace(series, values={"salinity": np.full(len(series), salinity)}, resolution=told)
        flag = quality_scores.channel_flags(still, "salinity")["flat"]
        assert (flag.max() >= Quality.SUSPECT) == is_flat, (salinity, resolution)
    assert resting_up_to("ec", 0.01) == pytest.approx(0.2)
    assert resting_up_to("ph", 0.1) == -np.inf


def test_settings_of_ioos_qc_are_chosen_within_the_false_flags_of_every_station() -> None:
    """Of 1,000 readings 100 are rejected: one setting finds half and blames 5 good ones, one finds all and 90 more."""
    rejected = np.arange(1000) < 100
    judge = partial(quality_scores.score_of, rejected=rejected, value=np.ones(1000))
    some, many, rest = (np.zeros(1000, np.bool_) for _ in range(3))
    some[50:105], many[:190], rest[:20] = True, True, True
    here = TriedReadings([some, many, rest], judge)
    assert chosen([here]) == [0, 2]
    # Hits 50 + 20 of 100, 75 blamed: F1 = 2 * 70 / 175.
    assert score_with([0, 2], here).f1 == pytest.approx(0.8)
    assert score_with([], here).flagged == 0
    elsewhere = TriedReadings([many, some, rest], judge)
    assert chosen([here, elsewhere]) == [2]


@pytest.mark.parametrize(("folder", "said"), [(None, "name a folder"), ("", "no CSV file with flags")])
def test_no_folder_and_an_empty_one_are_said(folder: str | None, said: str, tmp_path: Path) -> None:
    assert said in "".join(quality_comparison.run(None if folder is None else tmp_path))
