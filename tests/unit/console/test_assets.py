"""Files that pages ask for: each browser gets them in the smallest packing that it takes."""

from __future__ import annotations

import gzip
import sys
from subprocess import run

import brotli
import httpx
import pytest
from fastapi import FastAPI

from dashboards.console.assets import Assets
from tests.fixtures.program import WITHIN_S

UNPACKED = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}


@pytest.mark.parametrize(
    ("accepted", "packing"),
    [("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("br;q=1.0, gzip", "br"), ("identity", None)],
)
async def test_every_browser_reads_the_same_file_whatever_it_unpacks(accepted: str, packing: str | None) -> None:
    app, assets = FastAPI(), Assets()
    assets.mount(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console") as http:
        plain = await http.get(assets.address("/static/map.js"), headers={"Accept-Encoding": "identity"})
        request = http.build_request("GET", assets.address("/static/map.js"), headers={"Accept-Encoding": accepted})
        answer = await http.send(request, stream=True)
        sent = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == packing
    assert UNPACKED[packing](sent) == plain.content


def test_a_console_holds_nothing_in_memory_that_only_files_and_prints_need() -> None:
    heavy = {"pyarrow", "pandas", "weasyprint", "netCDF4", "openpyxl"}
    code = f"import sys, dashboards.console.service; print('loaded:', *{heavy} & sys.modules.keys())"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WITHIN_S)
    assert done.stdout.strip() == "loaded:"
