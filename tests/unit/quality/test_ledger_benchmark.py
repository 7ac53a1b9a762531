"""The benchmark of the service ledger reads recordings from any folder, and counts as people would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality_ledger import run
from tests.unit.quality.recorded_season import SERVICES, TIMES, fouled, season


def stamps(times: list[int]) -> list[str]:
    return [stamp.strftime("%Y-%m-%dT%H:%M:%SZ") for stamp in pd.to_datetime(times, unit="us")]


def test_a_station_with_log_flags_and_drifts_is_scored_and_one_of_other_parameters_is_passed_over(
    tmp_path: Path,
) -> None:
    inner = tmp_path / "river"
    inner.mkdir()
    ec = season({"ec": fouled({1: 3.0})}).values["ec"]  # noqa: PD011 - a mapping, no frame
    wrong = (SERVICES[0] <= TIMES) & (SERVICES[1] > TIMES)
    table = pd.DataFrame({"time": stamps(TIMES.tolist()), "ec": ec, "ec_flag": np.where(wrong, "<-3> [SSD]", "<0>")})
    table.to_csv(inner / "river.csv.gz", index=False)
    end = stamps([SERVICES[1]])[0]
    start = stamps([SERVICES[0]])[0]
    (inner / "river_drift.csv").write_text(f"channel,start,end,gap\nec,{start},{end},-3.0\n")
    pd.DataFrame({"time": stamps(TIMES[:200].tolist()), "wind": 1.0}).to_csv(tmp_path / "wind.csv.gz", index=False)
    lines = list(run(tmp_path))
    logged = lines[next(number for number, line in enumerate(lines) if "services of the log" in line) :]
    assert "P 1.00" in logged[1]  # nothing but the fouled deployment was rejected
    assert "perfect ledger F1 1.00" in logged[1]  # it was rejected whole
    assert "corrections 1, proposed 1" in logged[3]
    assert "(without any 3)" in logged[3]
    assert not any("wind" in line for line in lines)


def test_a_folder_without_recordings_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"found no \*\.csv\.gz"):
        list(run(tmp_path))
