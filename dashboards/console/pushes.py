"""Sending a station its configuration from a page: begun by a request, waited for by a thread, read from the audit.

Data path: files → resolved station → held against the database → thread: signed command, the agent's trial, outcome →
audit → whoever asks. A trial takes minutes; no request waits so long, and a console that is started again still knows.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from dashboards.console.context import Console, StationPush
from dashboards.console.refusals import failure
from dashboards.console.texts import Language, texts
from quantrac.config.config_folder import NoSuchFile
from quantrac.config.loader import StationNotConfigured, load_station
from quantrac.config.stations import Station
from quantrac.database.pool import Connection
from quantrac.desks.commands import Past, check_applied, history
from quantrac.observe import metrics
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError, TranslatableError

FAILED: Final = metrics.counter(
    "quantrac_console_pushes_failed_total", "Configurations that pages sent to stations, ended by a mistake."
)
LOOKED_AT: Final = 50
"""Commands of a station, the newest, among which its last push is looked for."""
LONGEST: Final = timedelta(hours=1)
"""A push without an outcome is no longer waited for: the console ended meanwhile."""
GOOD: Final = ("confirmed", "unchanged")

log = logger(__name__)


class NoPush(TranslatableError):
    """The configuration cannot be sent; the text says why."""


class PushState(NamedTuple):
    """The last push to a station."""

    at: datetime
    person: str
    is_waiting: bool
    """The agent is asked, or tries it."""
    is_in_force: bool
    """All of it holds at the station."""
    words: str
    """What the agent answered."""


def begin_push(console: Console, station: str, person: str, reason: str) -> None:
    """Send a station the configuration of its files; returns at once, `last_push` tells the outcome.

    Raises NoPush without keys or while another push is under way, NoSuchFile, ConfigErrors, NotApplied, and what
    making the link raises: MissingSetting, BadKeyFile.
    """
    if console.push is None:
        raise NoPush("QUANTRAC_COMMAND_KEYS is not set for the console: push by command")
    now = console.clock()
    own = (person, now)
    if (other := console.pushing.setdefault(station, own)) is not own:  # one step, whatever other threads do
        raise _under_way(station, *other)
    try:
        resolved = _resolved(console, station)
        check_applied(console.pool.connection, resolved)
        push = console.push(station)
        with console.pool.connection() as conn:
            last = last_push(conn, station, now, "en")
        if last is not None and last.is_waiting:
            raise _under_way(station, last.person, last.at)
        context = copy_context()  # the audit says by whom and from where
        work = partial(context.run, _push, console, push, resolved, person, reason)
        threading.Thread(target=work, name=f"push {station}", daemon=True).start()
    except BaseException:
        del console.pushing[station]
        raise


def _resolved(console: Console, station: str) -> Station:
    try:
        return load_station(console.files.root, console.files.overlay, station)
    except StationNotConfigured:  # it lists the others, which not everybody may know
        raise NoSuchFile("the configuration has no file {file}", file=f"stations/{station}.yaml") from None


def _under_way(station: str, person: str, at: datetime) -> NoPush:
    return NoPush("{by} has sent {station} its configuration at {at}: wait for the outcome",
                  by=person, station=station, at=at)  # fmt: skip


def _push(console: Console, push: StationPush, station: Station, person: str, reason: str) -> None:
    try:
        push(console.pool.connection, station, person=person, reason=reason)
    except QuantracError as error:  # on record as the outcome, but for what failed before the order was
        log.info("push_failed", station=station.station, why=str(error))
    except Exception:  # the boundary of the thread; the page says that nothing was sent
        FAILED.inc()
        log.exception("push_ended", station=station.station)
    finally:
        del console.pushing[station.station]


def last_push(conn: Connection, station: str, now: datetime, language: Language) -> PushState | None:
    """Return the last push to a station, None where there was none."""
    pushed = (past for past in history(conn, station, LOOKED_AT) if past.order.get("do") == "push")
    return next((_state(past, now, language) for past in pushed), None)


def _state(past: Past, now: datetime, language: Language) -> PushState:
    if past.outcome is None:
        is_waiting = now - past.at < LONGEST
        words = texts(language)["push_waits" if is_waiting else "command_waits"]
        return PushState(past.at, past.person, is_waiting, is_in_force=False, words=words)
    is_good = bool(past.outcome.get("ok")) and past.outcome.get("outcome") in GOOD
    return PushState(
        past.at, past.person, is_waiting=False, is_in_force=is_good, words=push_words(past.outcome, language)
    )


def push_words(answer: Mapping[str, Any], language: Language) -> str:
    """Return what an agent answered to a push; it may answer anything. Pure."""
    text = texts(language)
    if not answer.get("ok"):
        return f"{text['command_failed']}: {failure(answer, language)}"
    outcome, changed, why = str(answer.get("outcome")), answer.get("changes"), answer.get("why")
    later = changed.get("at_next_start") if isinstance(changed, dict) else None
    parts = [
        text.get(f"push_{outcome}", outcome),
        None if why is None else f"{text['because']} {why}",
        f"{text['push_at_restart']} {', '.join(map(str, later))}" if isinstance(later, list) and later else None,
    ]
    return "; ".join(part for part in parts if part)
