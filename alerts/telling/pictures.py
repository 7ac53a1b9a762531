"""Pictures for alarms whose rule wants them: recorded with the alarm, requested from the station at most once.

A row is written in the transaction of the alarm. The asker commits `asked_at` before it asks, so that a process killed
in between asks no second time. Whoever asks is given from outside: the desk of commands stands above this service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from alerts.alarm.change import Purpose, Recorded
from alerts.alarm.life import AlarmEvent
from alerts.alarm.records import add_event
from alerts.alarm.suppression import withheld_by
from quantrac.database.outage import persist
from quantrac.database.pool import Connection, connect
from quantrac.observe import logs, metrics
from quantrac.telemetry.errors import QuantracError

LASTS: Final = timedelta(seconds=60)
"""So long a picture may still be taken; later it would show something else."""
FRESH: Final = timedelta(minutes=5)
"""An alarm that rose longer ago, by its readings, is not pictured: the centre was behind."""
TOGETHER: Final = timedelta(seconds=60)
"""Alarms so close to each other share the picture of a camera."""
AT_ONCE: Final = 8
"""Stations that are asked at the same time: one that does not answer holds up no other."""
LOOK_EVERY_S: Final = 1.0
PICTURE_CHANNEL: Final = "quantrac_picture"

ASKED: Final = metrics.counter("quantrac_alerts_pictures_total", "Pictures for alarms, by outcome.", ["outcome"])
log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """A picture that an alarm asks for."""

    alarm_picture_id: int
    alarm_id: int
    rule: str
    station: str
    camera: str
    expires_at: datetime


class AskPicture(Protocol):
    """Gives a station the command to take a picture."""

    def __call__(self, conn: Connection, station: str, camera: str, *, reason: str, lasts_s: int) -> Mapping[str, Any]:
        """Return the station's answer (`ok`, `error`, `bytes`); raises QuantracError where there is none."""
        ...


def is_pictured(purpose: Purpose, time: datetime, now: datetime) -> bool:
    """Whether a change of an alarm is worth a picture: it rises, and now. `time` is that of its readings. Pure."""
    return purpose is Purpose.RAISED and now - time <= FRESH


WANT: Final = """
insert into alarm_picture (alarm_id, alarm_event_id, station, camera, wanted_at, expires_at, outcome)
select %(alarm)s, %(event)s, %(station)s, camera, %(now)s, %(expires)s,
       case when exists (select from alarm_picture p where p.station = %(station)s and p.camera = asked.camera
                         and p.wanted_at > %(now)s - %(together)s and coalesce(p.outcome, 'taken') = 'taken')
       then 'shared' end
from unnest(%(cameras)s::text[]) asked (camera) on conflict (alarm_event_id, camera) do nothing
"""


def want_pictures(conn: Connection, change: Recorded, station: str, cameras: Sequence[str], now: datetime) -> None:
    """Ask for a picture of each camera with an alarm that rises now and is told. In the caller's transaction."""
    if not cameras or not is_pictured(change.purpose, change.time, now):
        return
    if withheld_by(conn, change.alarm_id, now) is not None:
        return
    conn.execute(
        WANT,
        {
            "alarm": change.alarm_id,
            "event": change.alarm_event_id,
            "station": station,
            "cameras": list(cameras),
            "now": now,
            "expires": now + LASTS,
            "together": TOGETHER,
        },
    )
    conn.execute("select pg_notify(%s, '')", [PICTURE_CHANNEL])


EXPIRED: Final = """
update alarm_picture set outcome = 'expired', error = 'nobody asked for it in time'
where asked_at is null and outcome is null and expires_at <= %s returning alarm_id, camera
"""
CLAIM: Final = """
update alarm_picture p set asked_at = %(now)s from alarm a
where a.alarm_id = p.alarm_id and p.alarm_picture_id = (
  select alarm_picture_id from alarm_picture where asked_at is null and outcome is null and expires_at > %(now)s
  order by wanted_at, alarm_picture_id limit 1 for update skip locked)
returning p.alarm_picture_id, p.alarm_id, a.rule, p.station, p.camera, p.expires_at
"""
SETTLE: Final = "update alarm_picture set outcome = %s, error = %s where alarm_picture_id = %s"


