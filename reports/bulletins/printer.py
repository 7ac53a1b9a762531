"""Prints a page as PDF. It needs Pango and HarfBuzz of the system; nothing from elsewhere is loaded."""

from __future__ import annotations

from typing import Any, NoReturn

from quantrac.telemetry.errors import QuantracError


class CannotPrint(QuantracError):
    """The machine lacks what prints, or a page asks for something from elsewhere."""


def pdf(page: str) -> bytes:
    """Return a whole HTML document as PDF. Raises CannotPrint."""
    try:
        from weasyprint import HTML  # 50 MB that only printing needs
    except OSError as error:
        raise CannotPrint(
            f"printing needs libraries that this machine lacks: {error}; on Debian: apt-get install "
            "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
        ) from error
    printed: bytes = HTML(string=page, url_fetcher=_refuse).write_pdf()
    return printed


def _refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    raise CannotPrint(f"the page asks for {url[:120]}, and a bulletin loads nothing from elsewhere")
