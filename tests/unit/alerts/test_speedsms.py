"""What SpeedSMS answers and what we make of it. Codes: the provider's client libraries (00 accepted, 101, 300)."""

from __future__ import annotations

import httpx
import pytest

from alerts.channels.sms_speedsms import reference_of
from alerts.telling.notifier import Gone, NeedsPerson, OutcomeUnknown, TryAgain, UndeliverableError


def test_accepted() -> None:
    answer = {"status": "success", "code": "00", "data": {"tranId": 31, "totalSMS": 1, "invalidPhone": []}}
    assert reference_of(httpx.Response(200, json=answer)) == "31"


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (httpx.Response(200, json={"status": "error", "code": "101"}), NeedsPerson, "access token"),
        (httpx.Response(200, json={"status": "error", "code": "300"}), NeedsPerson, "balance"),
        (httpx.Response(200, json={"status": "error", "code": "999", "message": "x"}), NeedsPerson, "unknown code x"),
        (
            httpx.Response(200, json={"status": "success", "code": "00", "data": {"invalidPhone": ["84"]}}),
            Gone,
            "number",
        ),
        (httpx.Response(401), NeedsPerson, "401"),
        (httpx.Response(429), TryAgain, "429"),
        (httpx.Response(502, text="<html>"), OutcomeUnknown, "502"),
        (httpx.Response(200, text="<html>"), OutcomeUnknown, "not JSON"),
        (httpx.Response(200, json=[1]), OutcomeUnknown, "no object"),
    ],
)
def test_refused(response: httpx.Response, kind: type[UndeliverableError], text: str) -> None:
    with pytest.raises(kind, match=text):
        reference_of(response)
