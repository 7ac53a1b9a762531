"""`quantrac alerts run`: evaluates the rules and tells people."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

if TYPE_CHECKING:
    from alerts.telling.pictures import AskPicture
    from quantrac.config.settings import Settings
    from quantrac.database.pool import Connection

app = group()

WAIT_S: Final = 45.0
"""Longest wait for the answer; a picture that is taken later is found by its time."""
PERSON: Final = "alerts"


@app.command(short_help="Evaluate the rules and tell people, until stopped.")
def run() -> None:
    """Evaluate the rules on what comes in and tell people, until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_ALERTS_DATABASE_URL), the rules of QUANTRAC_CONFIG, QUANTRAC_SMTP_URL for
    e-mail, and QUANTRAC_SMS_PROVIDER=esms with QUANTRAC_SMS_KEY and QUANTRAC_SMS_SECRET for short messages. Rules that
    ask for pictures (`picture`) need QUANTRAC_COMMAND_KEYS and the broker, as `quantrac commands picture` does. A
    second one stands by and takes over when the first one ends.
    """
    from alerts import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop, ask_picture=by_command(settings)))


def by_command(settings: Settings) -> AskPicture:
    """Return a function that has a station take a picture by the desk of commands, as `commands picture` does.

    It reads keys and broker when it is called.
    """
    from quantrac.desks import commands as desk

    def ask(conn: Connection, station: str, camera: str, *, reason: str, lasts_s: int) -> Mapping[str, Any]:
        link = desk.link_to(settings, station)
        order = {"do": "picture", "camera": camera}
        return desk.give(
            lambda: nullcontext(conn), link, station, order, person=PERSON, reason=reason,
            clock=lambda: datetime.now(UTC), wait_s=WAIT_S, lasts_s=lasts_s,
        )  # fmt: skip

    return ask
