"""Departure from what month and tide make normal: the formula by hand, and on the recorded year."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.evaluating.evaluation import RuleState, step
from alerts.evaluating.stored_normals import _informed
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.normals import ALL_PHASES, LEAST_READINGS, Cell, Normals, normal_cells
from alerts.rules.rule import UTC_CLOCK, Measure, MeasureKind
from alerts.rules.tide import Tide
from quantrac.config.rules import Level, Side
from quantrac.config.tides import TidePhase
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from tests.unit.alerts.rules import MINUTE, oxygen_rule, run, told
from tests.unit.alerts.test_recorded_year import QUARTER, recorded

M2 = Tide((("M2", 1.0, 0.0),))
HOUR = 60 * MINUTE
SUMMER = int(datetime(2026, 7, 10, tzinfo=UTC).timestamp() * 1000)


def test_a_departure_is_the_distance_from_the_median_in_mads() -> None:
    values = np.array([4.0, 5.0, 6.0, 9.0] * 60)
    t_ms = SUMMER + MINUTE * np.arange(len(values))
    (cell,) = normal_cells(t_ms, values, UTC_CLOCK, None)
    assert (cell.month, cell.phase, cell.median, cell.mad, cell.count) == (7, ALL_PHASES, 5.5, 1.0, 240)
    normals = Normals.of([cell], 2)
    assert normals.departures(t_ms[:2], np.array([2.5, 7.5]), UTC_CLOCK, None).tolist() == [-3.0, 2.0]


def test_each_month_and_tide_phase_has_its_own_and_too_few_readings_have_none() -> None:
    t_ms = SUMMER + 10 * MINUTE * np.arange(6 * 24 * 20)
    phase = M2.phases(t_ms - 1)
    values = np.where(phase == TidePhase.HIGH, 20.0, 5.0) + np.arange(len(t_ms), dtype=np.float64) % 2
    cells = {cell.phase: cell for cell in normal_cells(t_ms, values, UTC_CLOCK, M2)}
    medians = {kind: cell.median for kind, cell in cells.items()}
    assert medians == pytest.approx({0: 20.5, 1: 5.5, 2: 5.5, 3: 5.5}, abs=0.5)
    normals = Normals.of(list(cells.values()), 2)
    departures = normals.departures(t_ms, values, UTC_CLOCK, M2)
    assert np.abs(departures).max() <= 1.0 / 0.005  # MADs of half a hundredth at least
    assert np.isnan(normals.departures(t_ms + 60 * 86_400_000, values, UTC_CLOCK, M2)).all()  # September was never seen
    assert normal_cells(t_ms[: LEAST_READINGS - 1], values[: LEAST_READINGS - 1], UTC_CLOCK, None) == []


def test_the_least_mad_is_that_of_the_resolution_whatever_is_shown() -> None:
    level = Level("act", Side.ABOVE, 5.0, 3.0, 0, 0, Severity.LOW)
    own = replace(oxygen_rule(level), parameter="nh3", decimals=1, measure=Measure(MeasureKind.DEPARTURE))
    known = _informed(own, {own.channel: [Cell(7, ALL_PHASES, 0.02, 0.0, 999)]}).normals
    assert known is not None
    departures = known.departures(np.array([SUMMER]), np.array([0.0205]), UTC_CLOCK, None)
    assert departures == pytest.approx([10.0])


def test_the_month_is_the_local_one() -> None:
    last_hour_of_june = int(datetime(2026, 6, 30, 20, tzinfo=UTC).timestamp() * 1000)  # 03:00 on 1 July at the station
    cells = [Cell(6, ALL_PHASES, 4.0, 1.0, 999), Cell(7, ALL_PHASES, 8.0, 1.0, 999)]
    normals = Normals.of(cells, 2)
    assert normals.departures(
        np.array([last_hour_of_june]), np.array([8.0]), ZoneInfo("Asia/Ho_Chi_Minh"), None
    ).tolist() == [0.0]


def test_a_series_that_never_moves_departs_by_units_of_its_last_decimal_not_by_infinity() -> None:
    normals = Normals.of([Cell(7, ALL_PHASES, 4.0, 0.0, 999)], 2)
    assert normals.departures(np.array([SUMMER]), np.array([4.01]), UTC_CLOCK, None)[0] == pytest.approx(2.0)


def test_without_normals_nothing_rises_and_with_them_a_level_counts_mads() -> None:
    level = Level("act", Side.BELOW, -6.0, -3.0, 3 * MINUTE, 2 * MINUTE, Severity.LOW)
    rule = replace(oxygen_rule(level), measure=Measure(MeasureKind.DEPARTURE))
    samples = [JudgedReading(SUMMER + i * MINUTE, 2.0 if i < 5 else 4.0, Quality.GOOD, SUMMER) for i in range(10)]
    samples = [s._replace(received_ms=s.t_ms) for s in samples]
    assert run(rule, samples)[1] == []
    known = replace(rule, normals=Normals.of([Cell(7, ALL_PHASES, 4.0, 0.25, 999)], 2))
    assert [(kind, t - SUMMER / MINUTE) for kind, _, t in told(run(known, samples)[1])] == [
        ("raised", 2),
        ("cleared", 6),
    ]


def test_on_the_recorded_year_the_normal_is_the_median_and_few_readings_depart_far() -> None:
    good = [s for s in recorded()["salinity"] if s.quality == Quality.GOOD and s.value is not None]
    t_ms = np.array([s.t_ms for s in good])
    values = np.array([s.value for s in good])
    cells = normal_cells(t_ms, values, UTC_CLOCK, M2)
    assert len(cells) >= 11 * 4
    august = values[[datetime.fromtimestamp((t - 1) / 1000, UTC).month == 8 for t in t_ms.tolist()]]
    (whole,) = [cell for cell in normal_cells(t_ms, values, UTC_CLOCK, None) if cell.month == 8]
    assert whole.median == median(august.tolist())
    departures = np.abs(Normals.of(cells, 1).departures(t_ms, values, UTC_CLOCK, M2))
    assert np.nanmedian(departures) == pytest.approx(1.0, abs=0.1)  # by definition of the MAD
    assert np.mean(departures > 6) < 0.03


def test_on_the_recorded_year_a_rule_of_departure_raises_on_few_days() -> None:
    good = [s for s in recorded()["salinity"] if s.quality == Quality.GOOD and s.value is not None]
    cells = normal_cells(np.array([s.t_ms for s in good]), np.array([s.value for s in good]), UTC_CLOCK, None)
    level = Level("act", Side.BELOW, -6.0, -4.0, HOUR, 6 * HOUR, Severity.LOW)
    rule = replace(
        oxygen_rule(level, interval_ms=QUARTER), measure=Measure(MeasureKind.DEPARTURE), normals=Normals.of(cells, 1)
    )
    decisions = step(rule, RuleState(), ReadingBlock.of(recorded()["salinity"])).decisions
    days = {decision.t_ms // 86_400_000 for decision in decisions}
    assert 1 <= len(days) <= 36  # a tenth of the year
