"""`quantrac samples …`: what was taken at stations, through whose hands it went, what laboratories found."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, moment
from quantrac.cli.environment import configured_network, database
from quantrac.config.findings import ConfigErrors
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown
from quantrac.telemetry.words import counted

if TYPE_CHECKING:
    from quantrac.desks.laboratory_results import ComparedResult
    from quantrac.desks.samples import LaboratorySample

app = group("""Samples for a laboratory: taken, handed over, received, analysed; results beside the sensor's value.

Times without an offset are local. Nothing is deleted: a correction is one more version, with a reason.
""")

Number = Annotated[int, typer.Argument(help="Number of the sample, see list.")]
Code = Annotated[str, typer.Option(help="What stands on the bottle.")]
At = Annotated[str, typer.Option(metavar="TIME", help="When, local time.")]
By = Annotated[str, typer.Option("--by", help="Who did it; default the person.", show_default=False)]
Laboratory = Annotated[str, typer.Option(help="Who analyses it.")]
Words = Annotated[str, typer.Option(help="Anything else.")]
Reason = Annotated[str, typer.Option(help="Why; stands beside the correction, and in the audit.")]
Why = Annotated[str, typer.Option("--reason", help="Why, where this corrects what was entered before.")]


@app.command(short_help="Enter a sample that was taken.")
def add(
    station: Annotated[str, typer.Argument(help="Such as st-my-thanh.")],
    code: Code,
    at: At,
    person: Person,
    by: By = "",
    laboratory: Laboratory = "",
    words: Words = "",
) -> None:
    """Enter a sample that was taken; its results follow, by result or import."""
    from quantrac.desks import samples

    with database("console", "samples") as conn:
        zone = time_zone(conn)
        sheet = samples.SampleSheet(station, code, moment(at, "--at", zone), by or person, laboratory, words)
        _print(samples.add(conn, sheet, person, datetime.now(UTC)), zone)


@app.command(short_help="Put another version in its place.")
def correct(
    number: Number,
    code: Code,
    at: At,
    reason: Reason,
    person: Person,
    by: By = "",
    laboratory: Laboratory = "",
    words: Words = "",
) -> None:
    """Put another version in the place of a sample's sheet, said whole; its steps and results stay."""
    from quantrac.desks import samples

    with database("console", "samples") as conn:
        zone, before = time_zone(conn), samples.sample_of(conn, number)
        sheet = samples.SampleSheet(before.station, code, moment(at, "--at", zone), by or person, laboratory, words)
        done = samples.correct(conn, number, sheet, person, reason, datetime.now(UTC), seen=before.version)
        _print(done, zone)


@app.command(short_help="Take back one entered by mistake.")
def withdraw(number: Number, reason: Reason, person: Person) -> None:
    """Take back a sample that was entered by mistake, with its results; it stays on record."""
    from quantrac.desks import samples

    with database("console", "samples") as conn:
        _print(samples.withdraw(conn, number, person, reason, datetime.now(UTC)), time_zone(conn))


@app.command("pass", short_help="Enter a step of its custody.")
def pass_on(
    number: Number,
    step: Annotated[str, typer.Argument(help="Handed_over, received or analysed.")],
    at: At,
    person: Person,
    by: By = "",
    words: Words = "",
    reason: Why = "",
) -> None:
    """Enter through whose hands a sample went; a second time it is a correction, with a reason."""
    from quantrac.desks import samples

    if step not in list(samples.CustodyStep):
        raise typer.BadParameter(f"found {step}, allowed {', '.join(samples.CustodyStep)}", param_hint="STEP")
    with database("console", "samples") as conn:
        zone = time_zone(conn)
        custody = samples.Custody(samples.CustodyStep(step), moment(at, "--at", zone), by or person, words)
        _print(samples.pass_on(conn, number, custody, person, datetime.now(UTC), reason), zone)


@app.command(short_help="Enter what a laboratory found.")
def result(
    number: Number,
    parameter: Annotated[str, typer.Argument(help="Of the catalogue, such as nh4_n.")],
    value: Annotated[str, typer.Argument(help="As the laboratory wrote it, such as 4.2 or '<0.02'.")],
    person: Person,
    unit: Annotated[str, typer.Option(help="As the laboratory wrote it; default that of the catalogue.")] = "",
    method: Annotated[str, typer.Option(help="Such as TCVN 6179-1:1996.")] = "",
    channel: Annotated[
        str | None, typer.Option(help="The station's channel beside it, where there are several.")
    ] = None,
    reason: Why = "",
) -> None:
    """Enter what a laboratory found; of a parameter that has a result it is a correction, with a reason."""
    from quantrac.desks import laboratory_results as desk

    _know_own_parameters()
    found = desk.LaboratoryResult(parameter, value, unit, method, channel)
    with database("console", "samples") as conn:
        _print(desk.enter_result(conn, number, found, person, datetime.now(UTC), reason), time_zone(conn))


