"""Tiles of the map: which addresses a network may name, and what the policy of pages allows for them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dashboards.console.guard import HEADERS, headers
from quantrac.config.network import MapTiles

ADDRESS = "https://tiles.example.vn:8443/osm/{z}/{x}/{y}.png"


def test_pages_may_ask_the_named_server_for_pictures_and_nobody_else() -> None:
    tiles = MapTiles(tiles=ADDRESS, attribution="© OpenStreetMap")
    policy = dict(headers(tiles.origin))["Content-Security-Policy"]
    assert "img-src 'self' data: https://tiles.example.vn:8443;" in policy
    assert policy.count("https:") == 1
    assert headers() == HEADERS
    assert "http" not in dict(headers())["Content-Security-Policy"]


@pytest.mark.parametrize(
    "address",
    [
        "https://tiles.example.vn/{z}/{x}.png",
        "https://tiles.example.vn/{style}/{z}/{x}/{y}.png",
        "https://tiles.example.vn/{z}/{x}/{y}.png?key={key}",
        "https://tiles.example.vn/{z}/{x}/{y}; script-src *",
        "https://tiles.example.vn *.example.com/{z}/{x}/{y}.png",
        "https://*/{z}/{x}/{y}.png",
        "javascript:alert(1)//{z}/{x}/{y}",
        "//tiles.example.vn/{z}/{x}/{y}.png",
        "",
    ],
)
def test_an_address_that_is_none_of_tiles_or_would_widen_the_policy_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match=r"such as https://tiles.example.vn/\{z\}/\{x\}/\{y\}.png"):
        MapTiles(tiles=address, attribution="© OpenStreetMap")
