"""What several commands share: who acts, moments of local time, and rows as `--json` prints them."""

from __future__ import annotations

import dataclasses
import getpass
from datetime import datetime
from typing import Annotated, Any

import typer

Person = Annotated[
    str,
    typer.Option(
        help="Who does it; stands in the audit.", show_default="the login name", default_factory=getpass.getuser
    ),
]


def moment(text: str, option: str) -> datetime:
    """Return the time of an option in UTC; without an offset it is local. Raises BadParameter."""
    from quantrac.telemetry import local_time

    try:
        return local_time.moment(text)
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}, expected a date or time such as 2026-11-24 or 2026-11-24T07:05+07:00", param_hint=option
        ) from None


def plain(row: Any) -> dict[str, Any]:
    """Return a row (a dataclass) as JSON takes it: times in ISO 8601."""
    values = dataclasses.asdict(row)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
