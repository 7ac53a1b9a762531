"""Codes of a second factor: which time step a code is of, recovery codes, and the seal on what the database keeps."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Final

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quantrac.telemetry.errors import QuantracError

STEP_S: Final = 30
STEPS_AROUND: Final = 1
"""So many steps before and after now a code is heard: clocks differ (RFC 6238, 5.2)."""
RECOVERY_CODES: Final = 10
ISSUER: Final = "Quantrac"
CODE: Final = re.compile(r"[0-9]{6}")
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are read for one another: i l o 0 1."""
_NONCE: Final = 12


class SealBroken(QuantracError):
    """A sealed secret was sealed with another key, for another account, or was changed."""


class Seal:
    """Keeps secrets unreadable for whoever has the database without the key. AES-256-GCM.

    A sealed secret opens for its own account only: nobody gives another account the secret that he knows.
    """

    def __init__(self, key: str) -> None:
        made = HKDF(SHA256(), 32, None, b"quantrac second factor").derive(key.encode())
        self._cipher = AESGCM(made)

    def sealed(self, account_id: int, secret: str) -> bytes:
        """Return nonce and sealed secret."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), _of(account_id))

    def opened(self, account_id: int, sealed: bytes) -> str:
        """Return the secret. Raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _of(account_id)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("the secret of the second factor was sealed with another QUANTRAC_ACCOUNT_KEY") from None


def new_secret() -> str:
    """Return a random secret, 160 bits in base32."""
    return pyotp.random_base32()


def enrolment_address(secret: str, login: str) -> str:
    """Return what the QR code says to an authenticator, `otpauth://totp/…`. Pure."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=login, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step, of 30 s since 1970, whose code it is; None for no code of now or a step beside. Pure."""
    totp = pyotp.TOTP(secret, interval=STEP_S)
    present = int(now.timestamp()) // STEP_S
    steps = range(present + STEPS_AROUND, present - STEPS_AROUND - 1, -1)
    return next((step for step in steps if _equal(totp.at(step * STEP_S), code)), None)


def plain(typed: str) -> str:
    """Return a code as it is compared: without the blanks and hyphens that help to read it, in small letters. Pure."""
    return re.sub(r"[\s-]", "", typed).lower()


def new_recovery_codes() -> list[str]:
    """Return codes of 79 random bits: no slow hash is needed. They are shown once."""
    return [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4)) for _ in range(RECOVERY_CODES)
    ]


def _equal(code: str, typed: str) -> bool:
    return secrets.compare_digest(code.encode(), typed.encode())


def _of(account_id: int) -> bytes:
    return b"account %d" % account_id
