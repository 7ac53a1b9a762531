"""What a provider's ID token proves, and why one proves nothing. Keys and time are passed in.

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import BadSignatureError, DecodeError, InvalidKeyIdError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet

from quantrac.desks.sessions import SignInRefused
from quantrac.telemetry.words import Words

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Of signatures that only the provider can make: not `none`, and no secret that both sides know."""
CLOCKS_DIFFER_S: Final = 60
LONGEST: Final = 20_000
"""Letters of a token."""


class IdTokenRefused(SignInRefused):
    """The token proves nothing; `words` say why in both languages."""


class UnknownKey(IdTokenRefused):
    """No key of the set made the signature: the provider may have a newer set."""


NO_TOKEN: Final = Words("nhà cung cấp không gửi ID token đúng dạng", "the provider sent no ID token that can be read")
ALGORITHM: Final = Words(
    "chữ ký của ID token dùng thuật toán không được phép", "the ID token is signed by an algorithm that is not allowed"
)
UNKNOWN_KEY: Final = Words(
    "chữ ký của ID token không dùng khóa nào của nhà cung cấp", "no key of the provider made the ID token's signature"
)
SIGNATURE: Final = Words("chữ ký của ID token không đúng", "the ID token's signature is wrong")
ISSUER: Final = Words("ID token là của nhà cung cấp khác", "the ID token is another provider's")
AUDIENCE: Final = Words("ID token dành cho chương trình khác", "the ID token is for another program")
EXPIRED: Final = Words(
    "ID token đã hết hạn; hãy xem giờ của máy chủ", "the ID token has run out; look at the server's clock"
)
EARLY: Final = Words(
    "ID token chưa có hiệu lực; hãy xem giờ của máy chủ", "the ID token does not hold yet; look at the server's clock"
)
NONCE: Final = Words("ID token thuộc lần đăng nhập khác (nonce)", "the ID token is of another sign-in (nonce)")
SUBJECT: Final = Words("ID token không nói đó là ai (sub)", "the ID token does not say whose it is (sub)")


def claims_of(token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a token that was made by the provider, for this client and this sign-in, and holds now.

    Raises IdTokenRefused, UnknownKey.
    """
    claims = _signed(token, keys)
    at = now.timestamp()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != issuer:
        raise IdTokenRefused(ISSUER)
    if client_id not in audiences or claims.get("azp", client_id) != client_id:
        raise IdTokenRefused(AUDIENCE)
    if _seconds(claims, "exp") + CLOCKS_DIFFER_S <= at:
        raise IdTokenRefused(EXPIRED)
    if max(_seconds(claims, "iat"), _seconds(claims, "nbf", 0)) - CLOCKS_DIFFER_S > at:
        raise IdTokenRefused(EARLY)
    if claims.get("nonce") != nonce:
        raise IdTokenRefused(NONCE)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise IdTokenRefused(SUBJECT)
    return claims


def _signed(token: str, keys: KeySet) -> Mapping[str, Any]:
    if len(token) > LONGEST:
        raise IdTokenRefused(NO_TOKEN)
    try:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
    except UnsupportedAlgorithmError:
        raise IdTokenRefused(ALGORITHM) from None
    except InvalidKeyIdError:
        raise UnknownKey(UNKNOWN_KEY) from None
    except BadSignatureError:
        raise IdTokenRefused(SIGNATURE) from None
    except DecodeError:
        raise IdTokenRefused(NO_TOKEN) from None
    except (JoseError, ValueError, TypeError):  # a key of another kind than the algorithm's, a broken header
        raise IdTokenRefused(SIGNATURE) from None


def _seconds(claims: Mapping[str, Any], name: str, usual: float | None = None) -> float:
    found = claims.get(name, usual)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise IdTokenRefused(NO_TOKEN)
    return found
