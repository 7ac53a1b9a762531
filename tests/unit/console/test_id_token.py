"""What an ID token proves: the checks of OpenID Connect Core 3.1.3.7, each with its own words."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from joserfc import jwk, jwt

from dashboards.console import id_token
from dashboards.console.id_token import IdTokenRefused, UnknownKey, claims_of
from dashboards.console.provider import (
    Flow,
    Provider,
    ProviderAway,
    ProviderSettings,
    challenge_of,
    person_of,
    roles_of,
)
from quantrac.config.settings import BadSetting, MissingSetting, Settings
from quantrac.desks.identities import login_of
from quantrac.desks.roles import Role
from quantrac.telemetry.words import Words
from tests.fixtures.openid_provider import new_key, unsigned

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY, OTHER = new_key(), new_key()
KEYS = jwk.KeySet([KEY])
RIGHT = {"iss": "https://so.example", "aud": "quantrac", "sub": "s-1", "nonce": "n", "iat": AT, "exp": AT + 300}


def read(token: str) -> Any:
    return claims_of(token, KEYS, issuer="https://so.example", client_id="quantrac", nonce="n", now=NOW)


def made(key: jwk.ECKey = KEY, kid: str | None = KEY.kid, **changed: Any) -> str:
    claims = {name: value for name, value in {**RIGHT, **changed}.items() if value is not None}
    return jwt.encode({"alg": "ES256", **({"kid": kid} if kid else {})}, claims, key)


def test_a_right_token_is_read_also_with_several_audiences_and_clocks_that_differ_a_little() -> None:
    assert read(made())["sub"] == "s-1"
    assert read(made(kid=None))["sub"] == "s-1"
    assert read(made(aud=["other", "quantrac"], azp="quantrac", exp=AT - 59, iat=AT + 59))["sub"] == "s-1"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://evil.example"}, id_token.ISSUER), ({"iss": None}, id_token.ISSUER),
        ({"iss": "https://so.example/"}, id_token.ISSUER), ({"aud": "another"}, id_token.AUDIENCE),
        ({"aud": None}, id_token.AUDIENCE), ({"aud": ["a", "b"]}, id_token.AUDIENCE),
        ({"aud": ["quantrac", "b"], "azp": "b"}, id_token.AUDIENCE), ({"exp": AT - 60}, id_token.EXPIRED),
        ({"exp": None}, id_token.NO_TOKEN), ({"exp": "soon"}, id_token.NO_TOKEN), ({"exp": True}, id_token.NO_TOKEN),
        ({"iat": AT + 61}, id_token.EARLY), ({"nbf": AT + 61}, id_token.EARLY), ({"iat": None}, id_token.NO_TOKEN),
        ({"nonce": "of another sign-in"}, id_token.NONCE), ({"nonce": None}, id_token.NONCE),
        ({"sub": None}, id_token.SUBJECT), ({"sub": 7}, id_token.SUBJECT), ({"sub": "x" * 256}, id_token.SUBJECT),
        ({"sub": "a\nb"}, id_token.SUBJECT),
    ],
)  # fmt: skip
def test_a_token_of_somebody_else_for_somebody_else_or_of_another_time_is_refused_by_name(
    changed: dict[str, Any], why: Words
) -> None:
    with pytest.raises(IdTokenRefused) as refused:
        read(made(**changed))
    assert refused.value.words == why


def test_a_token_that_the_provider_did_not_sign_is_refused_by_name() -> None:
    by_secret = jwk.OctKey.import_key(b"k" * 32)
    for token, why in (
        (unsigned(made()), id_token.ALGORITHM),
        (jwt.encode({"alg": "HS256"}, RIGHT, by_secret), id_token.ALGORITHM),
        (made(OTHER), id_token.SIGNATURE),
        (made()[:-8] + "AAAAAAAA", id_token.SIGNATURE),
        (made(kid=None, key=OTHER), id_token.SIGNATURE),
        (".".join((made().split(".")[0], _coded(b"[]"), made().split(".")[2])), id_token.SIGNATURE),
        (made().replace(".", ""), id_token.NO_TOKEN), ("", id_token.NO_TOKEN), ("é.é.é", id_token.NO_TOKEN),
        ("x" * 20_001, id_token.NO_TOKEN),
    ):  # fmt: skip
        with pytest.raises(IdTokenRefused) as refused:
            read(token)
        assert refused.value.words == why, token[:40]
    with pytest.raises(UnknownKey):
        read(made(OTHER, OTHER.kid))


def _coded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def settings(**more: Any) -> Settings:
    return Settings(**{"oidc_issuer": "https://so.example", "oidc_client_id": "c", "public_url": "https://q/", **more})


def test_the_provider_is_what_the_settings_say_and_half_a_setting_is_refused() -> None:
    found = ProviderSettings.of(settings(oidc_roles="ca trực=operator, quản trị=administrator", oidc_client_secret="g"))
    assert found is not None
    assert (found.console, found.roles) == ("https://q", {"ca trực": Role.OPERATOR, "quản trị": Role.ADMINISTRATOR})
    assert "g" not in (found.name, *found.roles)
    assert ProviderSettings.of(Settings()) is None
    for wrong in ({"oidc_client_id": None}, {"public_url": None}):
        with pytest.raises(MissingSetting, match="QUANTRAC_OIDC_CLIENT_ID, and QUANTRAC_PUBLIC_URL"):
            ProviderSettings.of(settings(**wrong))
    with pytest.raises(MissingSetting, match="without QUANTRAC_OIDC_ISSUER"):
        ProviderSettings.of(Settings(console_passwords=False))
    for text in ("operator", "=operator", "a=chief"):
        with pytest.raises(BadSetting, match="expected group=role with one of viewer"):
            roles_of(text)
    for issuer in ("http://so.example", "so.example", "https://so.example?x", "https://a:b@so.example", "https://["):
        with pytest.raises(BadSetting, match="QUANTRAC_OIDC_ISSUER"):
            settings(oidc_issuer=issuer)


def test_a_person_is_who_the_claims_say_and_an_address_counts_only_where_it_was_verified() -> None:
    by = ProviderSettings.of(settings())
    assert by is not None
    claims = {
        "sub": "s",
        "email": "An.Le@so.example",
        "email_verified": True,
        "groups": ["a", 7],
        "amr": ["pwd", "mfa"],
    }
    found = person_of(claims, by)
    assert (found.email, found.login, found.name) == ("An.Le@so.example",) * 3
    assert (found.groups, found.is_proven, login_of(found.login)) == (frozenset({"a"}), True, "an.le")
    for unverified in (None, False, "true", 1):
        assert person_of({**claims, "email_verified": unverified}, by).email is None
    strange = person_of({"sub": "s", "name": "a\u202eb", "groups": "a", "amr": "mfa", "preferred_username": ["x"]}, by)
    assert (strange.name, strange.login, strange.groups, strange.is_proven) == ("s", "", frozenset(), False)
    names = ("Nguyễn Văn Đạt", "SO\\an.le", "..", "an@x@y")
    assert [login_of(name) for name in names] == ["nguyen.van.dat", "so.an.le", "", "an"]


def test_what_leaves_the_browser_does_not_lead_to_what_it_keeps() -> None:
    one, other = Flow("a"), Flow("b")
    assert len({one.state, one.nonce, one.verifier, one.challenge, other.state, other.nonce, other.verifier}) == 7
    assert len(one.verifier) >= 43
    of_rfc_7636 = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert of_rfc_7636 == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_provider_that_does_not_answer_is_asked_once_and_keeps_nobody_waiting() -> None:
    asked: list[str] = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectTimeout("nobody there")

    known = ProviderSettings.of(settings())
    assert known is not None
    provider = Provider(known)
    provider._http = httpx.Client(transport=httpx.MockTransport(away))
    for _ in range(3):
        with pytest.raises(ProviderAway):
            provider.way_in(Flow("a"))
    assert provider.way_out() is None
    assert asked == ["/.well-known/openid-configuration"]
