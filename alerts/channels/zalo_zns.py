"""Zalo ZNS: a registered template with its placeholders filled, to a phone number that has Zalo.

API: developers.zalo.me, "Gửi thông báo ZNS" (POST /message/template). Codes: zalo.cloud/zns, "Cách xử lý mã lỗi".
"""

from __future__ import annotations

import json
from typing import Any, Final

import httpx

from alerts.channels.templates import filled, template_of
from alerts.channels.zalo_tokens import ZaloTokens
from alerts.telling.notifier import Gone, NeedsPerson, NotCarried, Outgoing, TryAgain
from quantrac.config.notifications import Templates

BASE_URL: Final = "https://business.openapi.zalo.me"
PATH: Final = "/message/template"
TIMEOUT_S: Final = 10.0

TOKEN_INVALID: Final = -124
GONE: Final = {
    -108: "phone number invalid",
    -110: "this person's Zalo is too old",
    -114: "inactive, or does not take such messages",
    -118: "no Zalo account",
    -119: "the account cannot receive",
    -139: "the person refuses such messages",
    -141: "the person refuses this Official Account",
}
BUSY: Final = {-100: "unknown error, later", -133: "not sent at night (22:00 to 06:00)"}


class ZnsNotifier:
    """Sends templates; `tracking_id` carries the key and comes back with receipts, it does not deduplicate."""

    name = "zns"

    def __init__(self, tokens: ZaloTokens, templates: Templates, base_url: str | None = None) -> None:
        self._tokens = tokens
        self._templates = templates
        self._client = httpx.Client(base_url=base_url or BASE_URL, timeout=TIMEOUT_S)

    def send(self, message: Outgoing) -> str | None:
        """Hand one message over and return the provider's msg_id; see Notifier."""
        template = template_of(self._templates, self.name, message)
        if template is None or template.id is None:
            raise NotCarried("zns: no template is named in network.yaml")
        request = {
            "phone": message.to.lstrip("+"),
            "template_id": template.id,
            "template_data": filled(template, message),
            "tracking_id": message.key,
        }
        answer = self._post(request, self._tokens.access())
        if answer.get("error") == TOKEN_INVALID:
            answer = self._post(request, self._tokens.renewed())
        return _reference(answer)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._tokens.close()

    def _post(self, request: dict[str, Any], access_token: str) -> dict[str, Any]:
        try:
            response = self._client.post(PATH, json=request, headers={"access_token": access_token})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryAgain(f"zns: {type(error).__name__} {error}") from error
        except httpx.TransportError as error:
            raise TryAgain(f"zns: {type(error).__name__} {error}", may_have_arrived=True) from error
        if response.status_code != httpx.codes.OK:
            raise TryAgain(f"zns: HTTP {response.status_code}")
        try:
            answer = response.json()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise TryAgain(f"zns: the answer is not JSON: {response.text[:80]!r}") from error
        if not isinstance(answer, dict):
            raise TryAgain(f"zns: the answer is no object: {response.text[:80]!r}")
        return answer


def _reference(answer: dict[str, Any]) -> str | None:
    code = answer.get("error")
    if code == 0:
        data = answer.get("data")
        reference = data.get("msg_id") if isinstance(data, dict) else None
        return None if reference is None else str(reference)
    known = GONE.get(code) or BUSY.get(code) or "" if isinstance(code, int) else ""
    reason = f"zns: {code} {known or answer.get('message') or 'unknown code'}"
    if code in GONE:
        raise Gone(reason)
    raise (TryAgain if code in BUSY else NeedsPerson)(reason)
