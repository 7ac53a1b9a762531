"""Rules that the tests of alerts share: the oxygen rule of docs/rules.md and a small one."""

from __future__ import annotations

from alerts.evaluating.evaluation import Decision, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.rule import ChannelRule, RuleTexts
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

MINUTE = 60_000

WATCH = Level("watch", Side.BELOW, 4.0, 4.3, 30 * MINUTE, 30 * MINUTE, Severity.LOW, ("operators",))
ACT = Level("act", Side.BELOW, 3.0, 3.3, 10 * MINUTE, 30 * MINUTE, Severity.HIGH, ("farmers", "operators"))
DANGER = Level(
    "danger", Side.BELOW, 2.0, 2.3, 5 * MINUTE, 30 * MINUTE, Severity.CRITICAL, ("farmers", "operators"), True
)

TEXTS = RuleTexts(
    title=Words("Oxy thấp", "Low oxygen"),
    cause=Words("Tảo tàn, trời âm u, nước tù", "Algae die-off, overcast, stagnant water"),
    consequence=Words("Tôm nổi đầu, chết trước bình minh", "Shrimp surface and die before dawn"),
    response=Words("Chạy hết quạt, ngưng cho ăn, không lấy nước", "Run all aerators, stop feeding, take no water"),
    respond_within_ms=15 * MINUTE,
    sms=Words("{station} {time}: oxy {value} mg/l, duoi {limit}, {trend}. Chay het quat, ngung cho an.", ""),
)


def oxygen_rule(*levels: Level, interval_ms: int = MINUTE) -> ChannelRule:
    """The rule `do-low` on st-my-thanh/do, with the given levels or all three of the example."""
    return ChannelRule(
        rule="do-low",
        channel="st-my-thanh/do",
        parameter="do",
        unit="mg/l",
        decimals=2,
        interval_ms=interval_ms,
        levels=levels or (WATCH, ACT, DANGER),
        use=frozenset({Quality.GOOD}),
        texts=TEXTS,
    )


def small_rule(on_delay_ms: int = 30_000, off_delay_ms: int = 30_000) -> ChannelRule:
    """Issue 5's comparison: oxygen < 3.0 for 30 samples raises, > 3.3 for 30 clears, one sample a second."""
    return oxygen_rule(Level("act", Side.BELOW, 3.0, 3.3, on_delay_ms, off_delay_ms, Severity.HIGH), interval_ms=1000)


def run(
    rule: ChannelRule, samples: list[JudgedReading], state: RuleState | None = None
) -> tuple[RuleState, list[Decision]]:
    """Evaluate all samples as one block."""
    outcome = step(rule, state or RuleState(), ReadingBlock.of(samples))
    return outcome.state, outcome.decisions


def told(decisions: list[Decision], unit_ms: int = MINUTE) -> list[tuple[str, str | None, float]]:
    """What people may see of decisions: (kind, level, time in `unit_ms`)."""
    return [(d.kind.value, None if d.level is None else d.level.name, d.t_ms / unit_ms) for d in decisions]
