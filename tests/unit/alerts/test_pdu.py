"""PDUs against the standard's own example, known frames, and the simulated modem's independent reading."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.pdu import Deliver, PduError, StatusReport, codes_of, decode, pack, submits, text_of, unpack
from alerts.telling import gsm
from simulators.gsm.pdu import read_submit
from tests.unit.alerts.test_gsm import ALPHABETS

GSM_SIGNS = st.text(sorted(gsm.BASIC | gsm.EXTENSION), min_size=1, max_size=600)


def read(to: str, text: str) -> list[tuple[str, str, tuple[int, int, int] | None]]:
    aired = [read_submit(bytes.fromhex(part.hex), 1) for part in submits(to, text, group=7)]
    assert {one.to for one in aired} == {to}
    return [(one.text, one.alphabet, one.group) for one in aired]


def test_septets_are_packed_as_the_well_known_example_has_it() -> None:
    assert pack(codes_of("hellohello")).hex().upper() == "E8329BFD4697D9EC37"


def test_a_submit_is_the_frame_known_from_the_field() -> None:
    # +46708251358, "hellohello": the example of countless manuals, here with status report and a validity of 6 h.
    (part,) = submits("+46708251358", "hellohello", group=0)
    assert part.hex == "0031000B916407281553F80000470AE8329BFD4697D9EC37"
    assert part.length == len(bytes.fromhex(part.hex)) - 1


@given(GSM_SIGNS | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_the_network_reads_what_was_written(text: str) -> None:
    parts, cost = read("+84912345678", text), gsm.length(text)
    assert "".join(part for part, _, _ in parts) == text
    assert {alphabet for _, alphabet, _ in parts} == {cost.alphabet}
    assert len(parts) >= cost.segments  # a sign of two units that does not fit moves to the next part
    groups = [(7, len(parts), place) for place in range(1, len(parts) + 1)]
    assert [group for _, _, group in parts] == (groups if len(parts) > 1 else [None])


@pytest.mark.parametrize(("text", "cost"), ALPHABETS)
def test_parts_are_cut_where_the_standard_cuts_them(text: str, cost: gsm.Length) -> None:
    assert len(read("+84912345678", text)) == cost.segments


def test_nothing_is_not_sent() -> None:
    with pytest.raises(ValueError, match="empty"):
        submits("+84912345678", "", group=0)


@given(GSM_SIGNS)
def test_septets_come_back(text: str) -> None:
    codes = codes_of(text)
    assert text_of(unpack(pack(codes), len(codes))) == text
    assert unpack(pack(codes, 1), len(codes), 1) == codes


def test_a_received_message_is_read() -> None:
    # SMSC +27381000015, sender 27838890001, "hellohello", 99-03-29 15:16:59 +02:00: a frame of many manuals.
    found = decode("07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37")
    assert isinstance(found, Deliver)
    assert found.text == "hellohello"
    assert found.sent_at == datetime(2099, 3, 29, 13, 16, 59, tzinfo=UTC)  # two digits of year: always 20xx


def test_a_status_report_is_read() -> None:
    sent, settled = (datetime(2026, 11, 24, 3, 20, second, tzinfo=UTC) for second in (30, 50))
    found = decode("07914809000020F3062A0B914819325476F8621142010203826211420102058200")
    assert found == StatusReport(42, "+84912345678", sent, settled, 0)


@pytest.mark.parametrize(
    ("status", "arrived", "final"), [(0, True, True), (2, True, True), (32, False, False), (70, False, True)]
)
def test_status_says_whether_it_arrived_and_whether_that_is_the_last_word(
    status: int, arrived: bool, final: bool
) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    report = StatusReport(1, "+84912345678", at, at, status)
    assert (report.has_arrived, report.is_final) == (arrived, final)


@given(st.binary(max_size=60))
def test_noise_is_refused_in_one_way(noise: bytes) -> None:
    with contextlib.suppress(PduError):
        decode(noise.hex())
