"""`quantrac visits …`: the field book, what was done at stations, before and after."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from quantrac.desks.field_book import DeviceWork, ServiceRow, Visit, VisitSheet

app = group("""The field book: visits to stations, and what was done there at each device.

Times without an offset are local. Nothing is deleted: a correction is one more version, with a reason.
""")

Station = Annotated[str, typer.Argument(help="Such as st-my-thanh.")]
Number = Annotated[int, typer.Argument(help="Number of the visit, see list.")]
Arrived = Annotated[str, typer.Option(metavar="TIME", help="When they came, local time.")]
Left = Annotated[str, typer.Option(metavar="TIME", help="When they left, local time.")]
Works = Annotated[
    list[str],
    typer.Option(
        "--work",
        help="KIND DEVICE [CHANNEL] and values, such as 'calibration sonde do before=7.9 after=8.2 reference=8.2' or "
        "'probe_change sonde serial=4711 words=\"cap worn\"'; may be repeated. Kinds: inspection, cleaning, check, "
        "calibration, probe_change, device_change, repair.",
    ),
]
Crew = Annotated[str, typer.Option(help="Who was there.")]
Words = Annotated[str, typer.Option(help="Anything else.")]
Reason = Annotated[str, typer.Option(help="Why; stands beside the correction, and in the audit.")]


@app.command(short_help="Enter a visit.")
def add(
    station: Station,
    arrived: Arrived,
    left: Left,
    person: Person,
    work: Works = [],  # noqa: B006
    crew: Crew = "",
    words: Words = "",
) -> None:
    """Enter a visit and what was done at each device. A calibration that came over the wire joins it by its time."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        zone = time_zone(conn)
        sheet = _sheet(station, arrived, left, work, crew, words, zone)
        _print(field_book.add(conn, sheet, person, datetime.now(UTC)), zone)


@app.command(short_help="Put another version in its place.")
def correct(
    number: Number,
    arrived: Arrived,
    left: Left,
    reason: Reason,
    person: Person,
    work: Works = [],  # noqa: B006
    crew: Crew = "",
    words: Words = "",
) -> None:
    """Put another version in the place of a visit, said whole; the one before stays on record."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        zone, before = time_zone(conn), field_book.visit_of(conn, number)
        sheet = _sheet(before.station, arrived, left, work, crew, words, zone)
        done = field_book.correct(conn, number, sheet, person, reason, datetime.now(UTC), seen=before.version)
        _print(done, zone)


@app.command(short_help="Take back a visit that never was.")
def withdraw(number: Number, reason: Reason, person: Person) -> None:
    """Take back a visit that never was, or was entered twice; it stays on record."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        _print(field_book.withdraw(conn, number, person, reason, datetime.now(UTC)), time_zone(conn))


@app.command("list")
def list_(
    station: Annotated[str | None, typer.Argument(help="Only of this station.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List visits, the newest first."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        found, zone = field_book.visits(conn, station, every=every, limit=limit), time_zone(conn)
    answer(found, (line for one in found for line in _lines(one, zone)), as_json=as_json)


@app.command(short_help="Every version of a visit.")
def show(number: Number, as_json: AsJson = False) -> None:
    """Show every version of a visit, the newest first."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        found, zone = field_book.versions(conn, number), time_zone(conn)
    answer(found, (line for one in found for line in _lines(one, zone)), as_json=as_json)
    if not found:
        raise typer.Exit(1)


@app.command(short_help="What was done at a station's devices.")
def history(
    station: Station,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what was done at a station's devices, written down by people or said by the station, the newest first."""
    from quantrac.desks import field_book

    with database("console", "visits") as conn:
        found, zone = field_book.service_history(conn, station, limit), time_zone(conn)
    answer(found, (_service_line(one, zone) for one in found), as_json=as_json)


def _sheet(
    station: str, arrived: str, left: str, works: list[str], crew: str, words: str, zone: ZoneInfo
) -> VisitSheet:
    from quantrac.desks.field_book import VisitSheet

    return VisitSheet(
        station,
        moment(arrived, "--arrived", zone),
        moment(left, "--left", zone),
        tuple(map(work_of, works)),
        crew,
        words,
    )


def work_of(text: str) -> DeviceWork:
    """Return the work that an option says. Raises BadParameter."""
    from quantrac.desks.field_book import DeviceWork, WorkKind

    try:
        words = shlex.split(text)
        named = dict(word.split("=", 1) for word in words if "=" in word)
        kind, device, *channel = [word for word in words if "=" not in word]
        values = {name: float(named.pop(name)) for name in ("before", "after", "reference") if name in named}
        said = {name: named.pop(name) for name in ("serial", "words") if name in named}
        if named or len(channel) > 1:
            raise ValueError
        return DeviceWork(device, WorkKind(kind), next(iter(channel), None), **values, **said)  # type: ignore[arg-type]
    except ValueError:
        kinds = ", ".join(WorkKind)
        raise typer.BadParameter(
            f"found {text!r}, expected KIND DEVICE [CHANNEL] and before=, after=, reference=, serial=, words=; "
            f"kinds: {kinds}",
            param_hint="--work",
        ) from None


def _print(visit: Visit, zone: ZoneInfo) -> None:
    for line in _lines(visit, zone):
        print(line)


def _lines(visit: Visit, zone: ZoneInfo) -> list[str]:
    state = "withdrawn" if visit.withdrawn else f"version {visit.version}"
    why = "" if visit.reason is None else f": {visit.reason}"
    span = f"{shown(visit.arrived_at, zone)} .. {shown(visit.left_at, zone)}"
    head = f"{visit.visit_id:>6}  {state:<10}  {visit.station}  {span}  {visit.crew}  ({visit.person}{why})"
    return [f"{head}  {visit.words}".rstrip(), *(f"        {_work_line(work)}" for work in visit.works)]


def _work_line(work: DeviceWork) -> str:
    parts = [
        work.kind, work.device, work.channel, _values(work.before, work.after, work.reference),
        work.serial and f"serial {work.serial}", work.words,
    ]  # fmt: skip
    return "  ".join(part for part in parts if part)


def _values(before: float | None, after: float | None, reference: float | None) -> str:
    if before is None and after is None:
        return "" if reference is None else f"reference {reference:g}"
    said = " -> ".join("?" if value is None else f"{value:g}" for value in (before, after))
    return said if reference is None else f"{said} (reference {reference:g})"


def _service_line(row: ServiceRow, zone: ZoneInfo) -> str:
    by = row.person or "the station"
    parts = [
        shown(row.at, zone), row.kind, row.device, row.channel, _values(row.before, row.after, row.reference),
        row.serial and f"serial {row.serial}", f"({by})", row.words,
    ]  # fmt: skip
    return "  ".join(part for part in parts if part)
