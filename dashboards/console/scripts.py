"""The ES modules of the pages: which ones a page loads, and the texts that those name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from dashboards.console.assets import HERE
from dashboards.console.texts import Language, texts

MODULE: Final = re.compile(r"(\w+)\.js\b")
IMPORT: Final = re.compile(r'(?:from|import)\s*\(?\s*"\./(\w+)\.js"')
WORD: Final = re.compile(r"\w+")
BEGIN: Final = re.compile(r"""\b([a-z]\w*_)(?:\$\{|["'`])""")
"""Of a key that is completed later, as in `severity_${severity}`."""


def modules_of(markup: str) -> tuple[str, ...]:
    """Return the names of our modules that stand in a markup, and of all that they import, each once."""
    found = [name for name in MODULE.findall(markup) if name in _sources()]
    for name in found:  # it grows on the way
        found += [one for one in IMPORT.findall(_sources()[name]) if one not in found]
    return tuple(dict.fromkeys(found))


@cache
def texts_of(modules: tuple[str, ...], language: Language) -> dict[str, str]:
    """Return the texts that modules may show.

    A key counts where it stands as a word anywhere in a module, or begins as one of its literals does: a few
    more than are shown, none less.
    """
    sources = [_sources()[name] for name in modules]
    words = {word for source in sources for word in WORD.findall(source)}
    begins = tuple({begin for source in sources for begin in BEGIN.findall(source)})
    return {key: text for key, text in texts(language).items() if key in words or key.startswith(begins)}


@cache
def _sources(folder: Path = HERE / "static") -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.js")}
