"""The ministry's files in `jobs run`: a consumer of the feed makes them, a thread for each receiver sends them.

One thread looks after the others: who gets files, by which way and login, follows the files of the network and the
file of logins while the service runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from alerts.rules.watched_network import WatchedNetwork
from ingest.quality.follower import Follower, Work
from quantrac.backoff import Backoff
from quantrac.config.receivers import Receiver
from quantrac.config.settings import Settings
from quantrac.database import feed
from quantrac.database.outage import persist
from quantrac.database.pool import connect
from quantrac.observe import logs, metrics
from reports.ministry import consumer
from reports.ministry.logins import BadLogins, ReceiverLogin, logins
from reports.ministry.sender import MOST, give_up, send_owed, takes_turn
from reports.ministry.ways import server_of

MAKER_LOCK: Final = 0x5154_0021
REST_S: Final = 2.0
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 60.0
"""Between two tries of a server that is away."""
JOIN_S: Final = 5.0

LAG: Final = metrics.gauge("quantrac_ministry_feed_lag_seconds", "Age of the oldest change when it was taken")
CHANGES: Final = metrics.counter("quantrac_ministry_changes_total", "Changes taken for the ministry's files")
FAILURES: Final = metrics.counter("quantrac_ministry_failures_total", "Threads that ended by a mistake")

log = logs.logger(__name__)

Plan = tuple[Receiver, ReceiverLogin]
"""What a sender needs: a sender whose plan is another one is begun anew."""


def wall_clock() -> datetime:
    """Return the time of this machine, UTC."""
    return datetime.now(UTC)


def start(
    settings: Settings,
    watched: WatchedNetwork,
    url: str,
    stop: threading.Event,
    clock: Callable[[], datetime] = wall_clock,
) -> threading.Thread:
    """Start what makes and sends files, and ends with `stop`; where nobody gets files, the feed forgets the consumer.

    Where a login cannot be read files are made and owed.
    """
    service = _Service(watched, settings.receiver_logins, url, stop, clock)
    thread = threading.Thread(target=_guarded, args=[service.run, stop], daemon=True)
    thread.start()
    return thread


@dataclass(slots=True)
class _Worker:
    """A thread, and the event that ends it alone."""

    stop: threading.Event
    thread: threading.Thread

    @classmethod
    def begun(cls, run: Callable[[threading.Event], None]) -> _Worker:
        stop = threading.Event()
        thread = threading.Thread(target=_guarded, args=[partial(run, stop), stop], daemon=True)
        thread.start()
        return cls(stop, thread)


@dataclass(slots=True)
class _Service:
    """Who makes and who sends, as the files of the network have it now."""

    watched: WatchedNetwork
    secrets: Path | None
    url: str
    stop: threading.Event
    clock: Callable[[], datetime] = wall_clock
    maker: _Worker | None = None
    senders: dict[str, tuple[Plan, _Worker]] = field(default_factory=dict)
    told: str = ""
    """What was last said of logins that lack."""
    known: frozenset[str] | None = None
    """Receivers when those that are gone were last given up; None: not yet."""

    def run(self) -> None:
        """Follow the files until stopped, then end all threads."""
        try:
            while not self.stop.is_set():
                self._follow()
                self.stop.wait(REST_S)
        finally:
            self._end([*self.senders])
            self._end_maker()

    def _follow(self) -> None:
        receivers = self.watched.network.settings.receivers
        if receivers.keys() != self.known:
            self._forget(receivers.keys())
        if receivers and self.maker is None:
            self.maker = _Worker.begun(self._make)
        plans = self._plans(receivers)
        self._end([name for name, (plan, _) in self.senders.items() if plans.get(name) != plan])
        for name, plan in plans.items():
            if name not in self.senders:
                self.senders[name] = plan, _Worker.begun(partial(_send, self.url, name, plan, self.clock))

    def _forget(self, receivers: Collection[str]) -> None:
        """Owe nothing to receivers that are no more; where there is none, unregister the consumer.

        Nobody follows then, and a position that stands still would be an alarm.
        """
        self._end([name for name in self.senders if name not in receivers])
        if not receivers:
            self._end_maker()

        def forget() -> bool:
            with connect(self.url, "quantrac ministry") as conn:
                give_up(conn, receivers)
                if not receivers:
                    feed.unregister(conn, consumer.NAME)
            return True

        if persist(forget, consumer.NAME, stop=self.stop):
            self.known = frozenset(receivers)

    def _make(self, stop: threading.Event) -> None:
        work = Work(
            name=consumer.NAME,
            causes=consumer.CAUSES,
            lock=MAKER_LOCK,
            round_of=lambda conn, taken: consumer.round_of(
                conn, taken, lambda: self.watched.network.stations, self.clock()
            ),
            make_everything=lambda conn, tell: None,  # noqa: ARG005  # what was before the first receiver is no news
            lag=LAG,
            changes=CHANGES,
            rest_s=REST_S,
            after=consumer.AFTER,
        )
        Follower(work, wall_clock, stop).run(self.url)

    def _plans(self, receivers: Mapping[str, Receiver]) -> dict[str, Plan]:
        """Return what can be sent; what lacks is logged once."""
        lacks: list[str] = []
        found: dict[str, Plan] = {}
        try:
            known = logins(self.secrets) if receivers and self.secrets is not None else {}
        except BadLogins as error:
            known = {}
            lacks.append(str(error))
        for name, receiver in receivers.items():
            try:
                if name in known:
                    server_of(name, receiver, known[name])
                    found[name] = receiver, known[name]
                else:
                    lacks.append(f"{name}: no line in QUANTRAC_RECEIVER_LOGINS")
            except BadLogins as error:
                lacks.append(str(error))
        said, self.told = self.told, "; ".join(lacks)
        if self.told not in ("", said):
            log.error("receivers_without_login", why=self.told)
        return found

    def _end(self, names: list[str]) -> None:
        """End senders; each file that is on its way arrives, or is tried again."""
        ended = [self.senders.pop(name)[1] for name in names]
        for worker in ended:
            worker.stop.set()
        for worker in ended:
            worker.thread.join(JOIN_S)

    def _end_maker(self) -> None:
        if self.maker is not None:
            self.maker.stop.set()
            self.maker.thread.join(JOIN_S)
            self.maker = None


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


def _send(url: str, name: str, plan: Plan, clock: Callable[[], datetime], stop: threading.Event) -> None:
    persist(lambda: _send_until(url, name, plan, clock, stop), f"ministry {name}", stop=stop)


def _send_until(url: str, name: str, plan: Plan, clock: Callable[[], datetime], stop: threading.Event) -> None:
    backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    with connect(url, f"quantrac ministry {name}") as conn, closing(server_of(name, *plan)) as server:
        while not stop.is_set() and not takes_turn(conn, name):
            stop.wait(REST_S)
        while not stop.is_set():
            done = send_owed(conn, name, server, clock)
            if done.is_away:
                stop.wait(backoff.next_wait_s())
                continue
            backoff.reset()
            if done.sent == 0:
                server.close()
            if done.sent == 0 or done.sent + done.failed < MOST:
                stop.wait(REST_S)
