"""The OpenID Connect provider as the console asks it: discovery, keys, codes for ID tokens, where to sign out."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
from joserfc import jwk
from joserfc.errors import JoseError

from dashboards.console.id_token import UnknownKey, claims_of
from quantrac.config.settings import BadSetting, MissingSetting, Settings, is_unheard
from quantrac.desks.identities import ProvenPerson
from quantrac.desks.roles import Role
from quantrac.desks.sessions import SignInRefused
from quantrac.observe.logs import logger
from quantrac.telemetry.words import Words

log = logger(__name__)

RETURN: Final = "/oidc/return"
KNOWN_FOR_S: Final = 3600.0
"""How long discovery and keys are believed; a key that is not among them asks anew."""
PATIENCE_S: Final = 5.0
AWAY_FOR_S: Final = 10.0
"""How long a provider that did not answer is not asked again: those who wait for it keep nobody else waiting."""
AT_ONCE: Final = 4
"""Requests to the provider at the same time."""
TURN_S: Final = 1.0
"""How long somebody waits for those who ask it before."""
SCOPE: Final = "openid profile email"

AWAY: Final = Words("nhà cung cấp đăng nhập không trả lời; hãy thử lại sau", "the provider does not answer; try later")
NOT_A_PROVIDER: Final = Words(
    "nhà cung cấp trả lời không đúng OpenID Connect; hãy báo người quản trị",
    "the provider's answer is not OpenID Connect; tell an administrator",
)
FOREIGN: Final = Words(
    "địa chỉ QUANTRAC_OIDC_ISSUER trả lời dưới tên nhà cung cấp khác",
    "what answers at QUANTRAC_OIDC_ISSUER calls itself another issuer",
)
CODE: Final = Words(
    "nhà cung cấp không nhận mã đăng nhập: đã dùng hoặc hết hạn; hãy đăng nhập lại",
    "the provider refused the code: it was used or has run out; sign in again",
)
CLIENT: Final = Words(
    "nhà cung cấp không nhận bảng điều khiển này (QUANTRAC_OIDC_CLIENT_ID, …_SECRET); hãy báo người quản trị",
    "the provider refused this console (QUANTRAC_OIDC_CLIENT_ID, …_SECRET); tell an administrator",
)


class ProviderRefused(SignInRefused):
    """The provider, or what it sent, lets nobody in; `words` say why in both languages."""


class ProviderAway(ProviderRefused):
    """The provider cannot be asked now."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in, from the way to the provider to the way back: all of it follows from a secret of the browser."""

    secret: str

    @property
    def state(self) -> str:
        """What comes back with the code: this browser asked."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token has: it was made for this sign-in."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What proves that the code is exchanged by whoever asked for it (PKCE, RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider gets of the verifier beforehand, by the method S256."""
        return challenge_of(self.verifier)

    def _derived(self, what: str) -> str:
        return hashlib.sha256(f"{what} {self.secret}".encode()).hexdigest()


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier by the method S256 (RFC 7636, 4.2). Pure."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How the console is known at its provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    name: str
    console: str
    """The console's own address, as browsers reach it."""
    groups_claim: str
    roles: Mapping[str, Role]
    """Group → role of the account that somebody in it gets."""

    @classmethod
    def of(cls, settings: Settings) -> ProviderSettings | None:
        """Return what the settings say, None: there is no provider. Raises MissingSetting, BadSetting."""
        if settings.oidc_issuer is None:
            if not settings.console_passwords:
                raise MissingSetting("QUANTRAC_CONSOLE_PASSWORDS is false without QUANTRAC_OIDC_ISSUER: nobody came in")
            return None
        if settings.oidc_client_id is None or settings.public_url is None:
            raise MissingSetting(
                "QUANTRAC_OIDC_ISSUER needs QUANTRAC_OIDC_CLIENT_ID, and QUANTRAC_PUBLIC_URL, where it leads back"
            )
        secret = settings.oidc_client_secret
        return cls(
            settings.oidc_issuer,
            settings.oidc_client_id,
            None if secret is None else secret.get_secret_value(),
            settings.oidc_name,
            settings.public_url.rstrip("/"),
            settings.oidc_groups_claim,
            roles_of(settings.oidc_roles),
        )


