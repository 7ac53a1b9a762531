"""What eSMS answers and what we make of it. Codes: the provider's table (bang-ma-loi)."""

from __future__ import annotations

import httpx
import pytest

from alerts.channels.sms_esms import _reference
from alerts.telling.notifier import Gone, NeedsPerson, TryAgain, UndeliverableError


def answer(code: object, **more: object) -> httpx.Response:
    return httpx.Response(200, json={"CodeResult": code, **more})


@pytest.mark.parametrize(
    ("response", "reference"),
    [
        (answer("100", SMSID="abc"), "abc"),
        (answer(100, SMSID="abc"), "abc"),
        (answer("100"), None),
        (answer("124", ErrorMessage="RequestId duplicated"), None),  # an earlier attempt arrived
    ],
)
def test_accepted(response: httpx.Response, reference: str | None) -> None:
    assert _reference(response) == reference


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (answer("99"), Gone, "99 phone blocked"),
        (answer("108"), Gone, "108 phone number malformed"),
        (answer("103", ErrorMessage="Balance not enough"), NeedsPerson, "103 balance too low Balance not enough"),
        (answer("104"), NeedsPerson, "brandname"),
        (answer("140"), NeedsPerson, "whitelisted"),
        (answer("143"), NeedsPerson, "locked"),
        (answer("146"), NeedsPerson, "template"),
        (answer("177"), NeedsPerson, "network"),
        (answer("201"), NeedsPerson, "blocked word"),
        (answer("999"), NeedsPerson, "999 unknown code"),
        (httpx.Response(200, json={}), NeedsPerson, "unknown code"),
        (httpx.Response(401, text="no"), NeedsPerson, "HTTP 401"),
        (httpx.Response(429, text="slow down"), TryAgain, "HTTP 429"),
        (httpx.Response(503, text="<html>"), TryAgain, "HTTP 503"),
        (httpx.Response(200, text="<html>captive portal</html>"), TryAgain, "not JSON"),
        (httpx.Response(200, json=[1]), TryAgain, "no object"),
    ],
)
def test_refused(response: httpx.Response, kind: type[UndeliverableError], text: str) -> None:
    with pytest.raises(kind, match=text):
        _reference(response)
