"""What providers of short messages answer and what we make of it.

Codes: eSMS, the provider's table (bang-ma-loi); SpeedSMS, its client libraries (00 accepted, 101, 300).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alerts.channels.sms_esms import _reference as esms
from alerts.channels.sms_speedsms import reference_of as speedsms
from alerts.telling.notifier import Gone, NeedsPerson, OutcomeUnknown, TryAgain, UndeliverableError

Read = Callable[[httpx.Response], str | None]


def said(json: Any) -> httpx.Response:
    return httpx.Response(200, json=json)


def code(number: object, **more: object) -> httpx.Response:
    return said({"CodeResult": number, **more})


@pytest.mark.parametrize(
    ("read", "response", "reference"),
    [
        (esms, code("100", SMSID="abc"), "abc"),
        (esms, code(100, SMSID="abc"), "abc"),
        (esms, code("100"), None),
        (esms, code("124", ErrorMessage="RequestId duplicated"), None),  # an earlier attempt arrived
        (speedsms, said({"status": "success", "code": "00", "data": {"tranId": 31, "invalidPhone": []}}), "31"),
    ],
)
def test_accepted(read: Read, response: httpx.Response, reference: str | None) -> None:
    assert read(response) == reference


@pytest.mark.parametrize(
    ("read", "response", "kind", "text"),
    [
        (esms, code("99"), Gone, "99 phone blocked"),
        (esms, code("108"), Gone, "108 phone number malformed"),
        (esms, code("103", ErrorMessage="Balance not enough"), NeedsPerson, "103 balance too low Balance not enough"),
        (esms, code("104"), NeedsPerson, "brandname"),
        (esms, code("140"), NeedsPerson, "whitelisted"),
        (esms, code("143"), NeedsPerson, "locked"),
        (esms, code("146"), NeedsPerson, "template"),
        (esms, code("177"), NeedsPerson, "network"),
        (esms, code("201"), NeedsPerson, "blocked word"),
        (esms, code("999"), NeedsPerson, "999 unknown code"),
        (esms, said({}), NeedsPerson, "unknown code"),
        (esms, httpx.Response(401, text="no"), NeedsPerson, "HTTP 401"),
        (esms, httpx.Response(429, text="slow down"), TryAgain, "HTTP 429"),
        (esms, httpx.Response(503, text="<html>"), TryAgain, "HTTP 503"),
        (esms, httpx.Response(200, text="<html>captive portal</html>"), TryAgain, "not JSON"),
        (esms, said([1]), TryAgain, "no object"),
        (speedsms, said({"status": "error", "code": "101"}), NeedsPerson, "access token"),
        (speedsms, said({"status": "error", "code": "300"}), NeedsPerson, "balance"),
        (speedsms, said({"status": "error", "code": "999", "message": "x"}), NeedsPerson, "unknown code x"),
        (speedsms, said({"status": "success", "code": "00", "data": {"invalidPhone": ["84"]}}), Gone, "number"),
        (speedsms, httpx.Response(401), NeedsPerson, "401"),
        (speedsms, httpx.Response(429), TryAgain, "429"),
        (speedsms, httpx.Response(502, text="<html>"), OutcomeUnknown, "502"),
        (speedsms, httpx.Response(200, text="<html>"), OutcomeUnknown, "not JSON"),
        (speedsms, said([1]), OutcomeUnknown, "no object"),
    ],
)
def test_refused(read: Read, response: httpx.Response, kind: type[UndeliverableError], text: str) -> None:
    with pytest.raises(kind, match=text):
        read(response)
