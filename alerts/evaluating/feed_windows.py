"""The windows of readings that a round needs: what rules do not know yet, with context, and what comes late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from alerts.evaluating.evaluation import RuleState
from alerts.evaluating.readings import Key, Window, hull, instant, milliseconds
from alerts.rules.rule import ChannelRule


def divided(
    windows: Mapping[int, list[Window]],
    rules: Mapping[int, Sequence[ChannelRule]],
    states: Mapping[Key, RuleState],
) -> tuple[list[Window], list[Window]]:
    """Return what lies beyond the cursor of some rule of its channel, with context, and what lies behind all of them.

    A backfill of days, read again with every live reading, would otherwise hold up what is happening now.
    """
    ahead: list[Window] = []
    behind: list[Window] = []
    for id_, found in windows.items():
        known_ms = min(states[rule.rule, id_].cursor_ms or -1 for rule in rules[id_])
        known = instant(known_ms)
        if (old := hull(window for window in found if window.to_t <= known)) is not None:
            behind.append(old)
        if (new := hull(window for window in found if window.to_t > known)) is not None:
            ahead.append(_with_context(replace(new, from_t=max(new.from_t, instant(known_ms + 1))), rules[id_]))
    return ahead, behind


def _with_context(window: Window, rules: Sequence[ChannelRule]) -> Window:
    """Widen a window by what rules of its channel look back."""
    memory = max(rule.measure.window_ms for rule in rules)
    if not memory:
        return window
    start = window.from_t
    return replace(window, from_t=start - timedelta(milliseconds=memory), start_ms=milliseconds(start))
