"""The one alarm of twins: where they stand, and at which of them the alarm does. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from alerts.evaluating.announcement import Event
from alerts.evaluating.reading_window import instant
from alerts.evaluating.readings import hour_before
from alerts.evaluating.rule_memory import RuleMemory
from alerts.evaluating.twins import have_twins, joint, level_key
from alerts.rules.rule import ChannelRule
from quantrac.database.pool import Connection

Story = tuple[str, str, str]
"""(rule, station, parameter)."""

STANDS_AT: Final = """
select channel_id from alarm
where rule = %s and station = %s and channel_id = any(%s) and cleared_at is null and not late order by alarm_id limit 1
"""


def story_of(rule: ChannelRule) -> Story:
    """Return what twins have in common."""
    return rule.rule, rule.station, rule.parameter


def twins_of(rules: Mapping[str, Sequence[ChannelRule]]) -> dict[Story, list[ChannelRule]]:
    """Return the rules of all twins of a network."""
    found: dict[Story, list[ChannelRule]] = {}
    for own in rules.values():
        for rule in own:
            if have_twins(rule):
                found.setdefault(story_of(rule), []).append(rule)
    return {story: twins for story, twins in found.items() if len(twins) > 1}


@dataclass
class TwinAlarms:
    """What becomes of the decisions of one transaction, in their order."""

    conn: Connection
    memory: RuleMemory
    twins: Mapping[Story, Sequence[ChannelRule]]
    ids: Mapping[str, int]
    """Numbers of channels."""
    _standing: dict[Story, dict[str, str | None]] = field(default_factory=dict)

    def joined(self, event: Event) -> Event | None:
        """Return what an event makes of the alarm of its twins; None: nothing. One without twins stays as it is."""
        story = story_of(event.rule)
        twins = [rule for rule in self.twins.get(story, ()) if rule.channel in self.ids]
        if event.channel_id is None or len(twins) < 2:
            return event
        standing = self._levels(story, twins)
        made = joint(event.rule, event.decision, standing)
        standing[event.rule.channel] = level_key(event.decision)
        stands_at = self.conn.execute(STANDS_AT, [*story[:2], [self.ids[rule.channel] for rule in twins]]).fetchone()
        if made.decision is None:
            return None
        joined = replace(event, decision=made.decision, stands_at=None if stands_at is None else stands_at[0])
        return joined if made.channel == event.rule.channel else self._at(made.channel, twins, joined)

    def _levels(self, story: Story, twins: Sequence[ChannelRule]) -> dict[str, str | None]:
        if story not in self._standing:
            self._standing[story] = {
                rule.channel: self.memory.state(rule.station, (rule.rule, self.ids[rule.channel])).level
                for rule in twins
            }
        return self._standing[story]

    def _at(self, channel: str, twins: Sequence[ChannelRule], event: Event) -> Event:
        """Return the event as one of the other twin that is now the worst, with its newest value."""
        rule = next(twin for twin in twins if twin.channel == channel)
        course = hour_before(self.conn, channel, instant(event.decision.t_ms))
        value = course[-1][1] if course else event.decision.value
        return replace(event, rule=rule, decision=replace(event.decision, value=value))
