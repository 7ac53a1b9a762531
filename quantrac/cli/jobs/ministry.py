"""The ministry's files in `jobs run`: a consumer of the feed makes them, a thread for each receiver sends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alerts.rules.watched_network import WatchedNetwork
from ingest.quality.follower import Follower, Work
from quantrac.backoff import Backoff
from quantrac.config.network import Receiver
from quantrac.config.settings import Settings
from quantrac.database import feed
from quantrac.database.outage import persist
from quantrac.database.pool import connect
from quantrac.observe import logs, metrics
from reports.ministry import consumer
from reports.ministry.sender import MOST, give_up, send_owed, takes_turn

if TYPE_CHECKING:
    from reports.ministry.sftp import ReceiverLogin

MAKER_LOCK: Final = 0x5154_0021
REST_S: Final = 2.0
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 60.0
"""Between two tries of a server that is away."""

LAG: Final = metrics.gauge("quantrac_ministry_feed_lag_seconds", "Age of the oldest change when it was taken")
CHANGES: Final = metrics.counter("quantrac_ministry_changes_total", "Changes taken for the ministry's files")
FAILURES: Final = metrics.counter("quantrac_ministry_failures_total", "Threads that ended by a mistake")

log = logs.logger(__name__)


def start(settings: Settings, watched: WatchedNetwork, url: str, stop: threading.Event) -> list[threading.Thread]:
    """Start what makes and sends files; where network.yaml has no receivers, the feed forgets the consumer.

    Stations and their mapping follow the files; a receiver that is new there is served after the next start. Where the
    logins cannot be read files are made and owed.
    """
    receivers = watched.network.settings.receivers
    runs: list[Callable[[], None]] = [partial(_forget, url, list(receivers), stop)]
    if not receivers:
        return _started(runs, stop)
    known = _logins(settings.receiver_logins)
    work = Work(
        name=consumer.NAME,
        causes=consumer.CAUSES,
        lock=MAKER_LOCK,
        round_of=lambda conn, taken: consumer.round_of(conn, taken, lambda: watched.network.stations, _clock()),
        make_everything=lambda conn: None,  # noqa: ARG005  # what was before the first receiver is no news
        lag=LAG,
        changes=CHANGES,
        rest_s=REST_S,
        after=consumer.AFTER,
    )
    runs.append(partial(Follower(work, _clock, stop).run, url))
    for name, receiver in receivers.items():
        if name in known:
            runs.append(partial(_send, url, name, receiver, known[name], stop))
        else:
            log.error("receiver_without_login", receiver=name, expected="a line in QUANTRAC_RECEIVER_LOGINS")
    return _started(runs, stop)


def _logins(file: Path | None) -> Mapping[str, ReceiverLogin]:
    from reports.ministry.sftp import BadLogins, logins  # 18 MB that a network without receivers does not need

    try:
        return {} if file is None else logins(file)
    except BadLogins as error:
        log.error("receiver_logins_refused", why=str(error))  # noqa: TRY400  # it says all
        return {}


def _started(runs: Iterable[Callable[[], None]], stop: threading.Event) -> list[threading.Thread]:
    threads = [threading.Thread(target=_guarded, args=[run, stop], daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    return threads


def _forget(url: str, receivers: Sequence[str], stop: threading.Event) -> None:
    """Owe nothing to receivers that are no more; where there is none, unregister the consumer.

    Nobody follows then, and a position that stands still would be an alarm.
    """

    def forget() -> None:
        with connect(url, "quantrac ministry") as conn:
            give_up(conn, receivers)
            if not receivers:
                feed.unregister(conn, consumer.NAME)

    persist(forget, consumer.NAME, stop=stop)


def _clock() -> datetime:
    return datetime.now(UTC)


def _guarded(run: Callable[[], None], stop: threading.Event) -> None:
    """Run to the end; what nobody foresaw costs neither the other threads nor the jobs, and is begun again."""
    while not stop.is_set():
        try:
            run()
            return
        except Exception:  # the boundary of the thread
            FAILURES.inc()
            log.exception("ministry_failed")
            stop.wait(LONGEST_WAIT_S)


def _send(url: str, name: str, receiver: Receiver, login: ReceiverLogin, stop: threading.Event) -> None:
    persist(lambda: _send_until(url, name, receiver, login, stop), f"ministry {name}", stop=stop)


def _send_until(url: str, name: str, receiver: Receiver, login: ReceiverLogin, stop: threading.Event) -> None:
    from reports.ministry.sftp import SftpServer

    backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    with connect(url, f"quantrac ministry {name}") as conn, SftpServer(receiver, login) as server:
        while not stop.is_set() and not takes_turn(conn, name):
            stop.wait(REST_S)
        while not stop.is_set():
            done = send_owed(conn, name, server, _clock)
            if done.is_away:
                stop.wait(backoff.next_wait_s())
                continue
            backoff.reset()
            if done.sent == 0:
                server.close()
            if done.sent == 0 or done.sent + done.failed < MOST:
                stop.wait(REST_S)
