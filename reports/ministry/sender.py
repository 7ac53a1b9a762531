"""Sends a receiver what it is owed, in rounds: new files keep their five minutes, others go oldest first.

At least once on the way, once in effect: what was tried before is read back first, and the same bytes are not sent
again. Only what the server has acknowledged is marked as sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from quantrac.database.pool import Connection, rows_of
from quantrac.observe import logs, metrics
from reports.ministry.file_server import FileServer, NotDelivered

NEW: Final = timedelta(minutes=15)
"""A file of a slot that ended within it goes before older ones."""
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
MOST: Final = 20
"""Files of a round; new ones are looked for between two rounds."""
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=10)
"""Between tries of a file that is refused, doubled each time."""

TURN_LOCK: Final = 0x5154_0022
TURN: Final = "select pg_try_advisory_lock(%s, hashtext(%s))"
_OWED: Final = """
select f.station, f.time, f.name, f.content, s.attempts,
       s.attempts > 0 or (s.sent is null and s.sends > 0) as is_in_doubt
from ministry_sending s join ministry_file f using (station, time)
where s.receiver = %(receiver)s and s.owed and s.due_at <= %(now)s and s.time > %(after)s and s.time <= %(until)s
  and coalesce(s.failure in ('refused', 'full'), false) = %(was_refused)s
order by {} limit %(most)s for update of s skip locked
"""
"""A file that the maker recomputes just now is passed by: to wait for it would hold up the others."""
OWED: Final = _OWED.format("s.time, s.station")
REFUSED: Final = _OWED.format("s.due_at, s.time, s.station")
TRY: Final = """
update ministry_sending set attempts = attempts + 1, sent = null where station = %s and time = %s and receiver = %s
"""
"""From now on nobody knows what the receiver has, until it acknowledges: older bytes that come back are owed too."""
SENT: Final = """
update ministry_sending s
set sent = %(sha256)s, sent_at = %(now)s, sends = sends + 1, attempts = 0, error = null, failure = null,
    owed = f.sha256 <> %(sha256)s or s.attempts = 0
from ministry_file f
where f.station = s.station and f.time = s.time
  and s.station = %(station)s and s.time = %(time)s and s.receiver = %(receiver)s
"""
"""No attempt is counted where the file was owed anew while it was sent: this statement may not see its new bytes."""
FAILED: Final = """
update ministry_sending set error = %(why)s, failure = %(failure)s, due_at = %(due)s
where station = %(station)s and time = %(time)s and receiver = %(receiver)s
"""
GIVE_UP: Final = "update ministry_sending set owed = false where owed and receiver <> all(%s)"
SENDS: Final = metrics.counter("quantrac_ministry_files_total", "Files given to a receiver.", ["receiver", "outcome"])

log = logs.logger(__name__)


class OwedFile(NamedTuple):
    """A file that a receiver has not got, or has with other bytes."""

    station: str
    time: datetime
    name: str
    content: bytes
    attempts: int
    is_in_doubt: bool
    """The receiver may have it already."""


class RoundOutcome(NamedTuple):
    """What a round did."""

    sent: int
    failed: int
    is_away: bool
    """The server was not reached: nothing more was tried."""


def takes_turn(conn: Connection, receiver: str) -> bool:
    """Take the turn to send to a receiver: of several processes one sends, until its connection ends."""
    return conn.execute(TURN, [TURN_LOCK, receiver]).fetchone() == (True,)


def give_up(conn: Connection, receivers: Iterable[str]) -> None:
    """Owe nothing any more to others than these."""
    conn.execute(GIVE_UP, [list(receivers)])


def send_owed(conn: Connection, receiver: str, server: FileServer, clock: Callable[[], datetime]) -> RoundOutcome:
    """Send what is due, at most MOST files; each is marked in a transaction of its own. `conn` is in autocommit."""
    sent = failed = 0
    for file in _due(conn, receiver, clock()):
        key = {"station": file.station, "time": file.time, "receiver": receiver}
        conn.execute(TRY, [file.station, file.time, receiver])
        try:
            if not file.is_in_doubt or not _has(server, file):
                server.put(file.name, file.content)
        except NotDelivered as error:
            failed += 1
            SENDS.labels(receiver, "failed").inc()
            wait = FIRST_WAIT if error.is_away else min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(file.attempts, 10))
            conn.execute(FAILED, {**key, "why": str(error), "failure": error.failure, "due": clock() + wait})
            log.warning("ministry_file_failed", receiver=receiver, file=file.name, why=str(error))
            if error.is_away:
                return RoundOutcome(sent, failed, is_away=True)
            continue
        sent += 1
        SENDS.labels(receiver, "sent").inc()
        sha256 = hashlib.sha256(file.content).hexdigest()
        conn.execute(SENT, {**key, "sha256": sha256, "now": clock()})
    return RoundOutcome(sent, failed, is_away=False)


def _due(conn: Connection, receiver: str, now: datetime) -> list[OwedFile]:
    """Return what is due, at most MOST: new files, others, both oldest first; then what was refused, by due times.

    So files of one station that a receiver never takes cost those of the others nothing, also where it refused both.
    """
    found: list[OwedFile] = []
    spans = (now - NEW, LATEST, False), (EARLIEST, now - NEW, False), (EARLIEST, LATEST, True)
    for after, until, was_refused in spans:
        asked = {"receiver": receiver, "now": now, "after": after, "until": until, "was_refused": was_refused}
        query = REFUSED if was_refused else OWED
        found += rows_of(conn, OwedFile, query, {**asked, "most": MOST - len(found)})
    return found


def _has(server: FileServer, file: OwedFile) -> bool:
    """Tell whether the server shows that it has the file; one that lets nobody read does not."""
    try:
        return server.get(file.name) == file.content
    except NotDelivered as error:
        if error.is_away:
            raise
        return False
