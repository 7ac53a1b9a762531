"""Carrier of SMS by eSMS.vn: one POST a message. Its codes: github.com/devesms, esms-api/bang-ma-loi.md."""

from __future__ import annotations

from typing import Final

import httpx

from alerts.channels.http_api import HttpApi, object_of
from alerts.channels.templates import registered_text
from alerts.telling import gsm
from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain
from quantrac.config.notifications import Templates

BASE_URL: Final = "https://rest.esms.vn"
PATH: Final = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"

ACCEPTED: Final = "100"
DUPLICATE: Final = "124"
"""The RequestId was taken before: an earlier attempt arrived."""
GONE: Final = {"99": "phone blocked at the provider", "108": "phone number malformed"}
PERSON: Final = {
    "101": "wrong ApiKey or SecretKey",
    "102": "no price list",
    "103": "balance too low",
    "104": "brandname does not exist",
    "118": "type of message not supported",
    "140": "this address is not whitelisted",
    "143": "account not active or locked",
    "146": "text fits no registered template",
    "177": "network not registered for the brandname",
    "201": "a blocked word in the text",
    "300": "SmsType missing",
}


class EsmsNotifier:
    """Customer-care messages under a brandname; RequestId carries the idempotency key (deduplicated for 24 h there)."""

    name = "esms"

    def __init__(
        self,
        *,
        key: str,
        secret: str,
        brandname: str,
        templates: Templates | None = None,
        callback: str | None = None,
        base_url: str | None = None,
    ) -> None:
        self._fixed = {
            "ApiKey": key,
            "SecretKey": secret,
            "Brandname": brandname,
            "SmsType": "2",
            "Sandbox": "0",
            "campaignid": "quantrac",
        }
        if callback is not None:
            self._fixed["CallbackUrl"] = callback
        self._templates: Templates = templates or {}
        self._api = HttpApi("eSMS", base_url or BASE_URL)

    def send(self, message: Outgoing) -> str | None:
        """Hand one message over and return the provider's SMSID; see Notifier."""
        text = registered_text(self._templates, self.name, message)
        request = {
            **self._fixed,
            "IsUnicode": "1" if gsm.length(text).alphabet == "UCS-2" else "0",
            "Phone": message.to.lstrip("+"),
            "Content": text,
            "RequestId": message.key,
        }
        return _reference(self._api.post(PATH, json=request))

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


def _reference(response: httpx.Response) -> str | None:
    if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise TryAgain(f"eSMS: HTTP {response.status_code}")
    if response.status_code != httpx.codes.OK:
        raise NeedsPerson(f"eSMS: HTTP {response.status_code}")
    answer = object_of("eSMS", response)
    code = str(answer.get("CodeResult", ""))
    if code in (ACCEPTED, DUPLICATE):
        return str(answer["SMSID"]) if answer.get("SMSID") else None
    reason = f"eSMS: {code} {GONE.get(code) or PERSON.get(code) or 'unknown code'} {answer.get('ErrorMessage') or ''}"
    raise (Gone if code in GONE else NeedsPerson)(reason.rstrip())
