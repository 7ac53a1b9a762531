"""The HTTP interface of a provider: a POST, and what its failures mean for the message."""

from __future__ import annotations

from typing import Any, Final

import httpx

from alerts.telling.notifier import Gone, TryAgain
from quantrac.config.settings import ENCODE, BadSetting

TIMEOUT_S: Final = 10.0


class HttpApi:
    """Posts to one provider; several threads may use it. `name` begins the text of each error."""

    def __init__(self, name: str, base_url: str = "", auth: tuple[str, str] | None = None) -> None:
        self._name = name
        try:
            self._client = httpx.Client(base_url=base_url, timeout=TIMEOUT_S, auth=auth)
        except httpx.InvalidURL:  # its text may hold half a password
            raise BadSetting(f"{name}: the provider's address is no URL; {ENCODE}") from None

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Post and return the answer, whatever its status. Redirects are not followed.

        Raises TryAgain where none comes (`may_have_arrived`: the request went out), Gone for what is no address.
        """
        try:
            return self._client.post(path, **request)
        except httpx.InvalidURL:  # its text may hold half a password
            raise Gone(f"{self._name}: the address is no URL") from None
        except httpx.TransportError as error:
            never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            text = f"{self._name}: {type(error).__name__} {error}"
            raise TryAgain(text, may_have_arrived=not never_left) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def object_of(name: str, response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; what is none was written by something on the way. Raises TryAgain."""
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:
        raise TryAgain(f"{name}: the answer is not JSON: {response.text[:80]!r}") from error
    if not isinstance(answer, dict):
        raise TryAgain(f"{name}: the answer is no object: {response.text[:80]!r}")
    return answer
