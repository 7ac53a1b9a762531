"""Codes of a second factor: those of RFC 6238, one step around now, recovery codes, and the seal."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from dashboards.console.account_page import qr_code
from quantrac.desks import totp
from quantrac.desks.totp import Seal, SealBroken

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
KEY = "k" * 32


@pytest.mark.parametrize(
    ("second", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_the_codes_are_those_of_the_appendix_of_rfc_6238_and_hold_one_step_around(second: int, code: str) -> None:
    at, step = datetime.fromtimestamp(second, UTC), timedelta(seconds=totp.STEP_S)
    found = [totp.step_of(RFC_SECRET, code, at + n * step) for n in (-2, -1, 0, 1, 2) if second > 60 or n >= 0]
    assert found[-5:] == [None, second // 30, second // 30, second // 30, None][-len(found) :]


@pytest.mark.parametrize("code", ["", "28708", "2870820", "２８７０８２", "+87082", "abcdef"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert totp.step_of(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None


def test_a_recovery_code_is_found_however_it_was_copied() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    for code in codes:
        assert totp.plain(f" {code.upper().replace('-', ' ')}\n") == totp.plain(code) == code.replace("-", "")
        assert len(totp.plain(code)) == 16
        assert not totp.CODE.fullmatch(totp.plain(code))


def test_a_sealed_secret_opens_with_its_key_for_its_account_only() -> None:
    seal, secret = Seal(KEY), totp.new_secret()
    sealed = seal.sealed(7, secret)
    assert seal.opened(7, sealed) == secret
    assert secret.encode() not in sealed
    assert seal.sealed(7, secret) != sealed
    for other, account, found in (
        (Seal("x" * 32), 7, sealed), (seal, 8, sealed), (seal, 7, sealed[:-1]), (seal, 7, b""),
        (seal, 7, sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]),
    ):  # fmt: skip
        with pytest.raises(SealBroken, match="another QUANTRAC_ACCOUNT_KEY"):
            other.opened(account, found)


def test_the_picture_says_whose_secret_it_is_and_needs_neither_script_nor_style() -> None:
    address = totp.enrolment_address(RFC_SECRET, "an.tran@quan-trac.vn")
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Quantrac:an.tran@quan-trac.vn")
    assert parse_qs(parts.query) == {"secret": [RFC_SECRET], "issuer": ["Quantrac"]}
    picture = unquote(qr_code(address))
    assert picture.startswith("data:image/svg+xml")
    assert "style=" not in picture
    assert "script" not in picture
