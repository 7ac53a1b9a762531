"""Rate of rule evaluation on one core: 20 rules of three levels on each channel, blocks of 10,000 readings.

Beside it the time that the same rows take to be made into a block, as the centre does with what it reads back: the
least that any evaluation of rows would cost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.rule import ChannelRule, RuleTexts
from alerts.trials.backtest import Run
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

MINUTE: Final = 60_000
RULES: Final = 20
BLOCK: Final = 10_000
YEAR_ROWS: Final = 47_000_000


def run(readings: int) -> Iterator[str]:
    """Yield the rate of each kind of course over so many readings of one channel, beside making blocks of them."""
    noise = np.random.default_rng(20261124).normal(0, 1, readings)
    minutes = np.arange(readings)
    tide = np.sin(2 * np.pi * minutes / 745)  # 12.42 h
    kinds = {
        "quiet": 6.0 + 0.1 * noise,
        "standing": 0.5 + 0.05 * noise,
        "crossing each tide": 3.0 + 1.5 * tide + 0.1 * noise,
        "crossing at random": 3.0 + noise,
    }
    baseline = readings / _seconds_to_make(kinds["quiet"])
    for name, values in kinds.items():
        seconds, alarms = _seconds_to_evaluate(values)
        rate = readings / seconds
        yield f"rules, {name:19} {rate:>12,.0f} readings/s  {rate / baseline:7.1f} x making blocks  {alarms} alarms"


def _rules() -> list[ChannelRule]:
    """Twenty rules whose limits lie a little apart."""
    levels = [(4.0, 4.3, 30, Severity.LOW), (3.0, 3.3, 10, Severity.HIGH), (2.0, 2.3, 5, Severity.CRITICAL)]
    base = ChannelRule(
        rule="", channel="bench/do", parameter="do", unit="mg/l", decimals=2, interval_ms=MINUTE, levels=(),
        use=frozenset({Quality.GOOD}), texts=RuleTexts(Words("Oxy", "Oxygen")),
    )  # fmt: skip
    return [
        replace(
            base,
            rule=f"rule-{number}",
            levels=tuple(
                Level(severity.word, Side.BELOW, limit - number / 100, clear, on * MINUTE, 30 * MINUTE, severity)
                for limit, clear, on, severity in levels
            ),
        )
        for number in range(RULES)
    ]


def _blocks(values: NDArray[np.float64]) -> Iterator[ReadingBlock]:
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK]
        t_ms = (start + np.arange(len(part))) * MINUTE
        good, ok = np.full(len(part), Quality.GOOD, np.int8), np.zeros(len(part), np.int8)
        yield ReadingBlock(t_ms=t_ms, value=part, quality=good, received_ms=t_ms, state=ok)


def _seconds_to_evaluate(values: NDArray[np.float64]) -> tuple[float, int]:
    blocks, course = list(_blocks(values)), Run(_rules())
    begun = time.perf_counter()
    for block in blocks:
        course.take(block)
    return time.perf_counter() - begun, course.alarms_so_far


def _seconds_to_make(values: NDArray[np.float64]) -> float:
    rows = [JudgedReading(i * MINUTE, value, Quality.GOOD, i * MINUTE) for i, value in enumerate(values.tolist())]
    begun = time.perf_counter()
    for start in range(0, len(rows), BLOCK):
        ReadingBlock.of(rows[start : start + BLOCK])
    return time.perf_counter() - begun
