"""`quantrac trace`: one number back to its raw reading, its tests and persons, and on to what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import answer, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from quantrac.desks.acts import Act
    from quantrac.desks.trace import ShownReading, Trace, TracedFinding

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(no_args_is_help=True)
def trace(
    channel: Annotated[str, typer.Argument(help="Such as st-my-thanh/do.")],
    time: Annotated[
        str | None, typer.Argument(help="Any time that it covers, local: 2026-11-24T07:03; without: the newest.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="Also what was shown at this earlier moment.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """Trace one number: raw reading, instrument, message, tests, persons, corrections, and what is made of it."""
    from quantrac.desks import trace as desk

    with database("console", "trace") as conn:
        zone = time_zone(conn)
        then = None if as_of is None else moment(as_of, "--as-of", zone)
        found = desk.trace(conn, channel, None if time is None else moment(time, "TIME", zone), then)
    answer(found, _lines(found, zone, as_of), as_json=as_json)


def _lines(found: Trace, zone: ZoneInfo, as_of: str | None) -> Iterator[str]:
    of, reading = found.channel, found.reading
    yield f"{of.channel}  {shown(reading.time, zone)}"
    yield _row("shown", f"{_number(reading.value)} {of.unit}, {_quality(reading.quality)}")
    if as_of is not None:
        yield _row(f"as of {as_of}", "it had not come" if found.as_of is None else _then(found.as_of, of.unit))
    if found.formula is None:
        yield _row("raw", f"{_number(reading.raw_value)} {of.unit}, device said {reading.state}")
        yield _row("received", f"{shown(reading.received_at, zone)}{' (late)' if reading.late else ''}")
        yield from _way(found, zone)
    else:
        yield _row("made by", f"{found.formula.formula} ({found.formula.source})")
        for one in found.formula.inputs:
            yield _row("", f"{one.input} = {_number(one.value)}, {one.count} readings of {one.channel}, "
                           f"{shown(one.after, zone)} < t <= {shown(one.until, zone)}")  # fmt: skip
    for finding in found.findings:
        yield _row("test" if finding.test else "verdict", _finding(finding, zone))
    for act in found.reviews:
        yield _row("review", _review(act, found.corrected.get(act.review_id), zone))
    for other in found.conflicts:
        yield _row("also sent", f"{_number(other.value)} {other.state}, epoch {other.epoch} seq {other.seq}, "
                                f"{shown(other.received_at, zone)}")  # fmt: skip
    for use in found.uses:
        span = shown(use.first, zone) + ("" if use.first == use.last else f" .. {shown(use.last, zone)}")
        count = "" if use.count is None else f" of {use.count} readings"
        yield _row("in", f"{use.kind} {use.channel} {span}: {_number(use.value)}{count}")
    if found.stage is not None:
        signed = "" if found.stage.signed_by is None else f", signed by {found.stage.signed_by}"
        second = found.stage.approved_by
        both = "" if second in (None, found.stage.signed_by) else f" and {second}"
        yield _row("stage", f"{found.stage.word}{signed}{both}")


def _way(found: Trace, zone: ZoneInfo) -> Iterator[str]:
    of = found.channel
    if found.imported is not None:
        one = found.imported
        yield _row("import", f"{one.import_id} of {one.source} by {one.person}, sha256 {one.sha256}")
    if found.book is not None:
        upto = "" if found.book.before_seq is None else f" and {found.book.before_seq}"
        yield _row("message", f"epoch {found.book.epoch}, seq between {found.book.after_seq}{upto or ' and now'}")
    if of.device is not None:
        serial = "" if of.serial is None else f", serial {of.serial}"
        yield _row(
            "instrument", f"{of.device}: {of.instrument} ({of.profile}), bus {of.bus}, address {of.address}{serial}"
        )
    yield _row("configuration", f"{of.config_applied[:12]}, applied {shown(of.applied_at, zone)}")


def _row(word: str, text: str) -> str:
    return f"  {word:<14} {text}"


def _then(reading: ShownReading, unit: str) -> str:
    return f"{_number(reading.value)} {unit}, {_quality(reading.quality)}"


def _finding(finding: TracedFinding, zone: ZoneInfo) -> str:
    said = "found nothing" if finding.flag is None else _quality(finding.flag)
    when = "" if finding.at is None else f", {shown(finding.at, zone)}"
    said_why = finding.words["en"] if finding.words else finding.reason
    why = "" if said_why is None else f": {said_why}"
    if finding.test is None:
        return f"{'taken back' if finding.flag is None else said} by {finding.by}{when}{why}"
    return f"{finding.test}: {said} ({finding.by}{when}){why}"


def _review(act: Act, corrected: float | None, zone: ZoneInfo) -> str:
    value = "" if corrected is None else f" to {_number(corrected)}"
    end = "" if act.withdrawn_by is None else f"; withdrawn by {act.withdrawn_by}: {act.withdrawn_reason}"
    return f"{act.review_id} {act.kind}{value}, {act.state}, {act.person} {shown(act.at, zone)}: {act.reason}{end}"


def _quality(flag: int) -> str:
    from quantrac.telemetry.quality import Quality

    return Quality(flag).word.replace("_", " ")


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.10g}"
