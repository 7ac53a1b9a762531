"""`quantrac shift …`: the shift book: what is handed over, notes, handing over and taking over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, Person, answer, day, group
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from quantrac.desks.shift import ShiftRow
    from quantrac.desks.shift_content import Mark, ShiftContent, ShiftNote

app = group("""The shift book: what happened since the last hand-over, notes, two signatures.

One shift is open at any time and collects by itself what happened. Whoever leaves signs it, and it never changes again;
whoever comes signs that they took over, then or later.
""")


@app.command(short_help="What a shift hands over.")
def show(
    number: Annotated[int | None, typer.Argument(help="A shift that was handed over; default the open one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the open shift as things stand, or an earlier one as it was signed; items with their keys for notes."""
    from quantrac.desks import shift

    with database("console", "shift") as conn:
        zone = time_zone(conn)
        if number is None:
            row, content = None, shift.open_page(conn, datetime.now(UTC))
        else:
            row, content = shift.signed_page(conn, number)
    answer(content, _page(row, content, zone), as_json=as_json)


@app.command(short_help="Write a note into the open shift.")
def note(
    text: Annotated[str, typer.Argument(help="What is to be said.")],
    person: Person,
    item: Annotated[str | None, typer.Option(metavar="KEY", help="What it is about, as `show` names it.")] = None,
    station: Annotated[str | None, typer.Option(help="Of the item, or what the note is about.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="To watch: it goes on to the next shifts.")] = False,
    done: Annotated[bool, typer.Option("--done", help="Done: the item goes on no more.")] = False,
) -> None:
    """Write a note, to the shift as a whole or to an item of its page."""
    from quantrac.desks import shift

    if watch and done:
        raise typer.BadParameter("found both --watch and --done, expected one of them")
    mark: Mark | None = "watch" if watch else "done" if done else None
    with database("console", "shift") as conn:
        now = datetime.now(UTC)
        shift.note(conn, text, person, now, mark=mark, item=item, station=station)


@app.command("hand-over", short_help="Sign the open shift; the next one begins.")
def hand_over(
    person: Person,
    remark: Annotated[str, typer.Option(help="Words for whoever comes.")] = "",
    alone: Annotated[bool, typer.Option("--alone", help="Nobody is there to take over.")] = False,
    number: Annotated[
        int | None, typer.Option("--shift", help="The shift that is meant; refused if another one is open by now.")
    ] = None,
) -> None:
    """Sign the page of the open shift: it never changes again."""
    from quantrac.desks import shift

    with database("console", "shift") as conn:
        meant = shift.open_shift(conn).shift_id if number is None else number
        done = shift.hand_over(conn, meant, person, remark, datetime.now(UTC), alone=alone)
    print(f"shift {done.shift_id} handed over, digest {done.digest}")


@app.command("take-over", short_help="Sign that one has taken over.")
def take_over(
    person: Person, number: Annotated[int | None, typer.Argument(help="Default the shift handed over last.")] = None
) -> None:
    """Sign as the second person the shift that was handed over last."""
    from quantrac.desks import shift

    with database("console", "shift") as conn:
        last = shift.last_shift(conn)
        meant = number if number is not None else 0 if last is None else last.shift_id
        done = shift.take_over(conn, meant, person, datetime.now(UTC))
    print(f"shift {done.shift_id} taken over by {done.taken_by}")


@app.command("list", short_help="Shifts that were handed over.")
def list_(
    on: Annotated[str | None, typer.Option("--day", metavar="DAY", help="Only those of a local day.")] = None,
    most: Annotated[int, typer.Option("--limit", help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List shifts with who handed over and who took over, the newest first."""
    from quantrac.desks import shift

    with database("console", "shift") as conn:
        zone = time_zone(conn)
        found = shift.shifts(conn, day=None if on is None else day(on, "--day"), most=most)
    answer(found, (_line(row, zone) for row in found), as_json=as_json)


def _line(row: ShiftRow, zone: ZoneInfo) -> str:
    assert row.until is not None
    if row.taken_at is not None:
        taken = f"taken over by {row.taken_by} {_time(row.taken_at, zone)}"
    else:
        taken = "alone, nobody there to take over" if row.alone else "nobody has taken over"
    return f"{row.shift_id:>6}  {_time(row.since, zone)} .. {_time(row.until, zone)}  {row.person}; {taken}"


def _page(row: ShiftRow | None, content: ShiftContent, zone: ZoneInfo) -> Iterator[str]:
    from dashboards.console.shift_words import Reader, about, figures, words_of
    from quantrac.desks.shift_content import ItemKind

    reader = Reader.of(content, "en", zone)
    said = reader.text
    if row is None:
        yield f"shift {content.shift_id}, open since {_time(content.since, zone)}"
    else:
        yield _line(row, zone).strip()
        yield f"digest {row.digest}"
    if content.remark:
        yield content.remark
    yield ", ".join(f"{count} {words}" for words, count, _ in figures(content, "en"))

    def line(note: ShiftNote, key: str = "") -> str:
        parts = (key, f"({note.mark})" if note.mark else "", about(note, reader), note.text)
        return f"  {'; '.join(part for part in parts if part)} — {note.person}, {_time(note.at, zone)}"

    if content.watched:
        yield from ("", said["shift_watched"], *(line(note, f"[{note.key}]") for note in content.watched))
    if content.notes:
        yield from ("", said["shift_notes"], *map(line, content.notes))
    for kind in ItemKind:
        found = content.of(kind)
        if not found:
            continue
        yield ""
        yield f"{said[f'shift_kind_{kind}']} ({content.total(kind)})"
        for item in found:
            words = words_of(item, reader)
            parts = (words.title, words.place, words.when, *words.lines)
            yield f"  [{item.key}]{f' at {item.station}' if item.station else ''}: {'; '.join(filter(None, parts))}"


def _time(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
