"""`quantrac stations edit`, `history` and `undo`: changes of configuration files with person and reason."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantrac.cli.arguments import AsJson, Person, answer
from quantrac.cli.environment import database
from quantrac.config.config_folder import ConfigFolder, digest_of
from quantrac.config.line_changes import compared
from quantrac.config.settings import Settings
from quantrac.config.sources import BadSource, read_text
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from quantrac.desks.config_files import ConfigChange

Folder = Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")]
Overlay = Annotated[
    str | None, typer.Option(help="Folder inside it that is laid over it, such as demo; default QUANTRAC_OVERLAY.")
]
Why = Annotated[str, typer.Option(help="Reason; stands in the history and in the audit.", show_default=False)]


def edit(
    file: Annotated[
        str, typer.Argument(help="Its path below the folder, such as stations/st-a.yaml.", show_default=False)
    ],
    why: Why,
    person: Person,
    text: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="File with the new text; default: your editor opens the old one.",
            callback=lambda path: path and _text_file(path),
        ),
    ] = None,
    opened: Annotated[
        str | None,
        typer.Option(help="With --from: digest of what the file held when you saw it; default: there was none."),
    ] = None,
    folder: Folder = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Change a file of the configuration if the whole network then passes the check; the change can be taken back.

    Without --from a copy opens in $EDITOR. Nothing is saved if somebody else has changed the file meanwhile: the lines
    that differ are shown. Where it was refused the copy stays, and the words say how to go on.
    """
    from quantrac.desks import config_files

    files = _folder(folder, overlay)
    place = files.file(file)
    before = files.read(place)
    if text is None:
        opened = digest_of(before)
    elif opened is None and before is not None:
        _compare(before, text)
        raise typer.BadParameter("say what your text is made of: it may be older than the file", param_hint="--opened")
    source = text or _edited(place.name, before)
    with database("stations", "stations edit") as conn:
        try:
            number = config_files.save(
                conn, files, place, source.read_text("utf-8"), person, why, datetime.now(UTC), opened=opened or ""
            )
        except config_files.ChangedMeanwhile:
            _compare(files.read(place), source)
            raise
        except QuantracError:
            if text is None:
                _advise(source, digest_of(before))
            raise
        change = config_files.change_of(conn, number)
    if text is None:
        source.unlink()
    answer(_row(change), [f"saved as change {number}", *_difference(change)], as_json=as_json)


def history(
    file: Annotated[
        str | None, typer.Argument(help="Its path below the folder; default: all files.", show_default=False)
    ] = None,
    show: Annotated[int | None, typer.Option(help="Number of one change: its lines are shown, too.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List who changed which file of the configuration, when and why; --show: what one change was.

    Changes by other means than `stations edit` and the console are not on record.
    """
    from quantrac.desks import config_files

    with database("stations", "stations history") as conn:
        found = config_files.changes(conn, file, limit) if show is None else [config_files.change_of(conn, show)]
    lines = [_line(change) for change in found]
    if show is not None:
        lines += _difference(found[0])
    answer([_row(change) for change in found], lines, as_json=as_json)


def undo(
    number: Annotated[int, typer.Argument(help="Number of the change, see `stations history`.", show_default=False)],
    why: Why,
    person: Person,
    folder: Folder = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Take a change of a file back; later changes of other lines stay. It is a change itself, with person and reason.

    A file that the change had made is removed: services go on with it until `quantrac rules confirm`.
    """
    from quantrac.desks import config_files

    with database("stations", "stations undo") as conn:
        made = config_files.take_back(conn, _folder(folder, overlay), number, person, why, datetime.now(UTC))
        change = config_files.change_of(conn, made)
    answer(_row(change), [f"taken back by change {made}", *_difference(change)], as_json=as_json)


def _folder(folder: Path | None, overlay: str | None) -> ConfigFolder:
    settings = Settings()
    return ConfigFolder(folder or settings.config, overlay or settings.overlay)


def _text_file(file: Path) -> Path:
    """Return a file that holds text of an allowed size; else refuse it with the place of what is none."""
    try:
        read_text(file)
    except BadSource as error:
        raise typer.BadParameter(f"{file}:{error.line}:{error.column}: {error}") from None
    return file


def _edited(name: str, before: bytes | None) -> Path:
    """Let somebody edit a copy of a file, and return where the copy is."""
    copy = Path(tempfile.mkdtemp(prefix="quantrac-")) / name.rpartition("/")[2]
    copy.write_bytes(before or b"")
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "nano")
    try:
        subprocess.run([*editor, str(copy)], check=True)  # the person's own editor
    except (OSError, subprocess.CalledProcessError) as error:
        raise typer.BadParameter(f"the editor has failed ({error}): set EDITOR, or use --from") from None
    return _text_file(copy)


def _compare(found: bytes | None, source: Path) -> None:
    print("what the file says now (-) and your text (+):", file=sys.stderr)
    print(*_lines(found, source.read_bytes()), sep="\n", file=sys.stderr)
    _advise(source, digest_of(found))


def _advise(source: Path, opened: str) -> None:
    again = shlex.join(["--from", str(source), "--opened", opened])
    print(f"not saved; your text is in {source}: mend it, then {again}", file=sys.stderr)


def _line(change: ConfigChange) -> str:
    back = "" if change.takes_back is None else f" (takes back {change.takes_back})"
    gone = "" if change.taken_back_by is None else f" (taken back by {change.taken_back_by})"
    return (
        f"{change.config_change_id:>5} {change.at:%Y-%m-%d %H:%M:%SZ} {change.file} {change.person}: "
        f"{change.reason}{back}{gone}"
    )


def _difference(change: ConfigChange) -> Iterator[str]:
    yield from _lines(change.before, change.after)


def _lines(before: bytes | None, after: bytes | None) -> Iterator[str]:
    old, new = ((text or b"").decode("utf-8", "replace") for text in (before, after))
    for line in compared(old, new):
        yield f"{line.mark} {line.text}".rstrip()


def _row(change: ConfigChange) -> dict[str, Any]:
    return {
        "change": change.config_change_id, "at": change.at, "person": change.person, "reason": change.reason,
        "file": change.file, "takes_back": change.takes_back, "taken_back_by": change.taken_back_by,
        "before": digest_of(change.before), "after": digest_of(change.after),
    }  # fmt: skip
