"""`quantrac report bulletin …`, `quantrac report templates …`: bulletins from draft to sending, and their templates."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group
from quantrac.cli.environment import configured_network, database
from quantrac.cli.whole_file import whole_file
from quantrac.config.bulletins import BulletinKind
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from quantrac.desks.bulletins import BulletinHead

bulletin = group("Bulletins: make, change, approve and send them.")
templates = group("Templates of bulletins: list them, try them.")

Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="Of the bulletin: see list.")]
Language = Annotated[str, typer.Option(help="Language of the words: vi or en.")]


@bulletin.command(short_help="Make a draft, of a period or of the last one that is over.")
def make(
    kind: Annotated[BulletinKind, typer.Argument(help="What it is about.")],
    person: Person,
    period: Annotated[
        str | None, typer.Option(help="2026-W48, 2026-11-29, 2026-11 or 2026; default the last one that is over.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a bulletin as a draft. One that was approved gets a next version; changed words of a draft are kept."""
    from quantrac.desks import bulletins as desk

    network = configured_network()
    with database("console", "report bulletin make") as conn:
        made = desk.make(conn, network, kind, period, person, datetime.now(UTC))
    said = {"bulletin_id": made.bulletin_id, "kind": made.kind, "period": made.period, "version": made.version}
    answer(
        said,
        [f"bulletin {made.bulletin_id}: {made.kind} {made.period}, version {made.version}, draft"],
        as_json=as_json,
    )


@bulletin.command("list", short_help="Bulletins, the newest first.")
def list_bulletins(
    kind: Annotated[BulletinKind | None, typer.Option(help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List bulletins with state and messages: waiting, taken by a carrier, failed."""
    from quantrac.desks import bulletins as desk

    with database("console", "report bulletin list") as conn:
        zone = time_zone(conn)
        found = desk.bulletins(conn, None if kind is None else kind.value, limit)
    answer([one._asdict() for one in found], (_line(one, zone) for one in found), as_json=as_json)


@bulletin.command(short_help="Print the words, or write a document.")
def show(
    number: Number,
    language: Language = "vi",
    pdf: Annotated[Path | None, typer.Option(help="Write the PDF into this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page into this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a bulletin: a draft as it would be, an approved one as it was approved, with its digest."""
    from quantrac.desks import bulletins as desk

    network = configured_network()
    with database("console", "report bulletin show") as conn:
        found = desk.bulletin(conn, number)
        for part, file in (("pdf", pdf), ("html", html)):
            if file is not None:
                content = desk.document(conn, network, found, language, part)
                with whole_file(file) as out:
                    out.write(content)
        intact = found.digest is None or desk.is_intact(conn, found)
    words = [f"{part}:\n{text}\n" for part, text in found.words.get(language, {}).items()]
    state = f"bulletin {number}: {found.kind} {found.period}, version {found.version}, {found.state}"
    answer(found, [state, f"digest {found.digest}", "", *words], as_json=as_json)
    if not intact:
        sys.stderr.write("the documents are not those that were approved\n")
        raise typer.Exit(1)


@bulletin.command(short_help="Change the words of a draft.")
def edit(
    number: Number,
    person: Person,
    part: Annotated[str, typer.Option(help="Which words: title, summary, note, sms or zalo.")],
    text: Annotated[str | None, typer.Option(help="The new words.")] = None,
    file: Annotated[Path | None, typer.Option(help="Or a file that holds them (UTF-8).")] = None,
    language: Language = "vi",
) -> None:
    """Change a part of the words of a draft; a short message has two segments at most."""
    from quantrac.desks import bulletins as desk

    if (text is None) == (file is None):
        raise typer.BadParameter("expected one of them", param_hint="--text, --file")
    words = text if text is not None else file.read_text("utf-8") if file is not None else ""
    with database("console", "report bulletin edit") as conn:
        desk.edit(conn, number, language, part, words, person, datetime.now(UTC))
    print(f"bulletin {number}: {part} changed")


@bulletin.command(short_help="Approve a draft; it never changes again.")
def approve(number: Number, person: Person) -> None:
    """Approve a draft: page, PDF and messages are made and kept under one digest."""
    from quantrac.desks import bulletins as desk

    network = configured_network()
    with database("console", "report bulletin approve") as conn:
        done = desk.approve(conn, network, number, person, datetime.now(UTC))
    print(f"bulletin {number}: approved, digest {done.digest}")


@bulletin.command(short_help="Send an approved one to groups of contacts.")
def send(
    number: Number,
    person: Person,
    to: Annotated[list[str] | None, typer.Option(help="A group; default those of network.yaml.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="By sms or email; default as network.yaml says.")] = None,
) -> None:
    """Queue the messages; `alerts run` hands them over. Nobody gets one twice, however often this is asked.

    Whom it did not reach because the message failed gets it again.
    """
    from quantrac.desks.bulletin_dispatch import send as dispatch

    network = configured_network()
    with database("console", "report bulletin send") as conn:
        done = dispatch(conn, network, number, person, datetime.now(UTC), to or None, by or None)
    print(f"bulletin {number}: {done.queued} queued, {done.known} have it already, {done.nowhere} cannot be reached")


@templates.command("list", short_help="Each template and the file that is used.")
def list_templates() -> None:
    """List the templates: shipped ones, and a network's own in `bulletins/` of its configuration."""
    from reports.bulletins.template_check import template_files

    for name, file in template_files(Settings().config):
        print(f"{name:<32}  {file}")


@templates.command(short_help="Try every template; file and line of what is wrong.")
def check() -> None:
    """Try every template with example figures: exit code 2 and one line `file:line: problem` for each mistake."""
    from reports.bulletins.template_check import check_templates

    found = check_templates(configured_network())
    for one in found:
        print(one)
    if found:
        raise typer.Exit(2)
    print("all templates can be used")


def _line(one: BulletinHead, zone: ZoneInfo) -> str:
    approved = "" if one.approved_at is None else f"  approved {shown(one.approved_at, zone)} by {one.approved_by}"
    told = f"  messages {one.queued} waiting, {one.taken} taken, {one.failed} failed" if one.sent_at else ""
    return f"{one.bulletin_id:>5}  {one.kind:<11}  {one.period:<10}  v{one.version}  {one.state:<8}{approved}{told}"
