"""The dashboards reach a running Grafana as its API wants them, and a refusal says what to do.

Status codes and bodies are those of Grafana's documentation, version 11.6: dashboard, folder and data source API.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.grafana.files import rendered
from dashboards.grafana.push import Grafana, PushFailed
from quantrac.config.loader import load_network

TEXTS = rendered(load_network(Path(__file__).parents[3] / "station_configs"), "http://console")


class Server:
    """The parts of the API that are used; `missing` paths are 404, `status` overrides every answer."""

    def __init__(self, missing: tuple[str, ...] = (), status: int | None = None) -> None:
        self.missing, self.status = missing, status
        self.given: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer glsa_1"
        if self.status:
            return httpx.Response(self.status, json={"message": "refused"})
        if request.method == "GET":
            return httpx.Response(404 if request.url.path in self.missing else 200, json={})
        body = json.loads(request.content)
        self.given.append((request.url.path, body))
        if request.url.path == "/api/folders":
            return httpx.Response(200, json=body)
        uid = body["dashboard"]["uid"]
        return httpx.Response(200, json={"status": "success", "uid": uid, "url": f"/d/{uid}/x"})

    def push(self) -> list[str]:
        with Grafana("http://grafana:3000/", "glsa_1", httpx.MockTransport(self)) as grafana:
            return grafana.push(TEXTS)


def test_every_dashboard_is_overwritten_in_the_folder_which_is_made_once() -> None:
    fresh, known = Server(missing=("/api/folders/quantrac",)), Server()
    shown = fresh.push()
    assert shown == known.push()
    assert "http://grafana:3000/d/quantrac-water/x" in shown
    assert fresh.given[0] == ("/api/folders", {"uid": "quantrac", "title": "Quantrac"})
    assert fresh.given[1:] == known.given
    wanted = {json.loads(text)["uid"]: json.loads(text) for name, text in TEXTS.items() if name.endswith(".json")}
    for path, body in known.given:
        assert path == "/api/dashboards/db"
        assert (body["folderUid"], body["overwrite"], body["dashboard"]["id"]) == ("quantrac", True, None)
        assert body["dashboard"] == wanted.pop(body["dashboard"]["uid"]) | {"id": None}
    assert not wanted


@pytest.mark.parametrize(
    ("server", "advice"),
    [
        (Server(status=401), "QUANTRAC_GRAFANA_TOKEN"),
        (Server(status=403), "role Editor"),
        (Server(status=412), "answers 412"),
        (Server(missing=("/api/datasources/uid/quantrac",)), "provisioning/datasources/quantrac.yaml"),
    ],
)
def test_a_refusal_says_what_to_do(server: Server, advice: str) -> None:
    with pytest.raises(PushFailed, match=advice):
        server.push()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "grafana:3000", "http://[::1"])
def test_a_grafana_that_is_not_there_is_one_line(address: str) -> None:
    with pytest.raises(PushFailed, match="QUANTRAC_GRAFANA_URL"), Grafana(address, "x") as grafana:
        grafana.push({})
