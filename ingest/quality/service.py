"""The service `quality run`: findings, roll-ups, derived values, stages of days, each by a consumer on a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

from ingest import signed_days
from ingest.derived import consumer as derived
from ingest.quality import consumer as quality
from ingest.quality import device_consumer as devices
from ingest.quality import neighbour_consumer as neighbours
from ingest.quality.devices import TestedDevices
from ingest.quality.follower import Follower, Work
from ingest.quality.neighbourhood import Neighbourhood
from ingest.quality.tables import TestedChannels
from ingest.rollups import consumer as rollups
from quantrac.config.settings import Settings
from quantrac.database.migration import refuse_old_database
from quantrac.observe import health, logs, metrics

QUALITY_LOCK: Final = 0x5154_0011
ROLLUPS_LOCK: Final = 0x5154_0013
DERIVED_LOCK: Final = 0x5154_0015
STAGES_LOCK: Final = 0x5154_0017
DEVICES_LOCK: Final = 0x5154_0024
NEIGHBOURS_LOCK: Final = 0x5154_0034
GATHER_S: Final = 1.0
"""Roll-ups let changes gather: an hour is written once for several messages."""
DERIVED_GATHER_S: Final = 0.5
"""Inputs of one time come in several messages."""
STAGES_GATHER_S: Final = 2.0
DEVICES_GATHER_S: Final = 2.0
NEIGHBOURS_GATHER_S: Final = 5.0
CHECK_S: Final = 0.5

QUALITY_LAG: Final = metrics.gauge("quantrac_quality_feed_lag_seconds", "Age of the oldest change when it was taken")
QUALITY_CHANGES: Final = metrics.counter("quantrac_quality_changes_total", "Changes judged")
DEVICES_LAG: Final = metrics.gauge("quantrac_devices_feed_lag_seconds", "Age of the oldest change when it was taken")
DEVICES_CHANGES: Final = metrics.counter("quantrac_devices_changes_total", "Changes judged by the tests of devices")
NEIGHBOURS_LAG: Final = metrics.gauge(
    "quantrac_neighbours_feed_lag_seconds", "Age of the oldest change when it was taken"
)
NEIGHBOURS_CHANGES: Final = metrics.counter(
    "quantrac_neighbours_changes_total", "Changes held against neighbouring stations"
)
ROLLUPS_LAG: Final = metrics.gauge("quantrac_rollups_feed_lag_seconds", "Age of the oldest change when it was taken")
ROLLUPS_CHANGES: Final = metrics.counter("quantrac_rollups_changes_total", "Changes rolled up")
DERIVED_LAG: Final = metrics.gauge("quantrac_derived_feed_lag_seconds", "Age of the oldest change when it was taken")
DERIVED_CHANGES: Final = metrics.counter("quantrac_derived_changes_total", "Changes taken for derived channels")
STAGES_LAG: Final = metrics.gauge("quantrac_stages_feed_lag_seconds", "Age of the oldest change when it was taken")
STAGES_CHANGES: Final = metrics.counter("quantrac_stages_changes_total", "Changes held against signed days")

log = logs.logger(__name__)


def works(clock: Callable[[], datetime]) -> list[Work]:
    """Return the consumers that run in this service."""
    tested, tested_devices, neighbourhood = TestedChannels(), TestedDevices(), Neighbourhood()
    return [
        Work(
            name=quality.NAME,
            causes=quality.CAUSES,
            lock=QUALITY_LOCK,
            round_of=lambda conn, feed: quality.round_of(conn, feed, clock, tested=tested),
            make_everything=lambda conn, tell: quality.judge_everything(conn, clock, tell),
            lag=QUALITY_LAG,
            changes=QUALITY_CHANGES,
        ),
        Work(
            name=devices.NAME,
            causes=devices.CAUSES,
            lock=DEVICES_LOCK,
            round_of=lambda conn, feed: devices.round_of(conn, feed, clock, tested=tested_devices),
            make_everything=lambda conn, tell: devices.judge_everything(conn, clock, tell),
            lag=DEVICES_LAG,
            changes=DEVICES_CHANGES,
            rest_s=DEVICES_GATHER_S,
        ),
        Work(
            name=rollups.NAME,
            causes=rollups.CAUSES,
            lock=ROLLUPS_LOCK,
            round_of=rollups.RollupRounds().round_of,
            make_everything=rollups.make_everything,
            lag=ROLLUPS_LAG,
            changes=ROLLUPS_CHANGES,
            rest_s=GATHER_S,
        ),
        Work(
            name=neighbours.NAME,
            causes=neighbours.CAUSES,
            lock=NEIGHBOURS_LOCK,
            round_of=lambda conn, feed: neighbours.round_of(conn, feed, clock, neighbourhood),
            make_everything=lambda conn, tell: neighbours.judge_everything(conn, clock, tell),
            lag=NEIGHBOURS_LAG,
            changes=NEIGHBOURS_CHANGES,
            rest_s=NEIGHBOURS_GATHER_S,
            after=neighbours.AFTER,
        ),
        Work(
            name=derived.NAME,
            causes=derived.CAUSES,
            lock=DERIVED_LOCK,
            round_of=derived.DerivedRounds().round_of,
            make_everything=derived.make_everything,
            lag=DERIVED_LAG,
            changes=DERIVED_CHANGES,
            rest_s=DERIVED_GATHER_S,
            after=derived.AFTER,
        ),
        Work(
            name=signed_days.NAME,
            causes=signed_days.CAUSES,
            lock=STAGES_LOCK,
            round_of=lambda conn, feed: signed_days.round_of(conn, feed, clock()),
            make_everything=lambda conn, tell: signed_days.check_everything(conn, clock(), tell),
            lag=STAGES_LAG,
            changes=STAGES_CHANGES,
            rest_s=STAGES_GATHER_S,
            after=signed_days.AFTER,
        ),
    ]


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Follow the feed until `stop` is set; a database that is away is waited for. Raises MissingSetting, NotMigrated.

    An error that nobody foresaw ends the service, and with it all its consumers: the supervisor starts it again.
    """
    url = settings.database("quality")
    refuse_old_database(url, "quantrac quality")

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
