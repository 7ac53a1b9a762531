"""`quantrac deadletters …`: messages that did not fit."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from quantrac.cli.answers import plain
from quantrac.cli.arguments import Person

if TYPE_CHECKING:
    from quantrac.database.pool import Connection
    from quantrac.desks.books import DeadLetter, Status

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For programs; payloads in base64.")]
Outcome = Annotated[bool, typer.Option("--json", help="For programs.")]
Number = Annotated[int, typer.Argument(help="Number of the dead letter, see list.")]
SHOWN_BYTES = 4096


@app.callback()
def _deadletters() -> None:
    """Messages and readings that ingest refused, with the reason; nothing is thrown away."""


def _connect() -> Connection:
    from quantrac.config.settings import Settings
    from quantrac.database.migrate import connect_migrated

    return connect_migrated(Settings().database("ingest"), "quantrac deadletters")


@app.command("list")
def list_(
    status: Annotated[
        list[str],
        typer.Option(metavar="STATUS", help="Only these: open, partial, replayed, discarded; may be repeated."),
    ] = [  # noqa: B006
        "open",
        "partial",
    ],
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, the newest first."""
    from quantrac.desks import books

    unknown = sorted(set(status) - set(books.STATUSES))
    if unknown:
        allowed = ", ".join(books.STATUSES)
        raise typer.BadParameter(f"found {', '.join(unknown)}, allowed {allowed}", param_hint="--status")
    with _connect() as conn:
        letters = books.dead_letters(conn, [cast("Status", word) for word in status], limit)
    if as_json:
        print(json.dumps([_with_payload(letter) for letter in letters]))
        return
    for letter in letters:
        received = f"{letter.received_at:%Y-%m-%d %H:%M:%SZ}"
        print(
            f"{letter.dead_letter_id:>7}  {received}  {letter.status:<9} x{letter.count:<5} {letter.reason:<18} "
            f"{letter.topic}"
        )


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """Show one dead letter: why it was refused, and its payload.

    In words, in Vietnamese and English, with what can be read of it.
    """
    from quantrac.desks import books, misfits

    with _connect() as conn:
        letter = books.dead_letter(conn, number)
    values = _with_payload(letter)
    if as_json:
        print(json.dumps({**values, "words": misfits.words(letter.reason)._asdict()}, ensure_ascii=False))
        return
    for name, value in values.items():
        if name not in ("payload", "detail") and value is not None:
            print(f"{name:<18} {value}")
    print(f"{'why':<18} {misfits.words(letter.reason).en}\n{'vì sao':<18} {misfits.words(letter.reason).vi}")
    for line in misfits.explained(letter):
        print(line)
    print(_harmless(letter.payload[:SHOWN_BYTES]))


@app.command(short_help="Store what a dead letter holds, once its cause is put right.")
def replay(
    number: Number,
    person: Person,
    reason: Annotated[str, typer.Option(help="What was put right; stands in the audit.")] = "replayed",
    as_json: Outcome = False,
) -> None:
    """Store what a dead letter holds, after its cause has been put right (a channel added, a state name mended)."""
    from ingest import desk

    with _connect() as conn:
        replayed = desk.replay(conn, number, person, datetime.now(UTC), reason)
    if as_json:
        print(json.dumps({"dead_letter_id": number, **plain(replayed)}))
    elif replayed.pictures:
        print(f"replayed {number}: the picture is stored")
    else:
        print(f"replayed {number}: {replayed.readings} readings added, {replayed.still_refused} refused still")


@app.command()
def discard(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why nobody needs it; stands in the audit.")],
    person: Person,
    as_json: Outcome = False,
) -> None:
    """Close a dead letter for good; in the books it stays dead."""
    from quantrac.desks import books

    with _connect() as conn:
        books.discard(conn, number, person, reason, datetime.now(UTC))
    print(json.dumps({"dead_letter_id": number, "status": "discarded"}) if as_json else f"discarded {number}")


def _harmless(payload: bytes) -> str:
    """Return bytes as text that a terminal may show: no control characters but line breaks and tabs."""
    text = payload.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() or each in "\n\t" else f"\\x{ord(each):02x}" for each in text)


def _with_payload(letter: DeadLetter) -> dict[str, Any]:
    return {**plain(letter), "payload": base64.b64encode(letter.payload).decode("ascii")}
