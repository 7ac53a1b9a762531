"""Alarms and their history as rows, written here alone, by the steps of `life`. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from psycopg.types.json import Jsonb

from alerts.alarm.change import EndCause, Mark, Purpose, Recorded, Subject
from alerts.alarm.conditions import STATE_AT_RISE
from alerts.alarm.life import OVER, AlarmAct, AlarmEvent, AlarmState, Life, step
from alerts.rules.rule import RuleTexts
from quantrac.config.rules import LULL
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity


@dataclass(frozen=True, slots=True)
class _Row:
    """An alarm as it stands, locked."""

    alarm_id: int
    level: str
    severity: Severity
    life: Life
    raised_at: datetime
    latched: bool
    texts: RuleTexts
    parent: int | None


@dataclass(frozen=True, slots=True)
class _Reached:
    """What an alarm has been at."""

    level: str
    """The newest."""
    levels: set[str]
    severities: list[Severity]
    sides: set[str | None]
    told_at: datetime
    """When it last reached a level that was news, by readings."""

    @property
    def is_lull(self) -> bool:
        """Whether its readings are well at present."""
        return self.level == LULL


COLUMNS: Final = "alarm_id, level, severity, state, acknowledged_at is not null, raised_at, latched, texts, parent"
BY_NUMBER: Final = f"select {COLUMNS} from alarm where alarm_id = %s for update"  # noqa: S608 (words of ours)
STANDING: Final = f"""
select {COLUMNS} from alarm
where subject = %s and cleared_at is null and not late for update
"""  # noqa: S608 (words of ours)
RAISE: Final = f"""
insert into alarm
  (rule, level, station, channel_id, story, severity, state, raised_at, value, "limit", texts, latched)
select a.rule, %(level)s, a.station, a.channel_id, %(story)s, %(severity)s, {STATE_AT_RISE}, %(time)s, %(value)s,
       %(limit)s, %(texts)s, %(latched)s
from (select %(rule)s::text as rule, %(station)s::text as station, %(channel)s::int4 as channel_id,
             %(story)s::text as story, %(subject)s as subject) a
returning alarm_id
"""  # noqa: S608 (words of ours)
REACHED: Final = f"""
select detail->>'level', detail->>'severity', detail->>'side', time,
       event = '{AlarmEvent.RAISED}' or coalesce(detail ? 'news', false)
