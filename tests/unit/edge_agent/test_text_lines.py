"""Lines of fields. Frames are from the makers' manuals or public protocol texts where a test says so."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.instruments import text_lines
from edge_agent.instruments.bayern_hessen import parse_measurements
from edge_agent.instruments.text_lines import LineTalker
from edge_agent.instruments.vaisala import VaisalaTalker
from edge_agent.lines.endings import Ending
from edge_agent.readings.misses import BadCheck, Garbled, NoAnswer
from edge_agent.readings.samples import Measured
from quantrac.config.lines import LineProfile, Stamp
from quantrac.telemetry.states import State
from tests.fixtures.instruments import device, profile

NMEA = profile("nmea-0183", {"x": {"line": "MWV", "field": 3}})
GILL = profile("gill-ascii", {"x": {"field": 1}})
LINE = profile("line", {"x": {"field": 1}})
DUST = profile(
    "line", {"x": {"line": "N_,", "field": 1, "status": {"line": "P", "field": 1, "table": "e"}}},
    states={"e": {0: "ok", "other": "fault"}}, separator=" ",
)  # fmt: skip
"""A mass whose status stands in another line."""

GOOD_NMEA = [  # WXT536 user's guide, and sentences of the public standard
    b"$IIMWV,191,R,000.55,M,A*19\r\n", b"$IIMWV,,R,,M,V*29\r\n",
    b"$WIXDR,V,0.02,M,0,Z,30,s,0,R,2.7,M,0,V,0.0,M,1,Z,0,s,1,R,0.0,M,1,R,6.3,M,2,R,0.0,M,3*51\r\n",
    b"$WITXT,01,01,03,Unknown cmd error*1F\r\n", b"$SDMTW,26.8,C*08\r\n",
    b"$GPRMC,023042.00,A,2101.7320,N,10551.0245,E,0.02,,241126,,,A*40\r\n",
]  # fmt: skip
GOOD_GILL = [b"\x02A,235,000.77,M,00,\x030A\r\n", b"\x02A,,,M,04,\x0324\r\n"]  # WindObserver manual p. 46


@pytest.mark.parametrize("raw", GOOD_NMEA)
def test_sentences_of_manuals_are_read(raw: bytes) -> None:
    assert text_lines.parse(raw, NMEA).fields[0] in raw.decode()


@pytest.mark.parametrize("raw", GOOD_GILL)
def test_gill_messages_of_manuals_are_read(raw: bytes) -> None:
    assert text_lines.parse(raw, GILL).fields[0] == "A"


def test_two_checksums_that_manuals_print_wrong_are_refused() -> None:
    """WXT536 guide …*75 (it is 70); the XOR of Gill is between STX and ETX, Bayern-Hessen's would be another."""
    with pytest.raises(BadCheck, match="70"):
        text_lines.parse(b"$WIXDR,C,28.4,C,0,H,71.2,P,0,P,1006.3,H,0*75\r\n", NMEA)
    with pytest.raises(BadCheck):
        text_lines.parse(b"\x02A,235,000.77,M,00,\x030B\r\n", GILL)


@given(st.sampled_from([*GOOD_NMEA, *GOOD_GILL]), st.integers(0, 200), st.integers(0, 7))
@settings(deadline=None)
def test_a_changed_bit_never_gives_another_line(raw: bytes, place: int, bit: int) -> None:
    of = NMEA if raw.startswith(b"$") else GILL
    whole = text_lines.parse(raw, of)
    at = place % len(raw)
    damaged = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
    with contextlib.suppress(Garbled):
        assert text_lines.parse(damaged, of) == whole, "only the case of a check digit, or what stands outside"


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"$IIMWV,1,R*\r\n", b"IIMWV,1,R,2,M,A*19\r\n", b"x" * 600])
def test_what_is_no_sentence_is_garbled(raw: bytes) -> None:
    with pytest.raises(Garbled):
        text_lines.parse(raw, NMEA)


def decoded(
    of: LineProfile, raw: bytes, name: str = "x", others: dict[str, text_lines.TextLine] | None = None
) -> Measured:
    return text_lines.decode(text_lines.parse(raw, of), of.signals[name], of, others or {})


@pytest.mark.parametrize("field", ["", "///", "#", "nan", "inf", "XXXX", "1e999", "0x10", "1_0"])
def test_what_is_no_number_is_no_value(field: str) -> None:
    assert decoded(LINE, f"a,{field},b\r\n".encode()) == Measured(None, State.FAULT)


def test_a_field_that_must_read_so_is_looked_at_first() -> None:
    of = profile("line", {"x": {"field": 1, "valid": {2: "M"}}})
    assert decoded(of, b"a,3.4,M\n") == Measured(3.4, State.OK)
    assert decoded(of, b"a,3.4,N\n") == Measured(None, State.FAULT)
    assert decoded(of, b"a,3.4\n") == Measured(None, State.FAULT)


def test_a_row_of_flags_is_one_word_and_a_status_may_be_hexadecimal() -> None:
    states = {"flags": {"bits": {0: "suspect", 2: "maint", 3: "fault"}}, "word": {0: "ok", 0x60: "suspect"}}
    of = profile(
        "line",
        {
            "x": {"field": 1, "status": {"field": 2, "count": 4, "table": "flags"}},
            "y": {"field": 1, "status": {"field": 2, "base": 16, "table": "word"}},
        },
        states=states,
    )
    assert decoded(of, b"a,7,0,0,0,0\n").state is State.OK
    assert decoded(of, b"a,7,1,0,1,0\n").state is State.MAINT
    assert decoded(of, b"a,7,0,0,0,1\n") == Measured(None, State.FAULT)
    assert decoded(of, b"a,7,0,0\n") == Measured(None, State.FAULT), "a status that is not there says nothing good"
    assert decoded(of, b"a,7,60\n", "y") == Measured(7, State.SUSPECT)
    assert decoded(of, b"a,7,zz\n", "y") == Measured(None, State.FAULT)


