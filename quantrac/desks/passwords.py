"""Passwords: what one must be, and its argon2id hash, made and verified by few threads at a time."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import Words

SHORTEST: Final = 10
LONGEST: Final = 200
"""Letters: a longer one would only cost time."""
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""The least that OWASP's Password Storage Cheat Sheet (2024) asks of argon2id: 19 MiB, two passes, one lane."""
_PLACES: Final = threading.BoundedSemaphore(2)
_WAIT_S: Final = 3.0


class PasswordRefused(QuantracError):
    """The password is none that an account may have; `words` say why in both languages."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


class HashersBusy(QuantracError):
    """So many passwords are being hashed that this one did not get its turn."""


def check(password: str, login: str) -> None:
    """Raise PasswordRefused for a password that is too short, too long, or the login itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(
            Words(
                f"mật khẩu cần từ {SHORTEST} đến {LONGEST} ký tự", f"a password has {SHORTEST} to {LONGEST} characters"
            )
        )
    if login.casefold() in password.casefold() or len(set(password)) < 4:
        raise PasswordRefused(
            Words(
                "mật khẩu quá dễ đoán: có chứa tên đăng nhập, hoặc chỉ gồm vài ký tự lặp lại",
                "the password is too easy to guess: it contains the login, or only a few different characters",
            )
        )


def hashed(password: str) -> str:
    """Return the argon2id hash in PHC format. Raises HashersBusy."""
    with _turn():
        return _HASHER.hash(_normalised(password))


def verifies(password: str, known: str | None) -> bool:
    """Tell whether a password belongs to a hash; None takes the same time and is never right. Raises HashersBusy."""
    with _turn():
        try:
            _HASHER.verify(known or _nobodys(), _normalised(password))
        except (VerificationError, InvalidHashError):
            return False
        return known is not None


def is_outdated(known: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(known)


@contextmanager
def _turn() -> Iterator[None]:
    if not _PLACES.acquire(timeout=_WAIT_S):
        raise HashersBusy("too many people sign in at this moment; try again")
    try:
        yield
    finally:
        _PLACES.release()


def _normalised(password: str) -> str:
    """Return the password as Unicode's NFKC: keyboards write the same Vietnamese letter in several ways."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody")