from alarm_event
where alarm_id = %s and event in ('{AlarmEvent.RAISED}', '{AlarmEvent.LEVEL}') order by alarm_event_id
"""  # noqa: S608 (words of ours)
EVENT: Final = """
insert into alarm_event (alarm_id, time, event, person, reason, detail, at, state, acknowledged)
select alarm_id, %(time)s, %(event)s, %(person)s, %(reason)s, %(detail)s, %(at)s, state, acknowledged_at is not null
from alarm where alarm_id = %(alarm)s
returning alarm_event_id
"""
STATE_NOW: Final = f"select {STATE_AT_RISE} from alarm a where a.alarm_id = %(alarm)s"  # noqa: S608 (words of ours)
NO_CALL: Final = {"unanswered_since": None, "called_at": None, "call_at": None, "call_to": None, "call_by": None}
"""Nobody is waited for."""


def raise_alarm(
    conn: Connection, subject: Subject, mark: Mark, time: datetime, texts: RuleTexts, now: datetime
) -> Recorded:
    """Record a new alarm, withheld if its subject is; raises UniqueViolation where one of that subject stands.

    `time` is that of the reading that completed it, `texts` what people read of it.
    """
    values = _columns(subject, mark, texts) | {"time": time, "latched": texts.latched, "now": now}
    row = conn.execute(RAISE, values).fetchone()
    assert row is not None
    event = add_event(conn, row[0], time, AlarmEvent.RAISED, now, detail=_detail(mark))
    return Recorded(Purpose.RAISED, row[0], event, time, time, mark.severity, True, texts)


def reach_level(
    conn: Connection,
    subject: Subject,
    mark: Mark,
    time: datetime,
    texts: RuleTexts,
    now: datetime,
    *,
    is_kind: bool = False,
    parent: int | None = None,
) -> Recorded | None:
    """Record that the alarm of a subject stands at a level: it rises, worsens or eases. None: it stands there already.

    A worse level must be acknowledged again. `is_kind`: levels are kinds of trouble, and one that the alarm has not had
    is news at any severity. `parent`: an alarm that explains this one while it stands, so that it makes no message.
    """
    row = _locked(conn, STANDING, [subject.key])
    if mark.is_lull and (row is None or row.life.state is AlarmState.LATCHED):
        return None  # of a level that was pending when it was renamed: the level itself is not reached yet
    if row is None:
        raised = raise_alarm(conn, subject, mark, time, texts, now)
        if parent is not None and (born := _locked(conn, BY_NUMBER, [raised.alarm_id])) is not None:
            _explain(conn, born, parent, now)
        return raised
    columns = _level(mark) | {"texts": Jsonb(msgspec.to_builtins(texts))}
    if row.life.state is AlarmState.LATCHED:
        again = "again, while latched"
        event = _take(conn, row, AlarmAct.RAISE_AGAIN, time, now, reason=again, detail=_detail(mark), columns=columns)
        _withhold_again(conn, row.alarm_id, now)
        return Recorded(Purpose.RAISED, row.alarm_id, event, time, time, mark.severity, True, texts)
    if row.parent != parent:
        _explain(conn, row, parent, now)
        row = _locked(conn, BY_NUMBER, [row.alarm_id]) or row
    reached = _reached(conn, row)
    if mark.is_lull:
        return _rest(conn, row, mark, time, now) if reached.level != mark.level else None
    if (mark.level, mark.severity) == (row.level, row.severity) and not reached.is_lull:
        if texts != row.texts:
            _save(conn, row.alarm_id, {"texts": columns["texts"]})
        return None
    is_worst = mark.severity > max(reached.severities)
    is_worse = reached.is_lull or mark.severity > row.severity
    is_news = is_worst or (is_kind and mark.level not in reached.levels)
    is_news = is_news or (is_worse and _is_told_again(mark, reached, time))
    is_worse = is_worse or (is_kind and is_news)
    detail = _detail(mark) | ({"news": True} if mark.lull is not None and is_news else {})
    event = _take(conn, row, AlarmAct.WORSEN if is_worse else AlarmAct.EASE, time, now, detail=detail, columns=columns)
    is_again = mark.lull is not None and is_worse and not is_news
    return Recorded(
        Purpose.LEVEL,
        row.alarm_id,
        event,
        time,
        row.raised_at,
        mark.severity,
        is_news,
        texts,
        is_worst,
        is_again=is_again,
    )


def _rest(conn: Connection, row: _Row, mark: Mark, time: datetime, now: datetime) -> Recorded:
    """Record that the readings of an alarm are well again, for now: nobody is called about it meanwhile."""
    event = _take(conn, row, AlarmAct.EASE, time, now, detail=_detail(mark), columns=NO_CALL)
    return Recorded(Purpose.LEVEL, row.alarm_id, event, time, row.raised_at, row.severity, False, row.texts)


def _is_told_again(mark: Mark, reached: _Reached, time: datetime) -> bool:
    """Tell whether a level that an alarm reaches again is told again: the worst always, others once a lull. Pure.

    Always what is on another side than all before, and what comes after a lull where the rule has none any more.
    """
    if mark.lull is None:
        return reached.is_lull
    is_known = mark.side in reached.sides and mark.severity is not Severity.CRITICAL
    return not is_known or time - reached.told_at >= mark.lull


def clear_alarm(
    conn: Connection,
    subject: Subject,
    value: float | None,
    time: datetime,
    now: datetime,
    cause: EndCause | None = None,
) -> Recorded | None:
    """Record that the standing alarm is over; None: no alarm stands.

    `cause`: what ends it, where its readings have not returned to normal. A latched one stays until a person resets
    it, as long as its rule watches its subject.
    """
    row = _locked(conn, STANDING, [subject.key])
    is_watched = cause is None or cause.is_of_the_rule
    if row is None or (row.life.state is AlarmState.LATCHED and is_watched):
        return None
    act = AlarmAct.LATCH if row.latched and is_watched else AlarmAct.WITHDRAW if cause else AlarmAct.RETURN
    event = _take(conn, row, act, time, now, reason=cause, detail={"value": value}, columns={"ended_by": cause})
    worst = max(_reached(conn, row).severities)
    purpose = Purpose.CLEARED if cause is None else Purpose.WITHDRAWN
    return Recorded(purpose, row.alarm_id, event, time, row.raised_at, worst, False, row.texts, cause=cause)


def act_on(
    conn: Connection,
    alarm_id: int,
    act: AlarmAct,
    now: datetime,
    *,
    person: str | None = None,
    reason: str | None = None,
) -> int | None:
    """Take the step of an act, and return the event's id; None: the alarm refuses the act, or does not exist."""
    row = _locked(conn, BY_NUMBER, [alarm_id])
    if row is None or step(row.life, act) is None:
        return None
    return _take(conn, row, act, now, now, person=person, reason=reason)


