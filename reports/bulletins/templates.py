"""Templates of bulletins (Jinja): shipped ones, and a network's own in `bulletins/` of its configuration.

A template is called `<kind>.<part>.<language>.txt`, of a page `.html`; `<part>.<language>` alone holds for kinds
without one of their own. A network's own file stands in the place of the shipped one of its name. In a sandbox they
read what they are given, name nothing that is not there, and end within bounds of steps and length.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)
from jinja2.exceptions import SecurityError
from jinja2.filters import do_mark_safe

from quantrac.config.bulletins import BulletinKind
from quantrac.telemetry.errors import QuantracError
from reports.bulletins import calendar_chart, line_chart, notation
from reports.bulletins.sandbox import MOST_CHARACTERS, Sandbox, StepBound

SHIPPED: Final = Path(__file__).parent / "templates"
OWN_FOLDER: Final = "bulletins"
LANGUAGES: Final = ("vi", "en")
PARTS: Final[Mapping[BulletinKind, tuple[str, ...]]] = {
    BulletinKind.WATER_WEEK: ("title", "summary", "note", "sms"),
    BulletinKind.FARMERS_DAY: ("title", "summary", "note", "sms", "zalo"),
    BulletinKind.AIR_MONTH: ("title", "summary", "note"),
    BulletinKind.MONTH: ("title", "summary", "note"),
    BulletinKind.YEAR: ("title", "summary", "note"),
}
"""The words that a person may change in a draft."""
NEVER_EMPTY: Final = ("title", "sms", "zalo")
"""What people are sent: nobody gets a message without words."""
ASSEMBLED: Final = ("mail", "page")
"""What is made of figures and words."""
FORBIDDEN: Final = (nodes.Macro, nodes.CallBlock, nodes.Import, nodes.FromImport)


class BadTemplate(QuantracError):
    """A template that cannot be used; the text names file and line."""

    exit_code = 2


class TemplateFinding(NamedTuple):
    """What is wrong with a template."""

    place: str
    line: int
    problem: str

    def __str__(self) -> str:
        """Return `file:line: problem`."""
        return f"{self.place}:{self.line}: {self.problem}"


class Templates:
    """The templates of a network, in one language."""

    def __init__(self, config: Path, language: str) -> None:
        self.own = config / OWN_FOLDER
        self.language = language
        loader = ChoiceLoader([FileSystemLoader(self.own), FileSystemLoader(SHIPPED)])
        self._sandbox = Sandbox(
            loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            autoescape=lambda name: bool(name and name.endswith(".html")),
        )  # fmt: skip
        own: dict[str, Callable[..., Any]] = {
            "number": partial(_in, notation.number, language), "given": partial(_in, notation.given, language),
            "signed": partial(_in, notation.signed, language), "bounds": partial(_in, notation.bounds, language),
            "full_day": notation.full_day, "short_day": notation.short_day, "spans": notation.spans,
            "paragraphs": _paragraphs,
        }  # fmt: skip
        self._sandbox.filters |= own
        self._sandbox.globals = {
            "calendar": lambda days: do_mark_safe(calendar_chart.calendar(days, language)),
            "curve": lambda curve: do_mark_safe(line_chart.curve(curve, language)),
        }

    def write(self, kind: BulletinKind, part: str, given: Mapping[str, Any]) -> str:
        """Return what a template makes of what it is given. Raises BadTemplate."""
        name = self.name_of(kind, part)
        try:
            template = self._sandbox.get_template(name)
            with StepBound(self._is_template):
                pieces, length = [], 0
                for piece in template.generate(**given):
                    pieces.append(piece)
                    length += len(piece)
                    if length > MOST_CHARACTERS:
                        raise SecurityError(f"the text grew beyond {MOST_CHARACTERS} characters")
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise BadTemplate(str(self._finding(name, error))) from error
        text = "".join(pieces) if name.endswith(".html") else "".join(pieces).strip()
        if part in NEVER_EMPTY and not text:
            raise BadTemplate(f"{self.place_of(name)}:1: found no words, expected a text: people are sent it")
        return text

    def name_of(self, kind: BulletinKind, part: str) -> str:
        """Return the name of the template of a part. Raises BadTemplate."""
        ending = "html" if part == "page" else "txt"
        for name in (f"{kind}.{part}.{self.language}.{ending}", f"{part}.{self.language}.{ending}"):
            if (self.own / name).is_file() or (SHIPPED / name).is_file():
                return name
        raise BadTemplate(f"{self.own}: found no template {kind}.{part}.{self.language}.{ending}")

    def place_of(self, name: str) -> Path:
        """Return the file of a template."""
        return self.own / name if (self.own / name).is_file() else SHIPPED / name

    def misfits(self, name: str) -> Iterator[TemplateFinding]:
        """Yield what a template has that none may have, or its first mistake in writing."""
        try:
            tree = self._sandbox.parse(self.place_of(name).read_text("utf-8"), name)
        except (TemplateSyntaxError, UnicodeDecodeError) as error:
            yield self._finding(name, error)
            return
        for node in tree.find_all(FORBIDDEN):
            yield TemplateFinding(
                str(self.place_of(name)), node.lineno, "found a macro or an import, allowed in no template"
            )

    def _is_template(self, file: str) -> bool:
        return Path(file).parent in (self.own, SHIPPED)

    def _finding(self, name: str, error: BaseException) -> TemplateFinding:
        """Return where in which file an error has come about."""
        if isinstance(error, TemplateSyntaxError):
            return TemplateFinding(
                error.filename or str(self.place_of(error.name or name)), error.lineno, error.message or ""
            )
        if isinstance(error, TemplateNotFound):
            return TemplateFinding(str(self.place_of(name)), 1, f"found no template {error.name}")
        frames = [one for one in traceback.extract_tb(error.__traceback__) if self._is_template(one.filename)]
        place, line = (frames[-1].filename, frames[-1].lineno or 1) if frames else (str(self.place_of(name)), 1)
        return TemplateFinding(place, line, str(error) or type(error).__name__)


def _in(write: Callable[..., str], language: str, *given: Any) -> str:
    return write(*given, language)


def _paragraphs(text: str) -> str:
    """Return each line of a text as a paragraph."""
    lines = (line.strip() for line in text.splitlines())
    return do_mark_safe("\n".join(f"<p>{escape(line)}</p>" for line in lines if line))
