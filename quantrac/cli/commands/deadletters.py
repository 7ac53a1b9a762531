"""`quantrac deadletters …`: lists messages that ingest refused, stores them again, or closes them."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from collections.abc import Callable

    from quantrac.database.pool import Connection
    from quantrac.desks.books import DeadLetterRow, Status

app = group()

Json = Annotated[bool, typer.Option("--json", help="For programs; payloads in base64.")]
Number = Annotated[int, typer.Argument(help="Number of the dead letter, see list.")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER", help="Of dead letters, see list.")]
Station = Annotated[str | None, typer.Option(help="All that are open of this station.")]
Misfit = Annotated[str | None, typer.Option(help="All that are open for this, such as unknown_channel.")]
SHOWN_BYTES = 4096


@app.command("list")
def list_(
    status: Annotated[
        list[str],
        typer.Option(metavar="STATUS", help="Only these: open, partial, replayed, discarded; may be repeated."),
    ] = [  # noqa: B006
        "open",
        "partial",
    ],
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    misfit: Annotated[str | None, typer.Option(help="Only with this reason, such as unknown_channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, the newest first."""
    from quantrac.desks import books

    unknown = sorted(set(status) - set(books.STATUSES))
    if unknown:
        allowed = ", ".join(books.STATUSES)
        raise typer.BadParameter(f"found {', '.join(unknown)}, allowed {allowed}", param_hint="--status")
    with database("deadletters", "deadletters") as conn:
        wanted = [cast("Status", word) for word in status]
        letters = books.dead_letters(conn, wanted, limit, station=station, misfit=misfit)
    answer([_with_payload(letter) for letter in letters], map(_line, letters), as_json=as_json)


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """Show one dead letter: why it was refused, and its payload.

    In words, in Vietnamese and English, with what can be read of it.
    """
    from quantrac.desks import books, misfits

    with database("deadletters", "deadletters") as conn:
        letter, zone = books.dead_letter(conn, number), time_zone(conn)
    values = _with_payload(letter)
    words = misfits.words(letter.reason)
    shown = {name: value for name, value in values.items() if name not in ("payload", "detail") and value is not None}
    lines = [f"{name:<18} {value}" for name, value in {**shown, "why": words.en, "vì sao": words.vi}.items()]
    lines += misfits.explained(letter, zone)
    if not letter.topic.endswith("/image"):
        lines.append(_harmless(letter.payload[:SHOWN_BYTES]))
    answer({**values, "words": words}, lines, as_json=as_json)


@app.command(short_help="Store what dead letters hold, once their cause is put right.")
def replay(
    person: Person,
    numbers: Numbers = None,
    station: Station = None,
    misfit: Misfit = None,
    reason: Annotated[str, typer.Option(help="What was put right; stands in the audit.")] = "replayed",
    as_json: AsJson = False,
) -> None:
    """Store what dead letters hold, after their cause has been put right (a channel added, a state name mended).

    Of several each is tried; those that are refused still stay as they are.
    """
    from ingest import desk

    def one(conn: Connection, number: int) -> tuple[dict[str, Any], str]:
        replayed = desk.replay(conn, number, person, datetime.now(UTC), reason)
        if replayed.pictures:
            return dataclasses.asdict(replayed), f"replayed {number}: the picture is stored"
        added = f"{replayed.readings} readings added, {replayed.still_refused} refused still"
        return dataclasses.asdict(replayed), f"replayed {number}: {added}"

    _each(numbers, station, misfit, one, as_json=as_json)


@app.command()
def discard(
    reason: Annotated[str, typer.Option(help="Why nobody needs them; stands in the audit.")],
    person: Person,
    numbers: Numbers = None,
    station: Station = None,
    misfit: Misfit = None,
    as_json: AsJson = False,
) -> None:
    """Close dead letters for good; in the books they stay dead."""
    from ingest import desk

    def one(conn: Connection, number: int) -> tuple[dict[str, Any], str]:
        desk.discard(conn, number, person, reason, datetime.now(UTC))
        return {"status": "discarded"}, f"discarded {number}"

    _each(numbers, station, misfit, one, as_json=as_json)


def _each(
    numbers: list[int] | None,
    station: str | None,
    misfit: str | None,
    act: Callable[[Connection, int], tuple[dict[str, Any], str]],
    *,
    as_json: bool,
) -> None:
    """Do something with the dead letters named, or with all open ones of a station or reason, and say what came of it.

    A single one that fails ends the command as its error says; of several each is tried, and 1 says that some failed.
    """
    from quantrac.desks import books

    if bool(numbers) == bool(station or misfit):
        raise typer.BadParameter("expected numbers, or --station, --misfit or both", param_hint="numbers")
    with database("deadletters", "deadletters") as conn:
        if numbers is not None and len(numbers) == 1:
            outcome, said = act(conn, numbers[0])
            answer({"dead_letter_id": numbers[0], **outcome}, [said], as_json=as_json)
            return
        outcomes: list[dict[str, Any]] = []
        for number in numbers or books.not_closed(conn, station=station, misfit=misfit):
            try:
                outcome, said = act(conn, number)
            except QuantracError as error:
                outcome, said = {"error": str(error)}, str(error)
            outcomes.append({"dead_letter_id": number, **outcome})
            if not as_json:
                print(said)
    failed = sum("error" in each for each in outcomes)
    answer(outcomes, [f"{len(outcomes) - failed} done, {failed} failed"], as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _harmless(payload: bytes) -> str:
    """Return bytes as text that a terminal may show: no control characters but line breaks and tabs."""
    text = payload.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() or each in "\n\t" else f"\\x{ord(each):02x}" for each in text)


def _line(letter: DeadLetterRow) -> str:
    received = f"{letter.received_at:%Y-%m-%d %H:%M:%SZ}"
    return (
        f"{letter.dead_letter_id:>7}  {received}  {letter.status:<9} x{letter.count:<5} {letter.reason:<18} "
        f"{letter.topic}"
    )


def _with_payload(letter: DeadLetterRow) -> dict[str, Any]:
    return {**dataclasses.asdict(letter), "payload": base64.b64encode(letter.payload).decode("ascii")}