OVERLAPPING: Final = f"""
select alarm_id, late, severity, raised_at, cleared_at,
       array(select e.detail->>'severity' from alarm_event e where e.alarm_id = alarm.alarm_id
             and e.event in ('{AlarmEvent.RAISED}', '{AlarmEvent.LEVEL}'))
from alarm
where subject = %(subject)s and raised_at <= %(cleared)s
  and coalesce(cleared_at, 'infinity') >= %(raised)s
order by raised_at for update
"""  # noqa: S608 (words of ours)
RAISE_LATE: Final = """
insert into alarm
  (rule, level, station, channel_id, story, severity, state, raised_at, cleared_at, value, "limit", texts, late)
values (%(rule)s, %(level)s, %(station)s, %(channel)s, %(story)s, %(severity)s, 'cleared', %(raised)s, %(cleared)s,
        %(value)s, %(limit)s, %(texts)s, true)
returning alarm_id
"""


def record_late(
    conn: Connection,
    subject: Subject,
    mark: Mark,
    period: tuple[datetime, datetime],
    texts: RuleTexts,
    to: Sequence[str],
    now: datetime,
    *,
    worst_at: datetime | None = None,
) -> int | None:
    """Record an alarm of the past, raised and cleared in `period`; None: it stands on record already.

    One that overlaps an alarm that was told as it happened, and was as bad, is nothing new; where that alarm was less
    bad and stood already, the new one begins when it reached its level (`worst_at`; None: at once), or when that alarm
    ended before. One that overlaps another alarm of the past widens it: late readings come in pieces. `to` are the
    groups that its summary goes to.
    """
    values = _columns(subject, mark, texts) | {"raised": period[0], "cleared": period[1]}
    overlapping = conn.execute(OVERLAPPING, values).fetchall()
    for _, is_late, word, raised_at, cleared_at, reached in overlapping:
        if not is_late and max(map(Severity.from_word, (word, *filter(None, reached)))) >= mark.severity:
            return None
        if not is_late and raised_at <= period[0]:
            period = (min(filter(None, (worst_at or period[0], cleared_at))), period[1])
            values["raised"] = period[0]
    known = next((row for row in overlapping if row[1]), None)
    if known is None:
        row = conn.execute(RAISE_LATE, values).fetchone()
        assert row is not None
        add_event(conn, row[0], period[0], AlarmEvent.LATE, now, detail=_level(mark) | {"to": list(to)})
        return int(row[0])
    alarm_id, _, severity, *before, _ = known
    after = [min(before[0], period[0]), max(before[1], period[1])]
    worse = _level(mark) if mark.severity > Severity.from_word(severity) else {}
    if worse or after != before:
        _save(conn, alarm_id, {"raised_at": after[0], "cleared_at": after[1], **worse})
        add_event(conn, alarm_id, after[0], AlarmEvent.WIDENED, now, detail=worse or None)
    return None


class NextCall(NamedTuple):
    """The next call about an alarm that nobody has acknowledged: when, and to whom."""

    at: datetime
    to: tuple[str, ...] | None
    """Groups; None: whoever was told before."""
    by: tuple[str, ...] | None
    """Media; None: as before."""


def wait_for_answer(
    conn: Connection, alarm_id: int, now: datetime, next_call: Callable[[datetime], NextCall | None]
) -> None:
    """Note that people are called about a standing alarm, and when and who is called next.

    `next_call` says so of the time since when they wait for somebody to acknowledge: from now on if not before.
    """
    query = "select coalesce(unanswered_since, %s) from alarm where alarm_id = %s and cleared_at is null for update"
    row = conn.execute(query, [now, alarm_id]).fetchone()
    if row is not None:
        at, to, by = next_call(row[0]) or (None, None, None)
        columns = {"call_at": at, "call_to": to and list(to), "call_by": by and list(by)}
        _save(conn, alarm_id, {"unanswered_since": row[0], "called_at": now, **columns})


def stop_waiting(conn: Connection, alarm_id: int) -> None:
    """End the calls about an alarm."""
    _save(conn, alarm_id, NO_CALL)