@app.command("withdraw-result", short_help="Take back a result.")
def withdraw_result(
    number: Number, parameter: Annotated[str, typer.Argument(help="Of the result.")], reason: Reason, person: Person
) -> None:
    """Take back a result that was entered by mistake; it stays on record."""
    from quantrac.desks import laboratory_results as desk

    with database("console", "samples") as conn:
        _print(desk.withdraw_result(conn, number, parameter, person, reason, datetime.now(UTC)), time_zone(conn))


@app.command("import", short_help="Take a laboratory's CSV file in.")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8, one result a line.", exists=True, dir_okay=False)],
    person: Person,
    station: Annotated[str | None, typer.Option(help="Of all lines, where the file does not name it.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who took the samples, where the file does not say.")] = "",
    laboratory: Laboratory = "",
    as_json: AsJson = False,
) -> None:
    """Enter the results of a laboratory's file; what is there already stays.

    Columns, by these or their Vietnamese names: code, station, sampled_at, sampled_by, laboratory, parameter, value,
    unit, method, handed_over_at, handed_over_by, received_at, received_by, analysed_at, analysed_by. Each line that
    cannot be used is told with file, line and column; then the exit code is 1.
    """
    from quantrac.desks.laboratory_file import Usual
    from quantrac.desks.laboratory_import import import_file

    _know_own_parameters()
    with database("console", "samples") as conn:
        usual = Usual(station, by, laboratory)
        done = import_file(conn, file.read_bytes(), usual, person, datetime.now(UTC))
    for line in done.refused:
        print(line.words(str(file)), file=sys.stderr)
    summary = ", ".join((
        counted(done.new, "result entered|results entered"),
        counted(done.known, "was there already|were there already"),
        counted(len(done.refused), "line cannot be used|lines cannot be used"),
    ))  # fmt: skip
    refused = [line.words(str(file)) for line in done.refused]
    answer({"new": done.new, "known": done.known, "refused": refused}, [summary], as_json=as_json)
    if done.refused:
        raise typer.Exit(1)


@app.command("list", short_help="List samples, custody and results.")
def list_(
    station: Annotated[str | None, typer.Argument(help="Only of this station.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List samples with their custody and results, the newest first."""
    from quantrac.desks import samples

    with database("console", "samples") as conn:
        found, zone = samples.samples(conn, station, every=every, limit=limit), time_zone(conn)
    answer(found, (line for one in found for line in _lines(one, zone)), as_json=as_json)


@app.command(short_help="Results beside the sensor's values.")
def compare(
    station: Annotated[str | None, typer.Argument(help="Only of this station.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List results beside the sensor's values then: bias, tolerance of network.yaml, verdict."""
    from quantrac.desks import laboratory_results as desk

    with database("console", "samples") as conn:
        found, zone = desk.compared(conn, station, limit=limit), time_zone(conn)
    rows = [{"sample": one.row, **one.bias._asdict()} for one in found]
    answer(rows, (_compared_line(one, zone) for one in found), as_json=as_json)


def _know_own_parameters() -> None:
    """Let the catalogue have the network's own parameters, where its files are here and declare some."""
    with suppress(ConfigErrors):
        configured_network()


def _print(sample: LaboratorySample, zone: ZoneInfo) -> None:
    for line in _lines(sample, zone):
        print(line)


def _lines(sample: LaboratorySample, zone: ZoneInfo) -> list[str]:
    state = "withdrawn" if sample.withdrawn else f"version {sample.version}"
    why = "" if sample.reason is None else f": {sample.reason}"
    steps = [f"{one.step} {shown(one.done_at, zone)} {one.done_by}" for one in sample.custody.values()]
    found = [f"{one.parameter} {one.reported}  {one.method}".rstrip() for one in sample.found.values()]
    head = (
        f"{sample.sample_id:>6}  {state:<10}  {sample.station}  {sample.code}  {shown(sample.sampled_at, zone)}  "
        f"{sample.sampled_by}  {sample.laboratory}  ({sample.person}{why})  {sample.words}"
    )
    return [head.rstrip(), *(f"        {line}" for line in (*steps, *found))]


def _compared_line(one: ComparedResult, zone: ZoneInfo) -> str:
    row, bias = one
    beside = "no reading beside it" if row.beside is None else f"sensor {row.beside:g} ({row.readings} readings)"
    parts = [
        shown(row.sampled_at, zone), row.channel or row.station, row.code, row.parameter, row.reported, beside,
        "" if bias.difference is None else f"bias {bias.difference:+.4g}",
        "" if bias.percent is None else f"{bias.percent:+.1f} %",
        "" if bias.allowed is None else f"tolerance {bias.allowed:g}",
        {"within": "within", "beyond": "BEYOND", None: ""}[bias.verdict],
    ]  # fmt: skip
    return "  ".join(part for part in parts if part)
