"""`quantrac edge probe --capture`: writes what an instrument said, as a golden exchange, into its profile."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from quantrac.config.documents import read_document
from quantrac.config.findings import Findings
from quantrac.config.profile_files import make_profile
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from edge_agent.commissioning.probe import ProfileReading
    from quantrac.config.devices import AnyProfile, BusKind


class CaptureWish(NamedTuple):
    """Where a golden exchange is written, what the display showed, and what a person says of it."""

    path: Path
    displays: dict[str, str]
    note: str


class NotCaptured(QuantracError):
    """The instrument said nothing that could be written, or something else than its display."""


def capture_wish(path: Path | None, displays: list[str], note: str) -> CaptureWish | None:
    """Return what the options wish; None: nothing is written."""
    if path is None:
        if displays or note:
            raise typer.BadParameter("--display and --note go with --capture")
        return None
    shown: dict[str, str] = {}
    for display in displays:
        name, equals, value = display.partition("=")
        try:
            float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise typer.BadParameter(f"--display: found {display!r}, allowed a signal and its number, such as ph=7.62")
        shown[name] = value
    return CaptureWish(path, shown, note)


def write_capture(wish: CaptureWish, profile: AnyProfile, kind: BusKind, reading: ProfileReading) -> None:
    """Write what was read into a profile, or into a new file; raises NotCaptured, ConfigErrors."""
    from edge_agent.commissioning.captured_exchange import as_golden, differing, entry, given, inserted

    if unknown := wish.displays.keys() - profile.signals.keys():
        raise typer.BadParameter(f"--display: found {', '.join(sorted(unknown))}, allowed {', '.join(profile.signals)}")
    exchanges = as_golden(profile, kind, reading.exchanges)
    if not exchanges:
        raise NotCaptured(f"{wish.path}: nothing was written, for nothing came")
    found = given(profile, exchanges)
    if wrong := differing(found, wish.displays):
        raise NotCaptured(
            "\n".join([*wrong, f"{wish.path}: nothing was written; is the profile right for this model?"])
        )
    held = ", ".join(f"{name} {text}" for name, text in wish.displays.items())
    said = [wish.note, f"{datetime.now(UTC):%Y-%m-%d}", f"display: {held}" if held else "not held against a display"]
    item = entry(exchanges, found, "; ".join(filter(None, said)))
    if wish.path.exists():
        text = inserted(wish.path.read_text("utf-8"), item)
        if text is None:
            raise NotCaptured(f"{wish.path}: found no `golden:` with a list below it; write this there:\n{item}")
        _prove(wish.path, text)
        wish.path.write_text(text, "utf-8")
    else:
        wish.path.write_text(f"# Captured; belongs under `golden:` of {profile.device}.yaml.\n{item}", "utf-8")
    print(f"written: {wish.path}, {len(exchanges)} exchanges, {len(found)} signals", file=sys.stderr)
    if not held:
        print("say what the display shows, such as --display ph=7.62: only that proves the profile", file=sys.stderr)


def _prove(path: Path, text: str) -> None:
    """Refuse a profile that would be wrong; raises ConfigErrors."""
    from edge_agent.commissioning.golden_exchange import prove

    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, "utf-8")
        tree = read_document(draft, str(path), findings)
        profile = None if tree is None else make_profile(path.stem, tree, findings)
    if profile is not None and tree is not None:
        prove(profile, tree, findings)
    findings.raise_if_any()
