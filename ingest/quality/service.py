"""`quality run`: the change feed in; findings, roll-ups and derived values out, each a consumer on its own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Final

from ingest.derived import consuming as deriving
from ingest.quality import judging
from ingest.quality.following import Follower, Work
from ingest.rollups import consuming
from quantrac.config.settings import Settings
from quantrac.database.feed import Cause
from quantrac.database.migration import connect_migrated
from quantrac.database.pool import DatabaseUnreachable
from quantrac.observe import health, logs, metrics

QUALITY_LOCK: Final = 0x5154_0011
ROLLUPS_LOCK: Final = 0x5154_0013
DERIVED_LOCK: Final = 0x5154_0015
GATHER_S: Final = 5.0
"""Roll-ups let changes gather: otherwise each message of a minute would recompute its hour."""
DERIVED_GATHER_S: Final = 0.5
"""Inputs of one time come in several messages."""
CHECK_S: Final = 0.5

QUALITY_LAG = metrics.gauge("quantrac_quality_feed_lag_seconds", "Age of the oldest change when it was taken")
QUALITY_CHANGES = metrics.counter("quantrac_quality_changes_total", "Changes judged")
QUALITY_FAILURES = metrics.counter("quantrac_quality_failures_total", "Times judging had to begin again", ["reason"])
ROLLUPS_LAG = metrics.gauge("quantrac_rollups_feed_lag_seconds", "Age of the oldest change when it was taken")
ROLLUPS_CHANGES = metrics.counter("quantrac_rollups_changes_total", "Changes rolled up")
ROLLUPS_FAILURES = metrics.counter("quantrac_rollups_failures_total", "Times it had to begin again", ["reason"])
DERIVED_LAG = metrics.gauge("quantrac_derived_feed_lag_seconds", "Age of the oldest change when it was taken")
DERIVED_CHANGES = metrics.counter("quantrac_derived_changes_total", "Changes taken for derived channels")
DERIVED_FAILURES = metrics.counter("quantrac_derived_failures_total", "Times it had to begin again", ["reason"])

log = logs.logger(__name__)


def works(clock: Callable[[], datetime]) -> list[Work]:
    """Return the consumers that run in this service."""
    return [
        Work(
            name=judging.NAME,
            causes=(Cause.READING,),
            lock=QUALITY_LOCK,
            round_of=lambda conn, feed, most: judging.round_of(conn, feed, clock, most),
            make_everything=lambda conn: judging.judge_everything(conn, clock),
            lag=QUALITY_LAG,
            changes=QUALITY_CHANGES,
            failures=lambda reason: QUALITY_FAILURES.labels(reason).inc(),
        ),
        Work(
            name=consuming.NAME,
            causes=consuming.CAUSES,
            lock=ROLLUPS_LOCK,
            round_of=consuming.round_of,
            make_everything=consuming.make_everything,
            lag=ROLLUPS_LAG,
            changes=ROLLUPS_CHANGES,
            failures=lambda reason: ROLLUPS_FAILURES.labels(reason).inc(),
            rest_s=GATHER_S,
        ),
        Work(
            name=deriving.NAME,
            causes=deriving.CAUSES,
            lock=DERIVED_LOCK,
            round_of=deriving.round_of,
            make_everything=deriving.make_everything,
            lag=DERIVED_LAG,
            changes=DERIVED_CHANGES,
            failures=lambda reason: DERIVED_FAILURES.labels(reason).inc(),
            rest_s=DERIVED_GATHER_S,
            after=deriving.AFTER,
        ),
    ]


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Follow the feed until `stop` is set; a database that is away is waited for. Raises MissingSetting, NotMigrated.

    An error that nobody foresaw ends the service, and with it all its consumers: the supervisor starts it again.
    """
    url = settings.database("quality")
    with suppress(DatabaseUnreachable):
        connect_migrated(url, "quantrac quality").close()

    def clock() -> datetime:
        return datetime.now(UTC)

    followers = [Follower(work, clock, stop) for work in works(clock)]
    failed: list[BaseException] = []
    threads = [
        threading.Thread(target=_guarded, args=[follower, url, stop, failed], daemon=True) for follower in followers
    ]
    with ExitStack() as stack:
        if settings.quality_listen is not None:
            stack.enter_context(health.serve(settings.quality_listen, ready=lambda: _state(followers)))
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(CHECK_S)
    if failed:
        raise failed[0]


def _guarded(follower: Follower, url: str, stop: threading.Event, failed: list[BaseException]) -> None:
    try:
        follower.run(url)
    except Exception as error:  # the boundary of the thread
        log.exception("consumer_failed")
        failed.append(error)
        stop.set()


def _state(followers: Sequence[Follower]) -> bool | str:
    return next((follower.state for follower in followers if follower.state is not True), True)
