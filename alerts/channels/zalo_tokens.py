"""Tokens of a Zalo Official Account: an access token lives 25 hours; each refresh token gives one new pair, once.

So the newest pair is kept in a file: whoever loses it must ask a person to log in again. API: developers.zalo.me,
"Xác thực và ủy quyền cho Official Account" (POST https://oauth.zaloapp.com/v4/oa/access_token).
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Final

import httpx

from alerts.telling.notifier import NeedsPerson, TryAgain

BASE_URL: Final = "https://oauth.zaloapp.com"
PATH: Final = "/v4/oa/access_token"
TIMEOUT_S: Final = 10.0


class ZaloTokens:
    """Gives the access token of a JSON file with `app_id`, `secret_key`, `refresh_token` and perhaps `access_token`."""

    def __init__(self, file: Path, base_url: str | None = None) -> None:
        self._file = file
        self._client = httpx.Client(base_url=base_url or BASE_URL, timeout=TIMEOUT_S)
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
        self._client.close()

    def _renew(self) -> str:
        kept = self._read()
        form = {"app_id": kept["app_id"], "grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
        try:
            answer = self._client.post(PATH, data=form, headers={"secret_key": kept["secret_key"]}).json()
        except httpx.TransportError as error:
            raise TryAgain(f"zns: token: {type(error).__name__} {error}") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise TryAgain("zns: token: the answer is not JSON") from error
        if not isinstance(answer, dict) or not answer.get("access_token") or not answer.get("refresh_token"):
            raise NeedsPerson(f"zns: no new token ({_reason(answer)}): log in at Zalo again and write {self._file}")
        self._write({**kept, "access_token": answer["access_token"], "refresh_token": answer["refresh_token"]})
        return str(answer["access_token"])

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError) as error:
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


def _reason(answer: object) -> str:
    if not isinstance(answer, dict):
        return "no object"
    said = (answer.get(key) for key in ("error_description", "error_reason", "error_name"))
    return str(next(filter(None, said), answer))[:120]