def claim(conn: Connection, now: datetime) -> WantedPicture | None:
    """Take the next picture that is wanted, committed as asked; None: none is. Those that came too late end."""
    with conn.transaction():
        for alarm_id, camera in conn.execute(EXPIRED, [now]).fetchall():
            ASKED.labels("expired").inc()
            add_event(conn, alarm_id, now, AlarmEvent.NO_PICTURE, now, reason=f"{camera}: nobody asked for it in time")
        row = conn.execute(CLAIM, {"now": now}).fetchone()
    return None if row is None else WantedPicture(*row)


def ask_for(conn: Connection, wanted: WantedPicture, ask: AskPicture, clock: Callable[[], datetime]) -> str:
    """Have a station take a picture, put down what came of it, and return the outcome: `taken` or `failed`."""
    lasts_s = max(1, int((wanted.expires_at - clock()).total_seconds()))
    reason = f"alarm {wanted.alarm_id}: {wanted.rule}"
    error: str | None
    try:
        answer = ask(conn, wanted.station, wanted.camera, reason=reason, lasts_s=lasts_s)
        error = None if answer.get("ok") else str(answer.get("error") or "the station did not say why")
    except QuantracError as refusal:
        error = str(refusal)
    outcome = "taken" if error is None else "failed"
    now = clock()
    with conn.transaction():
        conn.execute(SETTLE, [outcome, None if error is None else error[:400], wanted.alarm_picture_id])
        if error is None:
            add_event(conn, wanted.alarm_id, now, AlarmEvent.PICTURE, now, reason=wanted.camera)
        else:
            add_event(conn, wanted.alarm_id, now, AlarmEvent.NO_PICTURE, now, reason=f"{wanted.camera}: {error[:400]}")
    ASKED.labels(outcome).inc()
    log.info("picture_asked_for", alarm=wanted.alarm_id, camera=wanted.camera, outcome=outcome, error=error)
    return outcome


class Asker:
    """Asks for what is wanted, each in a thread of its own, until stopped."""

    def __init__(self, url: str, ask: AskPicture, clock: Callable[[], datetime]) -> None:
        self._url = url
        self._ask = ask
        self._clock = clock
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def run(self, stop: threading.Event) -> None:
        """Ask until stopped; a lost database is waited for."""
        while not stop.is_set():
            try:
                persist(lambda: self._ask_until(stop), "pictures", stop=stop)
            except Exception:  # the boundary of the task: the next alarm still gets its picture
                log.exception("asking_for_pictures_failed")
                ASKED.labels("defect").inc()
                stop.wait(5.0)

    def _ask_until(self, stop: threading.Event) -> None:
        with connect(self._url, "quantrac alerts pictures") as conn:
            conn.execute(f"listen {PICTURE_CHANNEL}")
            while not stop.is_set():
                if self._free.acquire(timeout=LOOK_EVERY_S) and not self._ask_next(conn):
                    list(conn.notifies(timeout=LOOK_EVERY_S, stop_after=1))  # all of them

    def _ask_next(self, conn: Connection) -> bool:
        """Begin to ask for the next picture; False: none is wanted."""
        wanted = None
        try:
            wanted = claim(conn, self._clock())
        finally:
            if wanted is None:
                self._free.release()
        if wanted is not None:
            # A daemon: a station that does not answer must not hold up the end. What it was asked stays asked.
            threading.Thread(target=self._ask_one, args=(wanted,), name="picture", daemon=True).start()
        return wanted is not None

    def _ask_one(self, wanted: WantedPicture) -> None:
        try:
            with connect(self._url, "quantrac alerts picture") as conn:
                ask_for(conn, wanted, self._ask, self._clock)
        except Exception:  # the boundary of the task
            log.exception("picture_failed", alarm=wanted.alarm_id)
            ASKED.labels("defect").inc()
        finally:
            self._free.release()


def start_asking(url: str, ask: AskPicture, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """Start the thread that asks and return it; it ends after `stop` is set."""
    thread = threading.Thread(target=Asker(url, ask, clock).run, args=(stop,), name="pictures")
    thread.start()
    return thread
