"""The commands of a page of the documentation, by section: its fenced blocks without a language."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def say(line: str) -> None:
    """Print what is tried now."""
    print(f"· {line}", flush=True)


def commands(page: str, *headings: str) -> list[str]:
    """Return the blocks of commands below these headings of a page, in the order of the headings."""
    sections = _sections((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    return [block for heading in headings for block in _blocks(sections[heading])]


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _blocks(section: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [block for language, block in fenced if not language]
