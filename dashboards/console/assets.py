"""Scripts, styles and pictures of the pages, at addresses with their folder's digest: browsers keep them for a year.

The digest is a folder of the address, so that a module that a module imports has it, too. What a browser keeps, it
never asks for again: such an answer says nothing that only serves to ask. Comments of our modules stay here. Each file
is packed once, as small as it goes, and answered from memory: a first load asks for two dozen of them at the same time.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import mimetypes
import os
import re
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import brotli
from fastapi import FastAPI, Response
from fastapi.datastructures import Headers
from fastapi.staticfiles import StaticFiles

from quantrac.telemetry.errors import QuantracError

HERE: Final = Path(__file__).parent
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
"""For an address without this digest: an upgrade may have changed what stands there."""
LEAST_PACKED: Final = 500
"""Bytes from which on packing makes a file smaller by more than the head says."""
BROTLI: Final = 10
"""Of 0 to 11: an eighth smaller than gzip; 11 takes off another fiftieth in three times as long."""
Packing = Literal["br", "gzip"]
_DIGEST: Final = re.compile(r"[0-9a-f]{12}")
_COMMENT: Final = re.compile(r"/\*\*.*?\*/|(?:^ *|(?<=[;,{}()|&]) )//[^\n]*", re.DOTALL | re.MULTILINE)
"""Of a module: types and what is said of functions; lines of words, and words behind code."""


class Assets:
    """The folders behind `/static` and `/vendor`."""

    def __init__(self) -> None:
        self._folders = {
            "/static": HERE / "static",
            "/vendor/leaflet": _folder_of("js_lib_leaflet") / "static" / "js_lib_leaflet",
            "/vendor/uplot": _folder_of("youplot") / "vendor",
        }
        self._digests = {path: _digest_of(folder) for path, folder in self._folders.items()}

    def mount(self, app: FastAPI) -> None:
        """Serve the folders."""
        for path, folder in self._folders.items():
            app.mount(path, _Kept(folder, self._digests[path]))

    def address(self, path: str) -> str:
        """Return the address of a file such as `/static/console.js`, with the digest of what its folder holds."""
        folder, _, name = path.rpartition("/")
        return f"{folder}/{self._digests[folder]}/{name}"


class _Kept(StaticFiles):
    def __init__(self, folder: Path, digest: str) -> None:
        super().__init__(directory=folder)
        self._digest = digest
        self._files = {path.relative_to(folder).as_posix(): path for path in _files_in(folder)}

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """Answer a file at its address with the digest from memory; any other as it stands in the folder."""
        kept = self._files.get(path) if f"/{self._digest}/" in scope["path"] else None
        if kept is None or scope["method"] not in ("GET", "HEAD"):
            return await super().get_response(path, scope)
        content, headers = _content(kept), {"Cache-Control": FOR_EVER}
        if len(content) > LEAST_PACKED and (packing := _packing(Headers(scope=scope).get("accept-encoding", ""))):
            content = _packed(kept, packing)
            headers |= {"Content-Encoding": packing, "Vary": "Accept-Encoding"}
        media_type, _ = mimetypes.guess_type(kept)
        return Response(content, 200, headers, media_type)

    def get_path(self, scope: MutableMapping[str, Any]) -> str:
        """Return the path below the folder, without a digest."""
        first, _, rest = super().get_path(scope).partition("/")
        return rest if rest and _DIGEST.fullmatch(first) else super().get_path(scope)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: MutableMapping[str, Any],
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = ASK_AGAIN
        return answer


@cache
def _content(path: Path) -> bytes:
    is_ours = path.suffix == ".js" and path.is_relative_to(HERE)
    return without_comments(path.read_text("utf-8")).encode() if is_ours else path.read_bytes()


def _packing(accepted: str) -> Packing | None:
    """Return the smallest packing that a browser takes: Brotli behind TLS and on its own machine, gzip elsewhere."""
    taken = {name.partition(";")[0].strip() for name in accepted.split(",")}
    return "br" if "br" in taken else "gzip" if "gzip" in taken else None


@cache
def _packed(path: Path, packing: Packing) -> bytes:
    if packing == "br":
        return bytes(brotli.compress(_content(path), quality=BROTLI))
    return gzip.compress(_content(path), mtime=0)


def without_comments(module: str) -> str:
    """Return a module of ours without types and words, a fourth of what is sent; its lines keep their numbers. Pure."""
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), module)


def _digest_of(folder: Path) -> str:
    """Return a digest over names and contents of all files below a folder."""
    found = hashlib.sha256()
    for path in _files_in(folder):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise QuantracError(f"the package {package} is not installed: pip install 'quantrac[centre]'")
    return Path(spec.submodule_search_locations[0])
