"""`quantrac certificates …`: of calibration and verification, and when each expires."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from quantrac.cli.arguments import AsJson, Person, answer, day, group
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from quantrac.desks.certificates import Certificate, CertificateKind, CertificateSheet

app = group("""Certificates of devices: of calibration (hiệu chuẩn) and verification (kiểm định).

Nothing is deleted: a correction is one more version, with a reason.
""")

Number = Annotated[int, typer.Argument(metavar="ENTRY", help="Number of the entry, see list.")]
Named = Annotated[str, typer.Option("--number", help="Of the certificate, as it is printed.")]
By = Annotated[str, typer.Option("--issued-by", help="Who issued it.")]
On = Annotated[str, typer.Option("--issued-on", metavar="DAY", help="When, such as 2026-11-24.")]
Ends = Annotated[str, typer.Option("--expires-on", metavar="DAY", help="The last day on which it is valid.")]
Kind = Annotated[str, typer.Option(help="Calibration or verification.")]
Serial = Annotated[str, typer.Option(help="Serial number of the device.")]
Words = Annotated[str, typer.Option(help="Anything else.")]
Reason = Annotated[str, typer.Option(help="Why; stands beside the correction, and in the audit.")]


@app.command()
def add(
    station: Annotated[str, typer.Argument(help="Such as st-my-thanh.")],
    device: Annotated[str, typer.Argument(help="The device, by its name there.")],
    number: Named,
    issued_by: By,
    issued_on: On,
    expires_on: Ends,
    person: Person,
    kind: Kind = "calibration",
    serial: Serial = "",
    words: Words = "",
) -> None:
    """Enter a certificate."""
    from quantrac.desks import certificates

    sheet = _sheet(station, device, kind, number, issued_by, issued_on, expires_on, serial, words)
    with database("console", "certificates") as conn:
        print(_line(certificates.add(conn, sheet, person, datetime.now(UTC)), "entered"))


@app.command(short_help="Put another version in its place.")
def correct(
    entry: Number,
    number: Named,
    issued_by: By,
    issued_on: On,
    expires_on: Ends,
    reason: Reason,
    person: Person,
    kind: Kind = "calibration",
    serial: Serial = "",
    words: Words = "",
) -> None:
    """Put another version in the place of a certificate, said whole; the one before stays on record."""
    from quantrac.desks import certificates

    with database("console", "certificates") as conn:
        found = certificates.certificate_of(conn, entry)
        sheet = _sheet(found.station, found.device, kind, number, issued_by, issued_on, expires_on, serial, words)
        done = certificates.correct(conn, entry, sheet, person, reason, datetime.now(UTC), seen=found.version)
        print(_line(done, "corrected"))


@app.command(short_help="Take back one entered by mistake.")
def withdraw(entry: Number, reason: Reason, person: Person) -> None:
    """Take back a certificate that was entered by mistake; it stays on record."""
    from quantrac.desks import certificates

    with database("console", "certificates") as conn:
        print(_line(certificates.withdraw(conn, entry, person, reason, datetime.now(UTC)), "withdrawn"))


@app.command("list")
def list_(
    station: Annotated[str | None, typer.Argument(help="Only of this station.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    as_json: AsJson = False,
) -> None:
    """List certificates by device, and whether they are valid."""
    from quantrac.desks import certificates

    with database("console", "certificates") as conn:
        found = certificates.certificates(conn, station, every=every)
        today = datetime.now(time_zone(conn)).date()
    lines = (
        _line(one, "withdrawn" if one.withdrawn else certificates.standing(one.expires_on, today)) for one in found
    )
    answer(found, lines, as_json=as_json)


def _sheet(
    station: str, device: str, kind: str, number: str, issued_by: str, issued_on: str, expires_on: str, serial: str,
    words: str,
) -> CertificateSheet:  # fmt: skip
    from quantrac.desks.certificates import CertificateSheet

    if kind not in ("calibration", "verification"):
        raise typer.BadParameter(f"found {kind}, allowed calibration, verification", param_hint="--kind")
    return CertificateSheet(
        station, device, cast("CertificateKind", kind), number, issued_by, day(issued_on, "--issued-on"),
        day(expires_on, "--expires-on"), serial or None, words,
    )  # fmt: skip


def _line(one: Certificate, state: str) -> str:
    serial = "" if one.serial is None else f"  serial {one.serial}"
    why = "" if one.reason is None else f": {one.reason}"
    return (
        f"{one.certificate_id:>6}  {state:<9}  {one.station} {one.device}  {one.kind} {one.number} by {one.issued_by}  "
        f"{one.issued_on} .. {one.expires_on}{serial}  ({one.person}{why})  {one.words}".rstrip()
    )
