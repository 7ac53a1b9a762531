"""The desk of status: judges whether all is well, in findings of one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.desks.overview import Overview, StationSeen, WorkerSeen, look
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.words import counted

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
class StatusFinding:
    """Something that is not well: what it is about, and one line with what to do."""

    about: str
    what: str


Pairs = Iterator[tuple[str, str]]
"""Findings of one kind: what each is about, and its line."""


@dataclass(frozen=True)
class Judgement:
    """The overview and what is wrong in it."""

    overview: Overview
    findings: list[StatusFinding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def status(conn: Connection, services: Sequence[str], now: datetime) -> Judgement:
    """Look at the network and judge it; `services` are those that should run."""
    overview = look(conn, now)
    return Judgement(overview, [*findings(overview, services)])


def findings(overview: Overview, services: Sequence[str]) -> Iterator[StatusFinding]:
    """Yield what is not well, the causes before what follows from them."""
    yield from (StatusFinding(about, what) for about, what in _not_well(overview, services))


def _not_well(overview: Overview, services: Sequence[str]) -> Pairs:
    for service in services:
        yield from _of_service(service, [one for one in overview.workers if one.service == service], overview.now)
    if not overview.stations:
        yield "stations", "the database knows no station: quantrac stations apply"
    for station in overview.stations:
        yield from _of_station(station, overview.now)
    yield from _of_files(overview)
    yield from _of_strangers(overview)
    yield from _of_breaches(overview)
    yield from _of_books(overview)
    for consumer in overview.consumers:
        if consumer.lag_s > BACKLOG_S and consumer.making_share is None:
            behind = f"{counted(consumer.lag_rows, 'change|changes')}, {duration(consumer.lag_s)} behind"
            yield f"feed {consumer.consumer}", f"{behind}: look at the log of this service"
    yield from _of_jobs(overview)
    yield from _of_calibrations(overview)
    yield from _of_certificates(overview)
    yield from _of_people(overview)


def _of_service(service: str, workers: Sequence[WorkerSeen], now: datetime) -> Pairs:
    alive = [one for one in workers if now - one.beat_at <= BEAT_MISSED_AFTER]
    about, start = f"service {service}", f"start it (quantrac {service} run) or look at its log"
    if not workers:
        yield about, f"gives no sign of life: {start}"
    elif not alive:
        yield about, f"no sign of life for {age(now, max(one.beat_at for one in workers))}: {start}"
    elif not any(one.connected for one in alive):
        yield about, "runs but is not connected: see whether the broker runs and QUANTRAC_MQTT_URL is right"
    else:
        yield from _of_workers(about, alive)


def _of_workers(about: str, alive: Sequence[WorkerSeen]) -> Pairs:
    for one in alive:
        if not one.connected:
            yield about, f"its worker {one.worker} is not connected to the broker: look at its log"
    if (lag_s := max(one.backlog_lag_s or 0.0 for one in alive)) > BACKLOG_S:
        yield about, f"its oldest work waits for {duration(lag_s)}: is the database slow, the disk full?"


def making(one: WorkerSeen, now: datetime) -> str:
    """Return how far a worker is that makes everything anew; nothing, where it does not."""
    if one.making_share is None:
        return ""
    rate = "" if one.making_rate is None else f", {one.making_rate:.0f} a second"
    left = "" if one.making_until is None else f", done in {duration(max((one.making_until - now).total_seconds(), 0))}"
    return f"recomputes everything: {one.making_share:.0%}{rate}{left}"


def _of_station(station: StationSeen, now: datetime) -> Pairs:
    about = f"station {station.station}"
    if station.last_message_at is None:
        yield about, "has never sent anything: does its agent run (quantrac edge run), is its password set?"
        return
    if not station.online:
        yield about, f"offline, last message {age(now, station.last_message_at)} ago: see its link and power"
    elif station.stale:
        names = ", ".join(name.partition("/")[2] for name in station.stale)
        yield about, f"{len(station.stale)} of {station.channels} channels get no new readings: {names}"
    if station.config_reported is not None and station.config_applied != station.config_reported:
        yield (
            about,
            "runs with another configuration than the centre: quantrac stations apply here, or the new file there",
        )


def _of_files(overview: Overview) -> Pairs:
    for alarm in overview.alarms:
        if alarm.refused_files is not None:
            do = "correct them, put them back, or quantrac rules confirm"
            yield "files", f"changed files are refused, what was in force before stays: {alarm.refused_files}: {do}"


def _of_strangers(overview: Overview) -> Pairs:
    configured = {station.station for station in overview.stations}
    for one in overview.strangers:
        since, last = age(overview.now, one.first_at), age(overview.now, one.last_at)
        sent = f"{counted(one.messages, 'message|messages')} within {since}, the last {last} ago"
        if one.station in configured:
            what = f"sent {sent} before it was configured: quantrac deadletters replay (or discard) them"
        else:
            what = f"sends and no file names it ({sent}): quantrac stations apply, or refuse it at the broker"
        yield f"station {one.station}", what


def _of_breaches(overview: Overview) -> Pairs:
    for one in overview.breaches:
        about = {None: "the centre", "?": "strangers"}.get(one.station, f"station {one.station}")
        times, mb = f"{one.count:,} times", f"{one.bytes / 1e6:,.1f} MB"
        said = {
            BreachKind.SESSION_TAKEN: f"another client took its session at the broker, {times}: change its password",
            BreachKind.UNHEARD: f"flooded, and was not heard for a while, {times}: see to it, or change its password",
            BreachKind.FLOOD: f"sent more than it may while others waited: {one.count:,} messages, {mb} put off",
            BreachKind.EPOCHS: f"named more epochs than it may: {one.count:,} messages put off",
            BreachKind.DEAD_LETTERS: f"sent more that cannot be stored than is kept: {one.count:,} messages, {mb}",
            BreachKind.PICTURES: f"sent more pictures than it may: {one.count:,}, {mb} put off",
            BreachKind.SURPLUS: f"sent far more readings than its channels make: {one.count:,} hours of channels",
        }
        yield about, f"{said[BreachKind(one.kind)]}; the last {age(overview.now, one.last_at)} ago"


def _of_books(overview: Overview) -> Pairs:
    for book in overview.books:
        where = f"{book.station or '(unknown)'} {book.epoch or '-'}"
        if not book.balanced:
            yield "books", f"{where} do not balance: quantrac ledger; please report this as a defect"
    for gap in overview.gaps:
        where = f"{gap.station or '(unknown)'} {gap.epoch}"
        if gap.missing and gap.missing_since is not None and overview.now - gap.missing_since >= MISSING_AFTER:
            since = age(overview.now, gap.missing_since)
            missing = counted(gap.missing, "message is|messages are")
            yield "books", f"{where}: {missing} missing for {since}: see the station's log"
        if gap.lost and gap.lost_at is not None and overview.now - gap.lost_at < LOST_SHOWN_FOR:
            since = age(overview.now, gap.lost_at)
            lost = counted(gap.lost, "message is|messages are")
            yield "books", f"{where}: {lost} lost for good, the last {since} ago: see its disk"
    if overview.dead_letters:
        refused = counted(overview.dead_letters, "message was|messages were")
        yield "dead letters", f"{refused} refused: quantrac deadletters list"


def _of_jobs(overview: Overview) -> Pairs:
    for run in overview.jobs:
        if run.outcome == "failed" and overview.now - run.started_at < FAILED_RUN_SHOWN_FOR:
            since, why = age(overview.now, run.finished_at or run.started_at), run.detail or "no reason was given"
            yield f"job {run.job}", f"failed {since} ago: {why}"
        elif run.outcome == "running" and overview.now - run.started_at > RUNS_TOO_LONG:
            since = age(overview.now, run.started_at)
            yield f"job {run.job}", f"has been running for {since}: see the log of jobs"


def _of_calibrations(overview: Overview) -> Pairs:
    for one in overview.calibrations:
        if one.due_at is not None and one.due_at <= overview.now:
            last = "none on record" if one.last_at is None else f"the last {age(overview.now, one.last_at)} ago"
            what = f"due for {age(overview.now, one.due_at)} (every {duration(one.every_s)}, {last})"
            do = "calibrate it, and say so: quantrac visits add, or edge maint --device … --for … --cal"
            yield f"calibration of {one.station} {one.device}", f"{what}: {do}"


def _of_certificates(overview: Overview) -> Pairs:
    for one in overview.certificates:
        about = f"certificate of {one.station} {one.device}"
        ends = "ended" if one.ended else "ends"
        yield about, f"{one.kind} {one.number} {ends} on {one.expires_on}: renew it, then quantrac certificates add"


def _of_people(overview: Overview) -> Pairs:
    for alarm in overview.alarms:
        if alarm.acknowledged_by is None:
            what = f"{alarm.severity}, {alarm.rule} at {alarm.channel or alarm.station or 'the centre'}"
            since = f"for {age(overview.now, alarm.raised_at)}, not acknowledged: quantrac alarms ack {alarm.alarm_id}"
            yield f"alarm {alarm.alarm_id}", f"{what} {since}"
    for late in overview.untold:
        what = f"late data show {late.severity}, {late.rule} at {late.place}, {age(overview.now, late.raised_at)} ago"
        yield f"alarm {late.alarm_id}", f"{what}; nobody was told: {late.untold}: quantrac alarms show {late.alarm_id}"
    if overview.failed_messages:
        yield "messages", f"{overview.failed_messages} to people failed within a day: see the log of alerts"
    if overview.stuck_messages:
        yield "messages", f"{overview.stuck_messages} to people wait for over 5 min: see the log of alerts"


def age(now: datetime, then: datetime) -> str:
    """Return how long ago something was, for people."""
    return duration((now - then).total_seconds())


def duration(seconds: float) -> str:
    """Return a number of seconds in the unit that people would choose."""
    for unit, size, up_to in (("s", 1, 100), ("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < up_to:
            return f"{max(seconds, 0) / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
