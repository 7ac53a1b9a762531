"""Makes exactly the alarms stand that a watchdog wants now: they rise, change and end, and people get messages.

A watchdog looks and returns what must stand and what is all right; it neither raises nor clears anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.records import clear_alarm, reach_level
from alerts.alarm.standing_subjects import standing_subjects
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Audience, Figures, tell
from alerts.telling.routes import Routing
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection


@dataclass(frozen=True, slots=True)
class WantedAlarm:
    """An alarm that must stand now, and what people read when it rises or changes."""

    subject: Subject
    mark: Mark
    """Its level: the kind of trouble, each kind worth a message."""
    texts: RuleTexts
    to: tuple[str, ...]
    """Groups that get the messages."""
    figures: Figures = field(default_factory=Figures)
    parent: int | None = None
    """An alarm that explains this one."""
    without: Medium | None = None
    """A medium that cannot be used now."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a watchdog has found. What stands and is in no part is watched no more, and ends as withdrawn."""

    wanted: Sequence[WantedAlarm] = ()
    """What must stand."""
    well: Mapping[Subject, datetime | None] = field(default_factory=dict)
    """What is watched, and since when it would be all right if it is not wanted (None: now)."""
    spared: Mapping[Subject, EndCause] = field(default_factory=dict)
    """What is not all right and needs no alarm any more, and why."""


def settle(
    conn: Connection,
    network: Network,
    rules: Sequence[str],
    look: Look,
    now: datetime,
    *,
    breaks: bool = False,
    names_channel: bool = False,
) -> dict[Subject, Recorded]:
    """Let exactly the wanted alarms of some rules stand, tell people, and return what changed. In a transaction.

    Args:
        conn: in a transaction.
        network: says who gets messages by which way.
        rules: those whose alarms are wanted or must end.
        look: what the watchdog has found.
        now: the time.
        breaks: the messages go through quiet hours.
        names_channel: that of the end names the channel.
    """
    routing = Routing.of(network)
    must_stand = {one.subject: one for one in look.wanted}
    found: dict[Subject, Recorded] = {}
    for subject, one in must_stand.items():
        change = reach_level(conn, subject, one.mark, now, one.texts, now, is_kind=True, parent=one.parent)
        if change is not None:
            found[subject] = change
            to = Audience(subject.station, one.to, routing, breaks_quiet_hours=breaks, without=one.without)
            tell(conn, change, to, one.figures, now)
    for subject, channel, inactive in standing_subjects(conn, rules):
        if subject in must_stand:
            continue
        cause = look.spared.get(subject)
        if cause is None and subject not in look.well:
            cause = inactive or EndCause.NOT_ASKED_FOR
        change = clear_alarm(conn, subject, None, look.well.get(subject) or now, now, cause)
        if change is not None:
            found[subject] = change
            figures = Figures(channel=channel or "") if names_channel else Figures()
            tell(conn, change, Audience(subject.station, (), routing, breaks_quiet_hours=breaks), figures, now)
    return found
