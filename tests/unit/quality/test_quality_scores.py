"""The score of the tests beside experts' flags."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import pytest

from benchmarks import quality_scores


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
    lines = list(quality_scores.run(tmp_path))
    assert "visits.csv: no parameter with a flag beside it; left out" in lines
    temperature, ph = lines.index("sonde water_temp: 8 rejected"), lines.index("sonde ph: 0 rejected")
    # Eight of ten that the broken thermometer gives are rejected, of 88 good ones it blames two; F1 = 2·8 / (10 + 8).
    score = "P 0.80 R 1.000 F1 0.889 false 2.27 %"
    assert f"  thermometer: {score}" in lines[temperature:ph]
    assert "  thermometer: P 0.00 R 0.000 F1 0.000 false 10.42 %" in lines[ph:]
    if importlib.util.find_spec("ioos_qc") is None:
        assert sum(line.endswith("not installed") for line in lines) == 2


@pytest.mark.parametrize(("folder", "said"), [(None, "name a folder"), ("", "no CSV file with flags")])
def test_no_folder_and_an_empty_one_are_said(folder: str | None, said: str, tmp_path: Path) -> None:
    assert said in "".join(quality_scores.run(None if folder is None else tmp_path))
