"""The program `quantrac`: its commands, each imported only when it is called.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. An error made on purpose is printed without a traceback.
"""

from __future__ import annotations

import errno
import importlib
import sys
from importlib.metadata import version
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from quantrac.telemetry.errors import QuantracError


class CommandEntry(NamedTuple):
    """A command: its module, its purpose, the extra that installs what it needs, and its name in the module."""

    module: str
    help: str
    extra: str = "centre"
    app: str = "app"


COMMANDS: Final[dict[str, CommandEntry]] = {
    "demo": CommandEntry("demo", "The whole system on this machine, with simulated instruments.", "demo"),
    "edge": CommandEntry("edge", "Beside the instruments: the agent, probing, the spool.", "edge"),
    "ingest": CommandEntry("services", "From the broker into the database.", app="ingest"),
    "quality": CommandEntry("quality", "Quality tests that need a history; how good they are."),
    "alerts": CommandEntry("alerts", "Evaluate the rules and tell people."),
    "jobs": CommandEntry("jobs", "What is due by the clock, what has run, running it now."),
    "console": CommandEntry("services", "The control centre's web pages.", app="console"),
    "centre": CommandEntry("services", "All services of the centre under one supervisor.", app="centre"),
    "simulate": CommandEntry("simulate", "The field in a box: simulated instruments on real lines."),
    "stations": CommandEntry("stations", "Check, apply and push what technicians write."),
    "commands": CommandEntry("commands", "Commands to a running station: signed, answered, audited."),
    "rules": CommandEntry("rules", "Check and test alarm rules."),
    "contacts": CommandEntry("contacts", "People who get messages, their roster and their data."),
    "alarms": CommandEntry("alarms", "List, acknowledge, shelve and reset alarms."),
    "shift": CommandEntry("shift", "The shift book: what a shift hands over, notes, signatures."),
    "report": CommandEntry("report", "Figures about a period, the yearly disclosure, bulletins."),
    "users": CommandEntry("users", "Who may sign in to the console, and with which roles."),
    "tokens": CommandEntry("tokens", "What programs prove themselves with: scope and end."),
    "audit": CommandEntry("audit", "Who did what, when, by which way."),
    "db": CommandEntry("db", "The database: migrate, back up, restore, tune."),
    "dashboards": CommandEntry("dashboards", "Grafana dashboards as code: render, check, push."),
    "broker": CommandEntry("broker", "Configuration of the MQTT broker."),
    "review": CommandEntry("review", "Verdicts and corrections of people, reversible."),
    "stages": CommandEntry("stages", "Which days are reviewed, by whom: sign them, reopen them."),
    "views": CommandEntry("views", "Comparisons of channels that people keep under a name."),
    "trace": CommandEntry("trace", "One number back to its raw reading, tests and persons."),
    "visits": CommandEntry("visits", "The field book: visits to stations, before and after."),
    "certificates": CommandEntry("certificates", "Calibration and verification: who, when, until when."),
    "samples": CommandEntry("samples", "Samples, their custody, and what laboratories found."),
    "ministry": CommandEntry("ministry", "The ministry's files: their fate, sending, comparing."),
    "import": CommandEntry("import_files", "The years before Quantrac: CSV and the ministry's files."),
    "export": CommandEntry("export", "Readings as CSV or Excel, the ministry's files."),
    "ledger": CommandEntry("ledger", "Both books of every station: is anything missing?"),
    "deadletters": CommandEntry("deadletters", "Messages that ingest refused: list, show, replay, discard."),
    "status": CommandEntry("status", "Is everything well? Services, stations, feed, books."),
}
"""Module of `quantrac.cli.commands` and help, in the order of `quantrac --help`."""


PACKAGES: Final = frozenset({
    "PIL", "aiosmtpd", "apprise", "apscheduler", "argon2", "asyncssh", "brotli", "cryptography", "fastapi",
    "grafana_foundation_sdk", "httpx", "jinja2", "joserfc", "js_lib_leaflet", "multipart", "netCDF4", "numpy",
    "openpyxl", "pandas", "phonenumbers", "psycopg", "psycopg_pool", "pyarrow", "pymodbus", "pyotp", "segno",
    "serial", "sklearn", "starlette", "threadpoolctl", "uvicorn", "weasyprint", "youplot",
})  # fmt: skip
"""What only an extra installs, by the name under which it is imported."""
OF_TRAINING: Final = {"sklearn", "threadpoolctl"}
"""Of these what `training` alone installs."""

NO_RIGHT: Final = "no right to do that; run as the user who owns it, or change the owner"
HINTS: Final = {
    errno.EADDRINUSE: "another program listens there; stop it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose 127.0.0.1 or one of its own",
    errno.EACCES: NO_RIGHT,
    errno.EPERM: NO_RIGHT,
    errno.EROFS: "the disk is mounted read-only; choose another place",
    errno.ENOSPC: "the disk is full; free some room and start again",
    errno.ENOENT: "make it first, or name another place",
    errno.ENOTDIR: "part of that path is a file; name another place",
    errno.EEXIST: "a file stands where a folder is needed; name another place",
    errno.EISDIR: "a file is needed; name another place",
}
"""What to do about an error of the operating system that a person can mend."""


class LazyGroup(TyperGroup):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return every command in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, or None; imports its module."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"quantrac.cli.commands.{entry.module}")
        command = typer.main.get_command(getattr(module, entry.app))
        command.name, command.help = cmd_name, command.help or entry.help
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands from the table, so that `quantrac --help` imports none of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # off a terminal nothing colours or wraps
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    help="Runs a network of automatic water and air monitoring stations.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"quantrac {version('quantrac')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Runs a network of automatic water and air monitoring stations."""


def run() -> None:
    """Entry point of the installed command and of `python -m quantrac`."""
    try:
        app()
    except QuantracError as error:
        print(error, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PACKAGES:
            raise
        print(f"{package} is not installed: pip install 'quantrac[{_extra(package)}]'", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in HINTS:
            raise
        place = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        print(f"{place}; {HINTS[error.errno]}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        trouble = _database_trouble(error)
        if trouble is None:
            raise
        print(trouble, file=sys.stderr)
        sys.exit(1)


def _database_trouble(error: Exception) -> str | None:
    """Return what to say when the server refused a right or went away, None for any other error."""
    psycopg = sys.modules.get("psycopg")  # an error of it can only come once a command has loaded it
    if psycopg is None:
        return None
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        from quantrac.database.rights import missing_right

        return f"database: {missing_right(error.diag.message_primary or str(error))}"
    if isinstance(error, psycopg.OperationalError):
        return f"database: {' '.join(str(error).split())}; try again when it is back"
    return None


def _extra(package: str) -> str:
    """Return the extra that installs what the command that was called needs."""
    if package in OF_TRAINING:
        return "training"
    entry = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    return entry.extra if entry is not None else "centre"
