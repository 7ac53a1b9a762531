"""Hands the generated dashboards to a running Grafana by its HTTP API, where files cannot be put beside it.

Data path: generated text → folder `Quantrac` → one dashboard after the other. By Grafana's documentation of its
dashboard, folder and data source API, version 11.6; it needs the token of a service account with the role Editor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import httpx

from dashboards.grafana.panels import DATASOURCE_UID
from quantrac.telemetry.errors import QuantracError

TIMEOUT_S: Final = 30.0
FOLDER: Final = {"uid": "quantrac", "title": "Quantrac"}
REFUSALS: Final = {
    httpx.codes.UNAUTHORIZED: "does not know this token: QUANTRAC_GRAFANA_TOKEN",
    httpx.codes.FORBIDDEN: "gives this token no right to do so: make one of a service account with the role Editor",
}


LOGIN: Final = re.compile(r"(?<=://).*@")


class PushFailed(QuantracError):
    """Grafana cannot be reached, or does not take what it is given."""


class Grafana:
    """A running Grafana; a context manager. `transport` is for tests."""

    def __init__(self, address: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = address.rstrip("/")
        self._address = LOGIN.sub("", self._url)
        """What is shown: without a login."""
        self._client = httpx.Client(
            timeout=TIMEOUT_S, headers={"Authorization": f"Bearer {token}"}, transport=transport
        )

    def __enter__(self) -> Grafana:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def push(self, files: Mapping[str, str]) -> list[str]:
        """Make each dashboard of `files` (path → text) what its text says; returns where they are shown.

        Raises PushFailed; what was handed over before stays.
        """
        if self._ask("GET", f"/api/datasources/uid/{DATASOURCE_UID}").status_code == httpx.codes.NOT_FOUND:
            raise PushFailed(
                f"{self._address} has no data source with the uid {DATASOURCE_UID!r}: "
                "put provisioning/datasources/quantrac.yaml beside it first, see docs/grafana.md"
            )
        if self._ask("GET", f"/api/folders/{FOLDER['uid']}").status_code == httpx.codes.NOT_FOUND:
            self._give("/api/folders", FOLDER)
        return [self._dashboard(text) for path, text in files.items() if path.startswith("generated/")]

    def _dashboard(self, text: str) -> str:
        wanted = {"dashboard": {**json.loads(text), "id": None}, "folderUid": FOLDER["uid"], "overwrite": True}
        return f"{self._address}{self._give('/api/dashboards/db', wanted)['url']}"

    def _give(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._ask("POST", path, content)
        if not answer.is_success:
            raise PushFailed(f"{self._address}{path} answers {answer.status_code}: {answer.text[:200]}")
        return dict(answer.json())

    def _ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._client.request(method, self._url + path, json=content)
        except httpx.InvalidURL:
            raise PushFailed("QUANTRAC_GRAFANA_URL: expected http://host:3000") from None
        except httpx.TransportError as error:
            raise PushFailed(f"Grafana at {self._address}: {error}; QUANTRAC_GRAFANA_URL says where it is") from error
        if answer.status_code in REFUSALS:
            raise PushFailed(f"Grafana at {self._address} {REFUSALS[httpx.codes(answer.status_code)]}")
        return answer
