"""The page of the yearly disclosures: which versions there are, and their archives to download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.desks.roles import DeskAct
from reports.disclosure.versions import disclosure, disclosures, part

Number = Annotated[int, Path(ge=1, lt=10_000)]


def add_disclosures_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and the archives to the application. They are for the public: who reads any station reads them."""
    may_read = Depends(Gate(console, DeskAct.READ, anywhere=True))

    @app.get("/disclosures", response_class=HTMLResponse)
    def show_disclosures(request: Request, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """All versions, the newest first."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {}) | {"found": disclosures(conn)}
        return templates.TemplateResponse(request, "disclosures.html", context)

    @app.get("/disclosures/{year}/{version}", dependencies=[may_read])
    def archive(request: Request, year: Number, version: Number) -> Response:
        """An archive, a part after the other: no connection is kept while a slow reader takes one."""
        with console.pool.connection() as conn:
            found = disclosure(conn, year, version)

        def parts() -> Iterator[bytes]:
            number = 0
            while True:
                with console.pool.connection() as conn:
                    content = part(conn, year, version, number)
                if content is None:
                    return
                yield content
                number += 1

        headers = {
            "Content-Disposition": f'attachment; filename="quantrac-{year}-v{version}.zip"',
            "Content-Length": str(found.bytes), "ETag": f'"{found.sha256}"',
        }  # fmt: skip
        content = iter(()) if request.method == "HEAD" else parts()
        return StreamingResponse(content, media_type="application/zip", headers=headers)
