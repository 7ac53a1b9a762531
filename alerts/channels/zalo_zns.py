"""Zalo ZNS: a registered template with its placeholders filled, to a phone number that has Zalo.

API: developers.zalo.me, "Gửi thông báo ZNS" (POST /message/template). Codes: zalo.cloud/zns, "Cách xử lý mã lỗi".
The access token of an Official Account lives 25 hours, and each refresh token buys one new pair, once ("Xác thực và ủy
quyền cho Official Account"): the newest pair is kept in a file, for whoever loses it must ask a person to log in again.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Final

import httpx

from alerts.channels.http_api import HttpApi, object_of
from alerts.channels.templates import filled, template_of
from alerts.telling.notifier import Gone, NeedsPerson, NotCarried, Outgoing, TryAgain
from quantrac.config.notifications import Templates

BASE_URL: Final = "https://business.openapi.zalo.me"
PATH: Final = "/message/template"
OAUTH_URL: Final = "https://oauth.zaloapp.com"
OAUTH_PATH: Final = "/v4/oa/access_token"

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


class ZaloTokens:
    """Gives the access token of a JSON file with `app_id`, `secret_key`, `refresh_token` and perhaps `access_token`."""

    def __init__(self, file: Path, base_url: str | None = None) -> None:
        self._file = file
        self._api = HttpApi("zns: token", base_url or OAUTH_URL)
        self._lock = threading.Lock()
        self._given: str | None = None

    def access(self) -> str:
        """Return the access token; without one it is fetched. Raises NeedsPerson or TryAgain."""
        with self._lock:
            token = self._read().get("access_token")
            self._given = token if isinstance(token, str) and token else self._renew()
            return self._given

    def renewed(self) -> str:
        """Return another access token than the one last given: that one was refused."""
        with self._lock:
            token = self._read().get("access_token")
            if not isinstance(token, str) or not token or token == self._given:
                token = self._renew()
            self._given = token
            return token

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _renew(self) -> str:
        kept = self._read()
        form = {"app_id": kept["app_id"], "grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
        try:
            response = self._api.post(OAUTH_PATH, data=form, headers={"secret_key": kept["secret_key"]})
        except TryAgain as error:
            raise TryAgain(str(error)) from error  # what may have arrived was no message
        answer = object_of("zns: token", response)
        if not answer.get("access_token") or not answer.get("refresh_token"):
            raise NeedsPerson(f"zns: no new token ({_reason(answer)}): log in at Zalo again and write {self._file}")
        self._write({**kept, "access_token": answer["access_token"], "refresh_token": answer["refresh_token"]})
        return str(answer["access_token"])

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise NeedsPerson(f"zns: {self._file}: {error}") from error
        found = kept if isinstance(kept, dict) else {}
        if missing := [key for key in ("app_id", "secret_key", "refresh_token") if not found.get(key)]:
            raise NeedsPerson(f"zns: {self._file}: {', '.join(missing)} missing")
        return found

    def _write(self, kept: dict[str, Any]) -> None:
        """Replace the file whole and synced: the old refresh token is worth nothing any more."""
        beside = self._file.with_name(self._file.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)


def _reason(answer: dict[str, Any]) -> str:
    said = (answer.get(key) for key in ("error_description", "error_reason", "error_name"))
    return str(next(filter(None, said), answer))[:120]


class ZnsNotifier:
    """Sends templates; `tracking_id` carries the key and comes back with receipts, it does not deduplicate."""

    name = "zns"

    def __init__(self, tokens: ZaloTokens, templates: Templates, base_url: str | None = None) -> None:
        self._tokens = tokens
        self._templates = templates
        self._api = HttpApi("zns", base_url or BASE_URL)

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
        self._api.close()
        self._tokens.close()

    def _post(self, request: dict[str, Any], access_token: str) -> dict[str, Any]:
        response = self._api.post(PATH, json=request, headers={"access_token": access_token})
        if response.status_code != httpx.codes.OK:
            raise TryAgain(f"zns: HTTP {response.status_code}")
        return object_of("zns", response)


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
