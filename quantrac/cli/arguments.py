"""Arguments and answers that several commands share: who acts, times and durations, lines or JSON."""

from __future__ import annotations

import dataclasses
import getpass
import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from quantrac.telemetry import local_time

Person = Annotated[
    str,
    typer.Option(
        help="Who does it; stands in the audit.", show_default="the login name", default_factory=getpass.getuser
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def group(help_text: str | None = None) -> typer.Typer:
    """Return a group of commands; without a text of its own it shows its line of `COMMANDS` in `quantrac.cli.main`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=help_text)
    app.callback()(lambda: None)
    return app


def moment(text: str, option: str, zone: ZoneInfo) -> datetime:
    """Return the time of an option in UTC; without an offset it is that of a zone. Raises BadParameter."""
    try:
        return local_time.moment(text, zone)
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}, expected a date or time such as 2026-11-24 or 2026-11-24T07:05+07:00", param_hint=option
        ) from None


def day(text: str, option: str) -> date:
    """Return the day of an option. Raises BadParameter."""
    try:
        found = date.fromisoformat(text)
        if not 1970 < found.year < 2100:
            raise ValueError
        return found
    except ValueError:
        raise typer.BadParameter(f"found {text!r}, expected a day such as 2026-11-24", param_hint=option) from None


def duration(help_text: str, *names: str, default: str | None = None, least: str = "0s") -> Any:
    """Return the option of a duration such as 90s or 2h, held in seconds; a number without its unit is refused."""
    usual: dict[str, Any] = {}
    if default is not None:
        usual = {"default_factory": lambda: default, "show_default": False}
        help_text = f"{help_text.removesuffix('.')}; default {default}."
    return typer.Option(*names, parser=partial(_seconds, least=least), metavar="DURATION", help=help_text, **usual)


def number(help_text: str, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return the option of a number; one with a decimal comma is refused with the way in which it is to be written."""
    return typer.Option(parser=partial(_number, least=least, most=most), metavar="NUMBER", help=help_text)


def _number(text: str, *, least: float, most: float) -> float:
    try:
        found = float(text)
    except ValueError:
        point = f"; write {text.replace(',', '.')}" if re.fullmatch(r"[+-]?\d+,\d+", text) else ""
        raise typer.BadParameter(f"found {text!r}, expected a number such as 9.77{point}") from None
    if not least <= found <= most:
        raise typer.BadParameter(f"found {text!r}, expected {least:g} to {most:g}")
    return found


def _seconds(text: str, *, least: str) -> float:
    from quantrac.config.fields import parse_duration

    try:
        found = parse_duration(text)
    except ValueError:
        unit = f"; write {text}s for seconds" if re.fullmatch(r"\d+(\.\d+)?", text) else ""
        raise typer.BadParameter(f"found {text!r}, expected a duration such as 90s, 30m, 2h, 7d{unit}") from None
    if found < parse_duration(least):
        raise typer.BadParameter(f"found {text!r}, expected at least {least}")
    return found / 1000


def answer(found: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print what was found: lines for people, or one line of JSON (rows as objects, times in ISO 8601, UTC)."""
    if as_json:
        print(json.dumps(found, default=_plain, ensure_ascii=False))
        return
    for line in lines:
        print(line)


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else dataclasses.asdict(value)
