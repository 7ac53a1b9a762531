"""The desk of status: judges whether all is well, in findings of one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.desks.picture import Picture, StationSeen, Worker, look

BEAT_MISSED_AFTER: Final = timedelta(seconds=15)
"""Services beat every 5 s."""
MISSING_AFTER: Final = timedelta(minutes=5)
"""Messages that are missing for less are on their way again: a station repeats what failed after a minute."""
LOST_SHOWN_FOR: Final = timedelta(days=7)
RUNS_TOO_LONG: Final = timedelta(hours=2)
"""A job that has not ended by then hangs, or its process was killed."""
FAILED_RUN_SHOWN_FOR: Final = timedelta(days=7)
"""Of a job that does not run any more."""
BACKLOG_S: Final = 60.0
"""Work that waits longer is a finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well: what it is about, and one line with what to do."""

    about: str
    what: str


@dataclass(frozen=True)
class Verdict:
    """A picture and what is wrong in it."""

    picture: Picture
    findings: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def status(conn: Connection, services: Sequence[str], now: datetime) -> Verdict:
    """Look at the network and judge it; `services` are those that should run."""
    picture = look(conn, now)
    return Verdict(picture, [*findings(picture, services)])


def findings(picture: Picture, services: Sequence[str]) -> Iterator[Finding]:
    """Yield what is not well, the causes before what follows from them."""
    for service in services:
        yield from _of_service(service, [one for one in picture.workers if one.service == service], picture.now)
    if not picture.stations:
        yield Finding("stations", "the database knows no station: quantrac stations apply")
    for station in picture.stations:
        yield from _of_station(station, picture.now)
    yield from _of_strangers(picture)
    yield from _of_books(picture)
    for consumer in picture.consumers:
        if consumer.lag_s > BACKLOG_S:
            behind = f"{consumer.lag_rows} changes, {duration(consumer.lag_s)} behind"
            yield Finding(f"feed {consumer.consumer}", f"{behind}: look at the log of this service")
    yield from _of_jobs(picture)
    yield from _of_calibrations(picture)
    yield from _of_people(picture)


def _of_service(service: str, workers: Sequence[Worker], now: datetime) -> Iterator[Finding]:
    alive = [one for one in workers if _is_alive(one, now)]
    about, start = f"service {service}", f"start it (quantrac {service} run) or look at its log"
    if not workers:
        yield Finding(about, f"gives no sign of life: {start}")
    elif not alive:
        yield Finding(about, f"no sign of life for {age(now, max(one.beat_at for one in workers))}: {start}")
    elif not any(one.connected for one in alive):
        yield Finding(about, "runs but is not connected: see whether the broker runs and QUANTRAC_MQTT_URL is right")
    else:
        yield from _of_workers(about, alive)


def _of_workers(about: str, alive: Sequence[Worker]) -> Iterator[Finding]:
    for one in alive:
        if not one.connected:
            yield Finding(about, f"its worker {one.worker} is not connected to the broker: look at its log")
    if (lag_s := max(one.backlog_lag_s or 0.0 for one in alive)) > BACKLOG_S:
        yield Finding(about, f"its oldest work waits for {duration(lag_s)}: is the database slow, the disk full?")


def _is_alive(worker: Worker, now: datetime) -> bool:
    return now - worker.beat_at <= BEAT_MISSED_AFTER


def _of_station(station: StationSeen, now: datetime) -> Iterator[Finding]:
    about = f"station {station.station}"
    if station.last_message_at is None:
        yield Finding(about, "has never sent anything: does its agent run (quantrac edge run), is its password set?")
        return
    if not station.online:
        yield Finding(about, f"offline, last message {age(now, station.last_message_at)} ago: see its link and power")
    elif station.stale:
        names = ", ".join(name.partition("/")[2] for name in station.stale)
        yield Finding(about, f"{len(station.stale)} of {station.channels} channels get no new readings: {names}")
    if station.config_reported is not None and station.config_applied != station.config_reported:
        yield Finding(
            about,
            "runs with another configuration than the centre: quantrac stations apply here, or the new file there",
        )


def _of_strangers(picture: Picture) -> Iterator[Finding]:
    configured = {station.station for station in picture.stations}
    for one in picture.strangers:
        since, last = age(picture.now, one.first_at), age(picture.now, one.last_at)
        sent = f"{one.messages} messages within {since}, the last {last} ago"
        if one.station in configured:
            what = f"sent {sent} before it was configured: quantrac deadletters replay (or discard) them"
        else:
            what = f"sends and no file names it ({sent}): quantrac stations apply, or refuse it at the broker"
        yield Finding(f"station {one.station}", what)


def _of_books(picture: Picture) -> Iterator[Finding]:
    for book in picture.books:
        where = f"{book.station or '(unknown)'} {book.epoch or '-'}"
        if not book.balanced:
            yield Finding("books", f"{where} do not balance: quantrac ledger; please report this as a defect")
    for gap in picture.gaps:
        where = f"{gap.station or '(unknown)'} {gap.epoch}"
        if gap.missing and gap.missing_since is not None and picture.now - gap.missing_since >= MISSING_AFTER:
            since = age(picture.now, gap.missing_since)
            yield Finding("books", f"{where}: {gap.missing} messages are missing for {since}: see the station's log")
        if gap.lost and gap.lost_at is not None and picture.now - gap.lost_at < LOST_SHOWN_FOR:
            since = age(picture.now, gap.lost_at)
            yield Finding(
                "books", f"{where}: {gap.lost} messages are lost for good, the last {since} ago: see its disk"
            )
    if picture.dead_letters:
        yield Finding("dead letters", f"{picture.dead_letters} messages were refused: quantrac deadletters list")


def _of_jobs(picture: Picture) -> Iterator[Finding]:
    for run in picture.jobs:
        if run.outcome == "failed" and picture.now - run.started_at < FAILED_RUN_SHOWN_FOR:
            since, why = age(picture.now, run.finished_at or run.started_at), run.detail or "no reason was given"
            yield Finding(f"job {run.job}", f"failed {since} ago: {why}")
        elif run.outcome == "running" and picture.now - run.started_at > RUNS_TOO_LONG:
            since = age(picture.now, run.started_at)
            yield Finding(f"job {run.job}", f"has been running for {since}: see the log of jobs")


def _of_calibrations(picture: Picture) -> Iterator[Finding]:
    for one in picture.calibrations:
        if one.due_at is not None and one.due_at <= picture.now:
            last = "none on record" if one.last_at is None else f"the last {age(picture.now, one.last_at)} ago"
            what = f"due for {age(picture.now, one.due_at)} (every {duration(one.every_s)}, {last})"
            do = "calibrate it, and say so: quantrac edge maint --device … --for … --cal"
            yield Finding(f"calibration of {one.station} {one.device}", f"{what}: {do}")


def _of_people(picture: Picture) -> Iterator[Finding]:
    for alarm in picture.alarms:
        if alarm.acknowledged_by is None:
            what = f"{alarm.severity}, {alarm.rule} at {alarm.channel or alarm.station or 'the centre'}"
            since = f"for {age(picture.now, alarm.raised_at)}, not acknowledged: quantrac alarms ack {alarm.alarm_id}"
            yield Finding(f"alarm {alarm.alarm_id}", f"{what} {since}")
    if picture.failed_messages:
        yield Finding("messages", f"{picture.failed_messages} to people failed within a day: see the log of alerts")
    if picture.stuck_messages:
        yield Finding("messages", f"{picture.stuck_messages} to people wait for over 5 min: see the log of alerts")


def age(now: datetime, then: datetime) -> str:
    """Return how long ago something was, for people."""
    return duration((now - then).total_seconds())


def duration(seconds: float) -> str:
    """Return a number of seconds in the unit that people would choose."""
    for unit, size, up_to in (("s", 1, 100), ("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < up_to:
            return f"{max(seconds, 0) / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
