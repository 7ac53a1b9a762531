"""Watches the books: the alarm of rule `books`, one a station, where they do not balance. Run by the jobs' clock.

Messages that are missing are no news while they become fewer: a backlog is being drained. Nor are they while the
station is silent: it has an alarm of its own. For lost messages the alarm rises at once and ends a day after the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.standing_subjects import told_after
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Figures
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Watchdog
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "books"
LOST_FOR: Final = timedelta(days=1)


class Trouble(StrEnum):
    """What is wrong with the books of a station; the level of the alarm."""

    UNBALANCED = "unbalanced"
    LOST = "lost"
    MISSING = "missing"


GAPS: Final = Words("Chuỗi số liệu có khoảng trống", "The record has gaps")
SEE_LEDGER: Final = Words("Xem quantrac ledger và bộ nhớ đệm của trạm", "See quantrac ledger and the station's spool")
TEXTS: Final = {
    Trouble.MISSING: RuleTexts(
        title=Words("Thiếu bản tin của trạm", "Messages of the station are missing"),
        cause=Words(
            "Trạm không gửi lại, hoặc thẻ nhớ bị nhân bản",
            "The station does not send them again, or its card was cloned",
        ),
        consequence=GAPS,
        response=SEE_LEDGER,
        sms=Words("{station} {time}: thieu {value} ban tin. Xem so cai cua trung tam.", ""),
    ),
    Trouble.LOST: RuleTexts(
        title=Words("Mất hẳn bản tin của trạm", "Messages of the station are lost for good"),
        cause=Words(
            "Bộ nhớ đệm của trạm đầy hoặc thẻ nhớ bị thay trước khi gửi xong",
            "The station's spool was full, or its card was replaced, before they were sent",
        ),
        consequence=GAPS,
        response=SEE_LEDGER,
        sms=Words("{station} {time}: mat han {value} ban tin. Xem so cai cua trung tam.", ""),
    ),
    Trouble.UNBALANCED: RuleTexts(
        title=Words("Sổ bản tin của trạm không khớp", "The books of the station do not balance"),
        cause=Words("Lỗi của chương trình", "A defect of the program"),
        consequence=Words("Không biết có thiếu số liệu hay không", "Nobody knows whether readings are missing"),
        response=Words("Xem quantrac ledger và báo lỗi", "See quantrac ledger and report it"),
        sms=Words("{station} {time}: so ban tin khong khop. Xem so cai cua trung tam.", ""),
    ),
}


@dataclass(frozen=True, slots=True)
class StationBooks:
    """The books of a station, all epochs together, as they are asked now."""

    station: str
    is_silent: bool
    """It has an alarm of silence."""
    adds_up: bool
    missing: int
    lost: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The memory of a station's books between two rounds."""

    fewest: int = 0
    since: datetime | None = None
    lost: int = 0
    lost_at: datetime | None = None


def watched(book: StationBooks, before: Watched, now: datetime) -> Watched:
    """Return what to remember. Pure."""
    lost, lost_at = before.lost, before.lost_at
    if book.lost > before.lost:
        lost, lost_at = book.lost, now
    well = book.adds_up and (book.missing == 0 or book.is_silent)
    if well or (book.adds_up and before.since is not None and book.missing < before.fewest):
        return Watched(book.missing, None if well else now, lost, lost_at)
    fewest = book.missing if before.since is None else min(book.missing, before.fewest)
    return Watched(fewest, before.since or now, lost, lost_at)


def trouble(book: StationBooks, memory: Watched, after: timedelta, now: datetime) -> Trouble | None:
    """Return what is worth an alarm; None: nothing. Pure."""
    is_stuck = memory.since is not None and now - memory.since >= after
    if is_stuck and not book.adds_up:
        return Trouble.UNBALANCED
    if memory.lost_at is not None and now - memory.lost_at < LOST_FOR:
        return Trouble.LOST
    return Trouble.MISSING if is_stuck else None


BOOKS: Final = """
select s.station,
       exists (select from alarm a where a.rule = 'station-silent' and a.station = s.station
               and a.cleared_at is null and not a.late),
       coalesce(bool_and(l.highest_seq = l.stored + l.dead + l.lost + l.missing
                         and l.received = l.new + l.duplicate + l.rejected), true),
       coalesce(sum(l.missing), 0)::bigint, coalesce(sum(l.lost), 0)::bigint,
       coalesce(w.fewest, 0), w.since, coalesce(w.lost, 0), w.lost_at
from station s left join v_ledger l using (station) left join books_watched w using (station)
where s.active group by s.station, w.station order by s.station
"""
REMEMBER: Final = """
insert into books_watched (station, fewest, since, lost, lost_at) values (%s, %s, %s, %s, %s)
on conflict (station) do update set fewest = excluded.fewest, since = excluded.since, lost = excluded.lost,
  lost_at = excluded.lost_at
"""


def check_books(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of the books, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`books`); without it nothing is raised.
    """
    plan = network.settings.books
    with conn.transaction():
        look = Look() if plan is None else _look(_read(conn, now), plan, told_after(conn, RULE), now)
        return list(settle(conn, network, [RULE], look, now).values())


def _look(
    books: Iterable[tuple[StationBooks, Watched]], plan: Watchdog, told: Mapping[Subject, int], now: datetime
) -> Look:
    """Return what must stand; `told`: how long, in ms, messages had been missing when people were told."""
    wanted: list[WantedAlarm] = []
    well: dict[Subject, datetime | None] = {}
    spared: dict[Subject, EndCause] = {}
    for book, memory in books:
        subject = Subject(RULE, book.station, None)
        found = trouble(book, memory, timedelta(milliseconds=plan.after_ms), now)
        well[subject] = None
        if found is not None:
            number = {Trouble.LOST: book.lost, Trouble.MISSING: book.missing}.get(found)
            mark = Mark(found.value, plan.severity, number, after_ms=plan.after_ms)
            wanted.append(WantedAlarm(subject, mark, TEXTS[found], plan.to, Figures(value=number, decimals=0)))
        elif book.is_silent and book.missing:
            spared[subject] = EndCause.STATION_SILENT
        elif trouble(book, memory, timedelta(milliseconds=told.get(subject, plan.after_ms)), now) is not None:
            spared[subject] = EndCause.TERM_CHANGED
    return Look(wanted, well, spared)


def _read(conn: Connection, now: datetime) -> Iterator[tuple[StationBooks, Watched]]:
    """Yield the books of each station with what is remembered of them now."""
    for station, silent, adds_up, missing, lost, *memory in conn.execute(BOOKS).fetchall():
        book, before = StationBooks(station, silent, adds_up, missing, lost), Watched(*memory)
        after = watched(book, before, now)
        if after != before:
            conn.execute(REMEMBER, [station, after.fewest, after.since, after.lost, after.lost_at])
        yield book, after
