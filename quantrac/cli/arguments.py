"""Arguments and answers that several commands share: who acts, times and durations, lines or JSON."""

from __future__ import annotations

import dataclasses
import getpass
import json
from collections.abc import Iterable
from datetime import UTC, datetime
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


def duration_ms(text: str, option: str) -> int:
    """Return the milliseconds of an option such as 30m or 2h. Raises BadParameter."""
    from quantrac.config.fields import parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}, expected a duration such as 90s, 30m, 2h, 7d", param_hint=option
        ) from None


def answer(found: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print what was found: lines for people, or one line of JSON (rows as objects, times in ISO 8601, UTC)."""
    if as_json:
        print(json.dumps(found, default=_plain, ensure_ascii=False))
        return
    for line in lines:
        print(line)


def _plain(value: Any) -> object:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else dataclasses.asdict(value)
