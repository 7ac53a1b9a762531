"""What each person has been told of late: what decides whether a further message is held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerts.telling.contact import Medium
from alerts.telling.holding import Told
from alerts.telling.outbox import Queued
from alerts.telling.routes import Routing
from quantrac.database.pool import Connection

PLACE: Final = "select rule, station, channel_id from alarm where alarm_id = %s"
CHANNEL: Final = "select channel_id from channel where channel = %s"
# Messages about the same rule and channel are no storm: an alarm, its worse level and its end are one story.
RECENT: Final = """
select n.contact_id, n.medium, a.station,
  (array_agg(distinct a.rule || ' ' || coalesce(a.channel_id::text, '')) filter (
    where n.queued_at > %(storm)s and n.purpose = any(%(stories)s)))[:%(most)s],
  max(n.queued_at) filter (where n.status not in ('held', 'summarised') and n.purpose = any(%(news)s)),
  count(*) filter (where n.queued_at > %(cap)s and n.status not in ('held', 'summarised')),
  max(n.queued_at) filter (where n.purpose = 'summary')
from notification n join alarm a using (alarm_id)
where n.contact_id = any(%(people)s) and n.queued_at > least(%(storm)s, %(cap)s, %(again)s)
  and (n.queued_at > %(storm)s or n.status not in ('held', 'summarised'))
  and n.queued_at <= coalesce(%(until)s::timestamptz, 'infinity') and n.alarm_id is distinct from %(without)s::int8
group by 1, 2, 3
"""
STORIES: Final = ["raised", "level", "cleared", "withdrawn", "flapping"]
"""Purposes that make a storm."""
NEWS: Final = ["raised", "level", "summary"]
"""Purposes after which the next messages about a station gather."""

Person = tuple[int, Medium]
Story = tuple[str | None, str]
"""Station; rule and channel."""


@dataclass
class _Recent:
    """What one person has been told by one medium."""

    stories: set[Story] = field(default_factory=set)
    """Within the storm's window; a few more than make a storm are enough."""
    station_at: dict[str | None, datetime] = field(default_factory=dict)
    """The last message about each station."""
    messages: int = 0
    """Within the cap's window."""
    summary_at: datetime | None = None

    def told(self, story: Story) -> Told:
        others = len(self.stories) - (story in self.stories)
        return Told(others, self.station_at.get(story[0]), self.messages, self.summary_at)


@dataclass
class Pressure:
    """What people have been told of late. Loaded for each when first asked, and kept up with what is queued."""

    conn: Connection
    routing: Routing
    until: datetime | None = None
    """What was queued later does not count; None: everything does."""
    without: int | None = None
    """An alarm whose messages do not count."""
    _known: set[int] = field(default_factory=set)
    _recent: dict[Person, _Recent] = field(default_factory=dict)

    def of(self, alarm_id: int, people: Collection[int], now: datetime) -> dict[Person, Told]:
        """Return what these people have been told of late, beside the alarm, by person and medium."""
        return self._told(self._story(alarm_id), people, now)

    def of_what_might_be(
        self, rule: str, station: str | None, channel: str | None, people: Collection[int], now: datetime
    ) -> dict[Person, Told]:
        """Return the same for an alarm that is not on record."""
        row = self.conn.execute(CHANNEL, [channel]).fetchone()
        return self._told(_story(rule, station, None if row is None else row[0]), people, now)

    def note(self, alarm_id: int, queued: Iterable[Queued], now: datetime) -> None:
        """Take down what has been queued about an alarm."""
        story = self._story(alarm_id)
        for message in queued:
            recent = self._recent.setdefault((message.contact_id, message.medium), _Recent())
            if message.purpose in STORIES and len(recent.stories) <= self.routing.storm.alarms:
                recent.stories.add(story)
            if message.hold is None:
                recent.messages += 1
                if message.purpose in NEWS:
                    recent.station_at[story[0]] = now

    def _told(self, story: Story, people: Collection[int], now: datetime) -> dict[Person, Told]:
        self._load(set(people) - self._known, now)
        wanted = set(people)
        return {person: recent.told(story) for person, recent in self._recent.items() if person[0] in wanted}

    def _load(self, people: set[int], now: datetime) -> None:
        if not people:
            return
        storm, cap, grouping = self.routing.storm, self.routing.cap, self.routing.grouping
        again = max(storm.again_ms, 0 if grouping is None else grouping.interval_ms)
        values = {
            "storm": now - timedelta(milliseconds=storm.within_ms),
            "cap": now - timedelta(milliseconds=0 if cap is None else cap.within_ms),
            "again": now - timedelta(milliseconds=again),
            "most": storm.alarms + 1,
            "people": list(people),
            "stories": STORIES,
            "news": NEWS,
            "until": self.until,
            "without": self.without,
        }
        for contact_id, medium, station, stories, station_at, messages, summary_at in self.conn.execute(RECENT, values):
            recent = self._recent.setdefault((contact_id, Medium(medium)), _Recent())
            recent.stories |= {(station, story) for story in stories or ()}
            recent.messages += messages
            if station_at is not None:
                recent.station_at[station] = station_at
            if summary_at is not None:
                recent.summary_at = max(summary_at, recent.summary_at or summary_at)
        self._known |= people

    def _story(self, alarm_id: int) -> Story:
        row = self.conn.execute(PLACE, [alarm_id]).fetchone()
        assert row is not None
        return _story(*row)


def _story(rule: str, station: str | None, channel_id: int | None) -> Story:
    return station, f"{rule} {'' if channel_id is None else channel_id}"
