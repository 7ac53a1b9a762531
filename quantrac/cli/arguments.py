"""Arguments that several commands share: who acts, and moments of local time."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Annotated

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