def test_a_status_in_another_line_that_never_came_is_a_fault() -> None:
    assert decoded(DUST, b"N_, 412\n") == Measured(None, State.FAULT)
    assert decoded(DUST, b"N_, 412\n", others={"P": text_lines.parse(b"P 0\n", DUST)}) == Measured(412, State.OK)


@pytest.mark.parametrize(
    ("zone", "means", "hour_utc"),
    [("+07:00", "end", 2), ("+07:00", "start", 3), ("+00:00", "end", 9), ("-03:30", "end", 12.5)],
)
def test_an_instrument_s_own_time_becomes_the_end_of_what_it_measured(zone: str, means: str, hour_utc: float) -> None:
    stamp = Stamp.model_validate({"format": "%m/%d/%y %H:%M", "zone": zone, "means": means, "covers": "1h"})
    line = text_lines.parse(b"11/24/26 09:00, 0.024\r\n", LINE)
    midnight_ms = 1_795_478_400_000  # 2026-11-24 00:00 UTC, date -u -d 2026-11-24 +%s
    assert text_lines.stamped_ms(line, stamp) == midnight_ms + hour_utc * 3_600_000
    with pytest.raises(Garbled, match="not a time"):
        text_lines.stamped_ms(text_lines.parse(b"24.11.2026, 1\n", LINE), stamp)


class Said:
    """A line on which these lines come, and then nothing."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = list(lines)

    def now_ms(self) -> int:
        return 1_000

    def try_ms(self, timeout_ms: int) -> int:
        return timeout_ms

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        if not self._lines:
            raise NoAnswer("silence")
        return self._lines.pop(0)


def test_only_the_talker_and_the_sentence_that_are_meant_are_heard() -> None:
    of = profile("nmea-0183", {"x": {"line": "MWV", "field": 1, "where": {2: "R"}}})
    talker = LineTalker(device(of, {"x": "x"}, "WI"), Said())
    assert [s.value for s in talker.hear(b"$WIMWV,214,R,3.4,M,A*3E\r\n", 7)] == [214]
    assert talker.hear(b"$IIMWV,191,R,000.55,M,A*19\r\n", 7) == [], "another talker"
    assert talker.hear(b"$WIMWV,214,T,3.4,M,A*38\r\n", 7) == [], "true wind, not relative"
    assert talker.hear(b"$WIXDR,C,28.4,C,0,H,71.2,P,0,P,1006.3,H,0*70\r\n", 7) == []
    assert talker.hear(b"\r\n", 7) == []


def test_a_mass_is_not_heard_before_the_line_that_says_how_the_monitor_is() -> None:
    talker = LineTalker(device(DUST, {"x": "x"}), Said())
    heard = [talker.hear(raw, 7) for raw in (b"N_, 412\n", b"P 0\n", b"N_, 413\n", b"P 2\n", b"N_, 414\n")]
    assert [[(s.value, s.state) for s in samples] for samples in heard] == [
        [], [], [(413, State.OK)], [], [(None, State.FAULT)],
    ]  # fmt: skip


def test_a_probe_of_a_talker_waits_for_all_that_is_wanted() -> None:
    of = profile("nmea-0183", {"x": {"line": "MWV", "field": 1}, "y": {"line": "MTW", "field": 1}})
    said = Said(b"half a line\r\n", b"$WIMWV,214,R,3.4,M,A*3E\r\n", b"$SDMTW,26.8,C*08\r\n")
    talker = LineTalker(device(of, {"x": "x", "y": "y"}), said)
    found = asyncio.run(talker.read(talker.parts()[0]))
    assert {sample.signal: sample.value for sample in found} == {"x": 214, "y": 26.8}
    with pytest.raises(NoAnswer):
        asyncio.run(talker.read(talker.parts()[0]))


def test_a_transmitter_in_automatic_mode_is_heard_message_by_message() -> None:
    """Messages and checksums of the WXT520 user's guide."""
    signals = {"ta": {"key": "Ta", "letter": "C"}, "sm": {"key": "Sm", "letter": "M"}}
    of = profile("vaisala-ascii", signals, mode="talker", crc=True)
    talker = VaisalaTalker(device(of, {"ta": "ta", "sm": "sm"}, "0"), Said())
    assert [(s.signal, s.value) for s in talker.hear(b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn\r\n", 1)] == [("ta", 22.7)]
    assert [(s.signal, s.value) for s in talker.hear(b"0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG\r\n", 1)] == [("sm", 0.1)]
    assert talker.hear(b"1r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn\r\n", 1) == [], "another transmitter"
    assert talker.hear(b"0R2,Ta=22.7C\r\n", 1) == [], "without a checksum it is not what was agreed"
    with pytest.raises(BadCheck):
        talker.hear(b"0r2,Ta=22.8C,Ua=55.5P,Pa=1004.7H@Fn\r\n", 1)


def test_a_bayern_hessen_answer_may_leave_out_addresses() -> None:
    """Serinus manuals: asked without an address, the analyser leaves out its own."""
    (block,) = parse_measurements("MD01 +8120+00 40 00 000 00000000 ")
    assert (block.address, block.value, block.status) == (None, 8.12, 0x40)
    two = parse_measurements("MD02 +1240+01 40 00 000 00000000 +3170+01 40 00 000 00000000 ")
    assert [block.value for block in two] == [12.4, 31.7]
    with pytest.raises(Garbled):
        parse_measurements("MD02 +1240+01 40 00 000 00000000 ")
