"""The messages so far: about an alarm, and each person's recent ones, which may hold a further one back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from alerts.alarm.change import ENDS, Purpose, Subject
from alerts.telling.notification import GATHERED, LOST, MessageStatus, in_sql
from alerts.telling.outbox import Queued
from alerts.telling.routes import Routing
from alerts.telling.stages import Effect, Person, Recent, Ruling
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection

STORIES: Final = ENDS | {Purpose.RAISED, Purpose.LEVEL, Purpose.FLAPPING}
"""Purposes that make a storm."""
NEWS: Final = frozenset({Purpose.RAISED, Purpose.LEVEL, Purpose.SUMMARY})
"""Purposes after which the next messages about a station gather."""

CHANNEL: Final = "select channel_id from channel where channel = %s"
# Messages about the same subject are no storm: an alarm, its worse level and its end are one story.
RECENT: Final = f"""
select n.contact_id, n.medium, a.station,
  (array_agg(distinct a.subject) filter (
    where n.queued_at > %(storm)s and n.purpose in {in_sql(STORIES)}))[:%(most)s],
  max(n.queued_at) filter (where n.status not in {GATHERED} and n.purpose in {in_sql(NEWS)}),
  count(*) filter (where n.queued_at > %(cap)s and n.status not in {GATHERED}),
  max(n.queued_at) filter (where n.purpose = '{Purpose.SUMMARY}')
from notification n join alarm a using (alarm_id)
where n.contact_id = any(%(people)s) and n.queued_at > least(%(storm)s, %(cap)s, %(again)s)
  and (n.queued_at > %(storm)s or n.status not in {GATHERED})
  and n.queued_at <= coalesce(%(until)s::timestamptz, 'infinity') and n.alarm_id is distinct from %(without)s::int8
group by 1, 2, 3
"""  # noqa: S608 (words of ours)

Story = tuple[str | None, str]
"""Station and subject: what an alarm has in common with its worse levels, its end, and its next rise."""


class MessagesSoFar(NamedTuple):
    """The messages that there are about an alarm."""

    story: Story
    told: list[Person]
    """Who got one that says that it stands."""
    waiting: dict[Person, Ruling]
    """Who has one that is held."""


ALARM: Final = "select station, subject from alarm where alarm_id = %s"
SO_FAR: Final = f"""
select contact_id, medium,
  bool_or(purpose not in {in_sql(ENDS)} and status not in {LOST}),
  (array_agg(held_for order by held_until) filter (where status = '{MessageStatus.HELD}'))[1],
  min(held_until) filter (where status = '{MessageStatus.HELD}')
from notification where alarm_id = %s group by 1, 2 order by 1, 2
"""  # noqa: S608 (words of ours)


def messages_so_far(conn: Connection, alarm_id: int) -> MessagesSoFar:
    """Return the messages that there are about an alarm on record."""
    alarm = conn.execute(ALARM, [alarm_id]).fetchone()
    assert alarm is not None
    station, subject = alarm
    found = MessagesSoFar((station, subject), [], {})
    for contact_id, word, was_told, held_for, held_until in conn.execute(SO_FAR, [alarm_id]):
        person = contact_id, Medium(word)
        if was_told:
            found.told.append(person)
        if held_for is not None:
            found.waiting[person] = Ruling(Effect.MERGE, "waiting", held_for, held_until)
    return found


@dataclass(slots=True)
class _Recent:
    """What one person has been told by one medium."""

    stories: set[Story] = field(default_factory=set)
    """Within the storm's window; a few more than make a storm are enough."""
    station_at: dict[str | None, datetime] = field(default_factory=dict)
    """The last message about each station."""
    messages: int = 0
    """Within the cap's window."""
    summary_at: datetime | None = None


@dataclass
class RecentMessages:
    """What people have been told of late. Loaded for each when first asked, and kept up with what is queued."""

    conn: Connection
    routing: Routing
    until: datetime | None = None
    """What was queued later does not count; None: everything does."""
    without: int | None = None
    """An alarm whose messages do not count."""
    _known: set[int] = field(default_factory=set)
    _recent: dict[Person, _Recent] = field(default_factory=dict)

    def of(self, story: Story, people: Collection[int], now: datetime) -> dict[Person, Recent]:
        """Return what these people have been told of late beside a story, by person and medium."""
        wanted = set(people)
        self._load(wanted - self._known, now)
        return {
            person: Recent(
                len(recent.stories) - (story in recent.stories),
                recent.station_at.get(story[0]),
                recent.messages,
                recent.summary_at,
            )
            for person, recent in self._recent.items()
            if person[0] in wanted
        }

    def of_what_might_be(
        self, about: Subject, channel: str | None, people: Collection[int], now: datetime
    ) -> dict[Person, Recent]:
        """Return the same for an alarm that is not on record; `channel`: where it would stand."""
        row = self.conn.execute(CHANNEL, [channel]).fetchone()
        subject = replace(about, channel_id=None if row is None else row[0])
        return self.of((subject.station, subject.key), people, now)

    def note(self, story: Story, queued: Iterable[Queued], now: datetime) -> None:
        """Add what has been queued about a story."""
        for message in queued:
            makes_storm, gathers = message.purpose in STORIES, message.purpose in NEWS
            for contact_id in message.to:
                recent = self._recent.setdefault((contact_id, message.medium), _Recent())
                if makes_storm and len(recent.stories) <= self.routing.storm.alarms:
                    recent.stories.add(story)
                if message.held_until is None:
                    recent.messages += 1
                    if gathers:
                        recent.station_at[story[0]] = now

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