def add_event(
    conn: Connection,
    alarm_id: int,
    time: datetime,
    event: AlarmEvent,
    now: datetime,
    *,
    person: str | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Append to the history of an alarm and return the event's id; `time` is the event's own, `now` that of the row."""
    values = {
        "alarm": alarm_id,
        "time": time,
        "event": event,
        "person": person,
        "reason": reason,
        "detail": None if detail is None else Jsonb(dict(detail)),
        "at": now,
    }
    row = conn.execute(EVENT, values).fetchone()
    assert row is not None
    return int(row[0])


def _locked(conn: Connection, query: str, parameters: Sequence[Any]) -> _Row | None:
    row = conn.execute(query, parameters).fetchone()
    if row is None:
        return None
    alarm_id, level, severity, state, acknowledged, raised_at, latched, texts, parent = row
    life = Life(AlarmState(state), acknowledged)
    words = msgspec.convert(texts, RuleTexts)
    return _Row(alarm_id, level, Severity.from_word(severity), life, raised_at, latched, words, parent)


def _take(
    conn: Connection,
    row: _Row,
    act: AlarmAct,
    time: datetime,
    now: datetime,
    *,
    person: str | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] = {},
) -> int:
    """Take a step that the table has: the row and its history. Returns the event's id."""
    after = step(row.life, act)
    assert after is not None, f"alarm {row.alarm_id} is {row.life.state} and refuses {act}"
    _save(conn, row.alarm_id, {**_changed(row, act, after, time, now, person), **columns})
    return add_event(conn, row.alarm_id, time, act.event, now, person=person, reason=reason, detail=detail)


def _changed(
    row: _Row, act: AlarmAct, after: Life, time: datetime, now: datetime, person: str | None
) -> dict[str, Any]:
    """Return what a step changes of the row beside what its act brings. Pure."""
    changed: dict[str, Any] = {"state": after.state.value}
    if act is AlarmAct.ACKNOWLEDGE:
        changed |= {"acknowledged_at": now, "acknowledged_by": person}
    elif row.life.is_acknowledged and not after.is_acknowledged:
        changed |= {"acknowledged_at": None, "acknowledged_by": None}
    elif act is AlarmAct.MARK_FALSE:
        changed |= {"false_at": now, "false_by": person}
    elif act is AlarmAct.MARK_TRUE:
        changed |= {"false_at": None, "false_by": None}
    if act is AlarmAct.LATCH:
        changed["returned_at"] = max(time, row.raised_at)
    elif act is AlarmAct.RAISE_AGAIN:
        changed |= {"returned_at": None, "ended_by": None}
    if after.state in OVER and row.life.state not in OVER:
        changed["cleared_at"] = max(time, row.raised_at)
    elif row.life.state is AlarmState.SUPPRESSED and after.state is not AlarmState.SUPPRESSED:
        changed["parent"] = None
    return changed if after.state is AlarmState.UNACKNOWLEDGED else changed | NO_CALL


def _save(conn: Connection, alarm_id: int, columns: Mapping[str, Any]) -> None:
    assignments = ", ".join(f'"{column}" = %s' for column in columns)
    conn.execute(f"update alarm set {assignments} where alarm_id = %s", [*columns.values(), alarm_id])  # noqa: S608


def _explain(conn: Connection, row: _Row, parent: int | None, now: datetime) -> None:
    """Put a standing alarm under its parent, or release it; what a person withholds stays withheld."""
    if parent is None and step(row.life, AlarmAct.RELEASE) is not None:
        _take(conn, row, AlarmAct.RELEASE, now, now, reason=f"alarm {row.parent} is over")
    elif parent is not None and step(row.life, AlarmAct.SUPPRESS) is not None:
        reason = f"alarm {parent} explains it"
        _take(conn, row, AlarmAct.SUPPRESS, now, now, reason=reason, columns={"parent": parent})


def _withhold_again(conn: Connection, alarm_id: int, now: datetime) -> None:
    """Withhold an alarm that rises again by the rules for a new one."""
    row = conn.execute(STATE_NOW, {"alarm": alarm_id, "now": now}).fetchone()
    acts = {AlarmState.SHELVED: AlarmAct.SHELVE, AlarmState.OUT_OF_SERVICE: AlarmAct.TAKE_OUT}
    if row is not None and (act := acts.get(row[0])) is not None:
        act_on(conn, alarm_id, act, now)


def _reached(conn: Connection, row: _Row) -> _Reached:
    """Return what the alarm has been at."""
    found = conn.execute(REACHED, [row.alarm_id]).fetchall()
    return _Reached(
        level=found[-1][0] if found else row.level,
        levels={level for level, *_ in found},
        severities=[row.severity, *(Severity.from_word(word) for _, word, *_ in found)],
        sides={side for _, _, side, *_ in found},
        told_at=max((time for *_, time, was_told in found if was_told), default=row.raised_at),
    )


def _columns(subject: Subject, mark: Mark, texts: RuleTexts) -> dict[str, Any]:
    """Return the columns of a new alarm, by the names of the queries' parameters."""
    about = {"rule": subject.rule, "station": subject.station, "channel": subject.channel_id, "story": subject.story}
    return {**about, "subject": subject.key, **_level(mark), "texts": Jsonb(msgspec.to_builtins(texts))}


def _detail(mark: Mark) -> dict[str, Any]:
    """Return what the history keeps of a level."""
    own = {"after_ms": mark.after_ms, "side": None if mark.lull is None else mark.side}
    return _level(mark) | {key: said for key, said in own.items() if said is not None}


def _level(mark: Mark) -> dict[str, Any]:
    return {"level": mark.level, "severity": mark.severity.word, "value": mark.value, "limit": mark.limit}
