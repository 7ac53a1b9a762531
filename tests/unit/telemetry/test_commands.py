"""A command is carried out only if the centre signed it, for this station and id, and not long ago."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry.commands import BadCommand, BadKeyFile, encode_command, read_command, read_key, sign

KEY = bytes(range(32))
NOW = 1_795_490_400_000
ID = "c0ffee00-1"


def command(order: dict[str, Any] | None = None, issued: int = NOW, expires: int = NOW + 60_000) -> bytes:
    return encode_command(KEY, "st-test", ID, order or {"do": "read"}, issued_ms=issued, expires_ms=expires)


def test_the_signature_is_hmac_sha256_as_the_standard_library_makes_it() -> None:
    text = b'["st-test","c0ffee00-1",{"do":"read","expires":2,"issued":1}]'
    assert sign(KEY, "st-test", ID, {"do": "read", "issued": 1, "expires": 2}) == hmac.digest(KEY, text, "sha256").hex()
    assert hashlib.sha256().digest_size * 2 == len(sign(KEY, "st-test", ID, {}))


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text() | st.none() | st.lists(st.integers())))
def test_what_is_signed_is_read(extra: dict[str, Any]) -> None:
    order = {name: value for name, value in extra.items() if name not in ("issued", "expires", "sig")} | {"do": "read"}
    assert read_command(KEY, "st-test", ID, command(order), NOW).order == order


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_is_accepted_as_another_command(place: int, change: int) -> None:
    payload = bytearray(command({"do": "wipe", "device": "sonde"}))
    payload[place % len(payload)] ^= change
    try:
        read = read_command(KEY, "st-test", ID, bytes(payload), NOW)
    except BadCommand:
        return
    assert read.order == {"do": "wipe", "device": "sonde"}  # white space


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"do":"read","n":NaN,"sig":"00"}', "cannot be signed"),
        (b'{"do":"read","sig":"\\ud800"}', "cannot be signed"),
        (b"[]", "what to do"),
        (b"{}", "what to do"),
        (json.dumps({"do": "read", "issued": NOW, "expires": NOW + 1}).encode(), "not signed"),
        (json.dumps({"do": "read", "issued": NOW, "expires": NOW + 1, "sig": "00"}).encode(), "signature is wrong"),
        (command(issued=NOW - 60_000, expires=NOW - 1), "expired 0.0 s ago"),
        (command(issued=NOW, expires=NOW + 3_600_001), "allowed up to 3600 s"),
        (command(issued=NOW, expires=NOW - 1), "allowed up to 3600 s"),
        (command(issued=NOW + 300_001, expires=NOW + 400_000), "in the future"),
    ],
)
def test_what_is_refused(payload: bytes, said: str) -> None:
    with pytest.raises(BadCommand, match=said):
        read_command(KEY, "st-test", ID, payload, NOW)


def test_a_command_of_another_station_id_or_key_is_refused() -> None:
    for key, station, name in ((KEY, "st-other", ID), (KEY, "st-test", "c0ffee00-2"), (bytes(32), "st-test", ID)):
        with pytest.raises(BadCommand, match="signature is wrong"):
            read_command(key, station, name, command(), NOW)


def test_keys_stand_one_a_line_and_a_file_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the network\nst-one {KEY.hex()}  # new in May\nst-two 00ff\n")
    assert read_key(file, "st-one") == KEY
    with pytest.raises(BadKeyFile, match=r"keys:3: expected a station and at least 32"):
        read_key(file, "st-two")
    with pytest.raises(BadKeyFile, match="no line for st-three"):
        read_key(file, "st-three")
    told: list[str] = []
    for mode in (0o640, 0o644):
        file.chmod(mode)
        read_key(file, "st-one", lambda event, **more: told.append(f"{event} {more['file']} {more['mode']}"))
    assert told == [f"keys_readable_by_all {file} 0644"]
    with pytest.raises(BadKeyFile, match="No such file"):
        read_key(tmp_path / "none", "st-one")
