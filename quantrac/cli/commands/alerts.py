"""`quantrac alerts`: evaluate the rules and tell people."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _alerts() -> None:
    """Evaluate the rules and tell people."""


@app.command(short_help="Evaluate the rules and tell people, until stopped.")
def run() -> None:
    """Evaluate the rules on what comes in and tell people, until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_ALERTS_DATABASE_URL), the rules of QUANTRAC_CONFIG, QUANTRAC_SMTP_URL for
    e-mail, and QUANTRAC_SMS_PROVIDER=esms with QUANTRAC_SMS_KEY and QUANTRAC_SMS_SECRET for short messages. Rules that
    ask for pictures (`picture`) need QUANTRAC_COMMAND_KEYS and the broker, as `quantrac commands picture` does. A
    second one stands by and takes over when the first one ends.
    """
    from alerts import service
    from quantrac.cli.picturing import by_command
    from quantrac.cli.running import run_until_signalled

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop, ask_picture=by_command(settings)))