def roles_of(text: str) -> dict[str, Role]:
    """Return group → role of `group=role,group=role`. Raises BadSetting. Pure."""
    found: dict[str, Role] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, role = part.rpartition("=")
        if not group.strip() or role.strip() not in set(Role):
            raise BadSetting(f"QUANTRAC_OIDC_ROLES: found {part!r}, expected group=role with one of {', '.join(Role)}")
        found[group.strip()] = Role(role.strip())
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What discovery said, and the keys."""

    endpoints: Mapping[str, Any]
    keys: jwk.KeySet
    at: float


class Provider:
    """Asks the provider; what it said of itself is kept for an hour. Safe for threads."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._http = httpx.Client(timeout=PATIENCE_S, follow_redirects=False)
        self._lock = threading.Lock()
        self._kept: _Known | None = None
        self._away_until = 0.0
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def way_in(self, flow: Flow) -> str:
        """Return the address where the person signs in at the provider. Raises ProviderAway, ProviderRefused."""
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.console + RETURN,
            "scope": SCOPE,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return _with(self._known().endpoints["authorization_endpoint"], asked)

    def way_out(self) -> str | None:
        """Return the address where one signs out at the provider and comes back; None: it has none, or is away."""
        try:
            endpoint = self._known().endpoints.get("end_session_endpoint")
        except ProviderRefused:
            return None
        back = {"client_id": self.settings.client_id, "post_logout_redirect_uri": f"{self.settings.console}/sign-in"}
        return _with(endpoint, back) if isinstance(endpoint, str) and is_unheard(endpoint) else None

    def identity(self, code: str, flow: Flow, now: datetime) -> ProvenPerson:
        """Exchange a code and return who came back. Raises ProviderAway, ProviderRefused, IdTokenRefused."""
        known = self._known()
        token = self._exchanged(known.endpoints, code, flow)
        checks: dict[str, Any] = {
            "issuer": self.settings.issuer, "client_id": self.settings.client_id, "nonce": flow.nonce, "now": now,
        }  # fmt: skip
        try:
            claims = claims_of(token, known.keys, **checks)
        except UnknownKey:  # the provider may have changed its keys within the hour
            claims = claims_of(token, self._known(anew=True).keys, **checks)
        return person_of(claims, self.settings)

    def _exchanged(self, endpoints: Mapping[str, Any], code: str, flow: Flow) -> str:
        body = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.settings.console + RETURN,
            "code_verifier": flow.verifier, "client_id": self.settings.client_id,
        }  # fmt: skip
        headers, secret = {"Accept": "application/json"}, self.settings.client_secret
        if secret is not None:
            methods = endpoints.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in methods:
                pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            else:
                body["client_secret"] = secret
        status, said = self._asked("POST", endpoints["token_endpoint"], data=body, headers=headers)
        if status != 200:
            why = said.get("error")
            log.warning("provider_refused", status=status, why=str(why)[:100])
            raise ProviderRefused(CODE if why == "invalid_grant" else CLIENT if 400 <= status < 500 else AWAY)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused(NOT_A_PROVIDER)
        return token

    def _known(self, *, anew: bool = False) -> _Known:
        """Return what the provider says of itself, asking at most once an hour, or once where `anew`."""
        if not self._lock.acquire(timeout=TURN_S):  # somebody asks, and it is slow
            raise ProviderAway(AWAY)
        try:
            kept = self._kept
            if kept is None or anew or time.monotonic() - kept.at > KNOWN_FOR_S:
                kept = self._kept = self._discovered()
            return kept
        finally:
            self._lock.release()

    def _discovered(self) -> _Known:
        place = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, said = self._asked("GET", place)
        if status != 200:
            log.warning("provider_refused", status=status, why="discovery")
            raise ProviderAway(AWAY)
        if said.get("issuer") != self.settings.issuer:
            log.warning("provider_refused", status=status, why="issuer", found=str(said.get("issuer"))[:200])
            raise ProviderRefused(FOREIGN)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not (isinstance(said.get(name), str) and is_unheard(said[name])):
                raise ProviderRefused(NOT_A_PROVIDER)
        status, keys = self._asked("GET", said["jwks_uri"])
        return _Known(said, _keys(keys), time.monotonic())

    def _asked(self, method: str, address: str, **more: Any) -> tuple[int, dict[str, Any]]:
        if time.monotonic() < self._away_until or not self._places.acquire(timeout=TURN_S):
            raise ProviderAway(AWAY)
        try:
            answer = self._http.request(method, address, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("provider_away", why=type(error).__name__)
            self._away_until = time.monotonic() + AWAY_FOR_S
            raise ProviderAway(AWAY) from None
        finally:
            self._places.release()
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise ProviderAway(AWAY) if answer.status_code >= 500 else ProviderRefused(NOT_A_PROVIDER)
        return answer.status_code, said


def person_of(claims: Mapping[str, Any], settings: ProviderSettings) -> ProvenPerson:
    """Return the person whom checked claims name. An e-mail address counts where the provider verified it. Pure."""

    def text(name: str) -> str:
        found = claims.get(name)
        return found.strip()[:200] if isinstance(found, str) and found.isprintable() else ""

    groups, methods = claims.get(settings.groups_claim), claims.get("amr")
    email = text("email") if claims.get("email_verified") is True else ""
    login = text("preferred_username") or email
    return ProvenPerson(
        settings.issuer,
        str(claims["sub"]),
        email or None,
        login,
        text("name") or login or str(claims["sub"]),
        frozenset(group for group in groups if isinstance(group, str)) if isinstance(groups, list) else frozenset(),
        isinstance(methods, list) and "mfa" in methods,
    )


def _keys(said: Mapping[str, Any]) -> jwk.KeySet:
    """Return the keys of a set that make signatures; those of kinds that nobody knows here are left out."""
    found = []
    listed = said.get("keys")
    for key in listed if isinstance(listed, list) else []:
        try:
            if key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC"):
                found.append(jwk.import_key(key))
        except (JoseError, AttributeError, ValueError, TypeError):
            continue
    if not found:
        raise ProviderRefused(NOT_A_PROVIDER)
    return jwk.KeySet(found)


def _with(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
