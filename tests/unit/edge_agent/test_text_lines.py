"""Lines of fields. Frames are from the makers' manuals or public protocol texts where a test says so."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.instruments import text_lines, vaisala
from edge_agent.instruments.bayern_hessen import parse_measurements
from edge_agent.instruments.text_instrument import MOST_MS
from edge_agent.instruments.text_lines import LineTalker
from edge_agent.instruments.vaisala import VaisalaTalker
from edge_agent.lines.byte_line import ByteLine
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
    found = text_lines.decode(text_lines.parse(raw, of), of.signals[name], of, others or {})
    return found._replace(why="")


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


def why(of: LineProfile, raw: bytes) -> str:
    return text_lines.decode(text_lines.parse(raw, of), of.signals["x"], of, {}).why


def test_a_null_says_in_words_what_came_instead_of_a_number() -> None:
    of = profile("line", {"x": {"field": 1, "suffix": "C", "valid": {2: "M", "q": "A"}}})
    assert why(of, b"a,23.4C,M,q=A\n") == ""
    assert why(of, b"a,??.?C,M,q=A\n") == "sends '??.?C' where a number is expected"
    assert why(of, b"a,23.4C,N,q=A\n") == "field 2 is 'N', expected 'M'"
    assert why(of, b"a,23.4C,M\n") == "field q is missing, expected 'A'"
    assert why(LINE, b"a\n") == "its field is missing"


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


def test_a_probe_of_a_talker_does_not_wait_for_ever_for_what_no_line_carries() -> None:
    class Slow(Said):
        heard = 0

        def now_ms(self) -> int:
            return 1_000 * self.heard

        async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
            self.heard += 1
            return b"$SDMTW,26.8,C*08\r\n"

    of = profile("nmea-0183", {"x": {"line": "MWV", "field": 1}, "y": {"line": "MTW", "field": 1}})
    said = Slow()
    talker = LineTalker(device(of, {"x": "x", "y": "y"}), said)
    found = asyncio.run(talker.read(talker.parts()[0]))
    assert [(sample.signal, sample.value) for sample in found] == [("y", 26.8)]
    assert said.heard == MOST_MS / 1_000


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


def test_what_a_transmitter_calls_invalid_says_so() -> None:
    """The supervisor message of the WXT520 user's guide, its heater's voltage invalid."""
    signals = {name: {"key": name, "letter": letter} for name, letter in (("Vh", "N"), ("Vs", "M"), ("Vr", "V"))}
    of = profile("vaisala-ascii", {name.lower(): signal for name, signal in signals.items()}, mode="talker", crc=True)
    talker = VaisalaTalker(device(of, {name: name for name in of.signals}, "0"), Said())
    heard = talker.hear(b"0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T\r\n", 1)
    assert {sample.signal: (sample.value, sample.why) for sample in heard} == {
        "vh": (None, "calls it invalid (#)"), "vs": (None, "sends the unit V, expected M"), "vr": (3.369, ""),
    }  # fmt: skip


def test_a_bayern_hessen_answer_may_leave_out_addresses() -> None:
    """Serinus manuals: asked without an address, the analyser leaves out its own."""
    (block,) = parse_measurements("MD01 +8120+00 40 00 000 00000000 ")
    assert (block.address, block.value, block.status) == (None, 8.12, 0x40)
    two = parse_measurements("MD02 +1240+01 40 00 000 00000000 +3170+01 40 00 000 00000000 ")
    assert [block.value for block in two] == [12.4, 31.7]
    with pytest.raises(Garbled):
        parse_measurements("MD02 +1240+01 40 00 000 00000000 ")


TELEGRAM = profile(
    "line", {"temp": {"field": 1, "suffix": "<B0>C"}, "salt": {"field": 2}}, separator=[";", "*"], decimal=",",
    start="<STX>", end="<ETX>",
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "temp", "salt"),
    [
        (b"\x02A;23,4\xb0C;1,5E+1\x03", 23.4, 15),
        (b"0F\r\n\x02A; -0,5 \xb0C ;+,25*\x03", -0.5, 0.25),
        (b"\x02A;cut o\x02A;23,4\xb0C;1,5E-001*5A\r\n\x03", 23.4, 0.15),
        (b"\x02A;23,4C;1.5\x03", None, None),
        (b"\x02A;23,4;1,2,3\x03", None, None),
        (b"\x02A\r\n23,4\xb0C\r\n7\x03", 23.4, 7),
    ],
)
def test_a_telegram_has_marks_separators_a_decimal_comma_and_glued_units(
    raw: bytes, temp: float | None, salt: float | None
) -> None:
    assert [decoded(TELEGRAM, raw, name).value for name in ("temp", "salt")] == [temp, salt]


@pytest.mark.parametrize("raw", [b"A;1,5;2\x03", b"\x02A;1,5;2", b"\x02A;\x00;2\x03", b"\x03", b"\x02A;\x81;2\x03"])
def test_what_is_no_telegram_is_garbled(raw: bytes) -> None:
    with pytest.raises(Garbled):
        text_lines.parse(raw, TELEGRAM)


CHECKED = profile(
    "line", {"x": {"field": 1}}, start="<STX>", end="<ETX>", check={"kind": "xor", "behind": "*"}, separator=";"
)
XORED = b"\x02A;3.42;1*6B\r\x03"
"""The XOR is between STX and `*`, neither counts (Thies Ultrasonic Anemometer 2D manual 6.2.1)."""


def test_a_telegram_with_a_checksum_is_believed_only_if_it_is_right() -> None:
    assert decoded(CHECKED, XORED) == Measured(3.42, State.OK)
    with pytest.raises(BadCheck, match="should be 6A"):
        text_lines.parse(XORED.replace(b"3.42", b"3.43"), CHECKED)
    for without in (XORED.replace(b"*6B", b""), XORED.replace(b"*6B", b"*6"), XORED.replace(b"*6B", b"*")):
        with pytest.raises(Garbled):
            text_lines.parse(without, CHECKED)


CHECK_VALUES = {
    "xor": "31", "sum": "DD", "negative-sum": "23", "sum16": "01DD", "crc16-modbus": "4B37", "crc16-arc": "BB3D",
    "crc16-xmodem": "31C3", "crc16-ccitt": "29B1",
}  # fmt: skip
"""Of 123456789, as catalogues of CRCs give them; XOR and sum by hand (31 hexadecimal; 477 is 1DD)."""


@pytest.mark.parametrize("kind", CHECK_VALUES)
@pytest.mark.parametrize("mark", ["*", "<ETX>"])
def test_every_kind_of_checksum_is_counted_as_its_catalogue_does(kind: str, mark: str) -> None:
    of = profile("line", {"x": {"field": 0}}, start="<STX>", end="<ETX>", check={"kind": kind, "behind": mark})
    right = CHECK_VALUES[kind].encode()
    raw = b"noise\x02123456789" + (b"\x03" + right if mark == "<ETX>" else b"*" + right + b"\x03")
    assert decoded(of, raw) == Measured(123456789, State.OK)
    with pytest.raises(BadCheck):
        text_lines.parse(raw.replace(b"789", b"788"), of)
    with pytest.raises(Garbled, match="no checksum"):
        text_lines.parse(raw[:-1] if mark == "<ETX>" else raw[:-2] + b"\x03", of)


def test_a_checksum_may_count_the_marks_as_bayern_hessen_does() -> None:
    """`<STX>DA<ETX>04` counts from STX to ETX inclusive (Thermo 49i manual, appendix C)."""
    check = {"kind": "xor", "behind": "<ETX>", "marks_count": True}
    of = profile("line", {"x": {"field": 0}}, start="<STX>", end="<ETX>", check=check)
    assert text_lines.parse(b"\x02DA\x0304", of).fields == ("DA",)
    with pytest.raises(BadCheck):
        text_lines.parse(b"\x02DA\x0305", of)


class Bytes(ByteLine):
    """A line on which these pieces come, one each time that somebody waits."""

    is_open = True

    def __init__(self, *pieces: bytes) -> None:
        super().__init__("line")
        self._pieces = list(pieces)

    async def open(self) -> None: ...

    def close(self) -> None: ...

    def write(self, data: bytes) -> None: ...

    async def _wait_for_news(self, deadline: float) -> bool:
        if self._pieces:
            self._took(self._pieces.pop(0))
            return True
        return False


def test_a_talker_is_heard_with_the_checksum_that_comes_behind_its_telegram() -> None:
    """Sums by hand: 3.42 is 33+2E+34+32 = C7, 3.43 one more."""
    of = profile("line", {"x": {"field": 0}}, start="<STX>", end="<ETX>", check={"kind": "sum", "behind": "<ETX>"})
    talker = LineTalker(device(of, {"x": "x"}), Said())
    line = Bytes(b"9;\x03FF\r\n\x023.42\x03", b"C", b"7\r\n\x023.43\x03C7\r\n\x023.43", b"\x03C8\r\n")

    async def heard() -> list[float | None]:
        values: list[float | None] = []
        while (raw := await line.next_line(talker.ending.mark, 1.0, 512, talker.ending.more)) is not None:
            with contextlib.suppress(Garbled):
                values += [sample.value for sample in talker.hear(raw, 7)]
        return values

    assert asyncio.run(heard()) == [3.42, 3.43]


KEYED = profile(
    "line",
    {"ph": {"key": "ph", "where": {"mode": "RUN", 0: "S1"}, "valid": {"q": "good", 1: "A"}}},
    separator=" ",
)


@pytest.mark.parametrize(
    ("raw", "heard"),
    [
        (b"S1 A ph=7.62 q=good mode=RUN\n", [7.62]),
        (b"S1 A mode=RUN q=bad ph=7.62\n", [None]),
        (b"S1 B mode=RUN q=good ph=7.62\n", [None]),
        (b"S1 A mode=RUN ph=7.62\n", [None]),
        (b"S1 A mode=CAL q=good ph=7.62\n", []),
        (b"S2 A mode=RUN q=good ph=7.62\n", []),
        (b"S1 A q=good ph=7.62\n", []),
    ],
)
def test_conditions_are_by_name_where_fields_have_names(raw: bytes, heard: list[float | None]) -> None:
    travelled = LineProfile.model_validate_json(KEYED.model_dump_json(by_alias=True))
    assert travelled.signals == KEYED.signals
    talker = LineTalker(device(travelled, {"ph": "ph"}), Said())
    assert [sample.value for sample in talker.hear(raw, 7)] == heard


SUMMED = profile("line", {"x": {"field": 0}}, start="<STX>", end="<ETX>", check={"kind": "sum", "behind": "<ETX>"})


@given(st.binary(max_size=80), st.sampled_from([LINE, TELEGRAM, CHECKED, SUMMED, KEYED, DUST, NMEA, GILL]))
@settings(deadline=None)
def test_whatever_comes_is_a_line_or_garbled(raw: bytes, of: LineProfile) -> None:
    for came in (raw, b"\x02" + raw + b"\x03"):
        with contextlib.suppress(Garbled):
            line = text_lines.parse(came, of)
            for signal in of.signals.values():
                assert text_lines.decode(line, signal, of, {}).state in State
                text_lines.carries(line, signal, of, None)


def test_fields_with_names_are_found_wherever_they_stand() -> None:
    """Fields that nobody knows are no harm, and lines without the field are not about it."""
    states = {"s": {0: "ok", "other": "fault"}}
    of = profile("line", {"x": {"key": "T", "suffix": "C", "status": {"key": "st", "table": "s"}}}, states=states)
    colon = profile("line", {"x": {"key": "01"}}, separator=";", equals=":")
    assert decoded(of, b"id=a=b,st=0,new=what?,T = 23.4C\r\n") == Measured(23.4, State.OK)
    assert decoded(of, b"T=23.4C,st=3\r\n") == Measured(None, State.FAULT)
    assert decoded(of, b"T=23.4C\r\n") == Measured(None, State.FAULT), "a status that is not there says nothing good"
    assert decoded(colon, b"13:200248;01:0000.125;02:7\r\n") == Measured(0.125, State.OK)
    talker = LineTalker(device(colon, {"x": "x"}), Said())
    assert [len(talker.hear(line, 7)) for line in (b"TYP OP4A\r\n", b"02:7;01:1\r\n", b"02:7\r\n")] == [0, 1, 0]


@given(st.floats(-1e9, 1e9), st.sampled_from(["{:.3f}", "{:+.4e}", "{:.2E}"]), st.sampled_from([".", ","]))
@settings(deadline=None)
def test_a_number_is_read_as_it_was_written(number: float, style: str, decimal: str) -> None:
    written = style.format(number)
    of = profile("line", {"x": {"field": 0, "suffix": "NTU"}}, separator=";", decimal=decimal)
    assert decoded(of, f"{written.replace('.', decimal)} NTU;\r\n".encode()).value == float(written)


def test_a_message_of_vaisala_may_hold_fields_that_nobody_wants() -> None:
    """`Id` is the text that a user gave the transmitter (WXT530 user's guide, supervisor message)."""
    raw = b"0R5,Th=25.9C,Vh=12.0N,Id=HEL___,Xy=1.5e3?\r\n"
    assert set(vaisala.parse(raw, "0", "R5", {"Th", "Vh"})) == {"Th", "Vh"}
    for damaged in (raw.replace(b"25.9", b"25.x"), raw.replace(b"Id=", b"Id")):
        with pytest.raises(Garbled):
            vaisala.parse(damaged, "0", "R5", {"Th", "Vh"})
