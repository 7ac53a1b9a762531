"""The one alarm of twins: where each of them stands, and what a decision makes of it. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.evaluating.announcement import Event
from alerts.evaluating.reading_window import instant
from alerts.evaluating.readings import hour_before
from alerts.evaluating.rule_memory import RuleMemory
from alerts.evaluating.twins import Story, joint, level_key, story_of
from alerts.rules.rule import ChannelRule
from quantrac.database.pool import Connection


def twins_of(rules: Mapping[str, Sequence[ChannelRule]]) -> dict[Story, list[ChannelRule]]:
    """Return the rules of all twins of a network."""
    found: dict[Story, list[ChannelRule]] = {}
    for own in rules.values():
        for rule in own:
            if (story := story_of(rule)) is not None:
                found.setdefault(story, []).append(rule)
    return {story: twins for story, twins in found.items() if len(twins) > 1}


@dataclass
class TwinAlarms:
    """Turns the decisions of one transaction, in their order, into events of the joint alarms."""

    conn: Connection
    memory: RuleMemory
    twins: Mapping[Story, Sequence[ChannelRule]]
    ids: Mapping[str, int]
    """Numbers of channels."""
    _standing: dict[Story, dict[str, str | None]] = field(default_factory=dict)

    def joined(self, event: Event) -> Event | None:
        """Return what an event makes of the alarm of its twins; None: nothing. One without twins stays as it is."""
        story = story_of(event.rule)
        twins = [rule for rule in self.twins.get(story, ()) if rule.channel in self.ids] if story is not None else []
        if story is None or event.channel_id is None or len(twins) < 2:
            return event
        standing = self._levels(story, twins)
        made = joint(event.rule, event.decision, standing)
        standing[event.rule.channel] = level_key(event.decision)
        if made.decision is None:
            return None
        joined = replace(event, decision=made.decision)
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
