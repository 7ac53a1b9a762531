"""Frames of the instruments' manuals and of the SDI-12 specification, the manuals' own misprints among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.instruments import bayern_hessen, sdi12, vaisala
from edge_agent.readings.misses import Garbled, RequestRefused

SDI12_FRAMES = [  # specification v1.4, 4.4.12.3 and its test suites; the last two Gill's manual
    ("0+3.14OqZ", [3.14]),
    ("0+3.14+2.718+1.414Ipz", [3.14, 2.718, 1.414]),
    ("0+1.11+2.22+3.33+4.44+5.55+6.66I]q", [1.11, 2.22, 3.33, 4.44, 5.55, 6.66]),
    ("0+7.77+8.88+9.99IvW", [7.77, 8.88, 9.99]),
    ("0+3.14+2.718IWO", [3.14, 2.718]),
    ("0+2.718Gbc", [2.718]),
    ("0+1.414GtW", [1.414]),
    ("1+1.23+2.34+345+4.4678KoO", [1.23, 2.34, 345, 4.4678]),
    ("0AP@", []),
    ("0+1.234+25.31Fi@", [1.234, 25.31]),
    ("3+7.12+25.4+812+6.85GHc", [7.12, 25.4, 812, 6.85]),
    ("a+4.987+27.6A@_", [4.987, 27.6]),
    ("0+192+000.07+267+999.9+0000DQ^", [192, 0.07, 267, 999.9, 0]),
    ("0+168+000.02+0000GbT", [168, 0.02, 0]),
]


@pytest.mark.parametrize(("line", "values"), SDI12_FRAMES)
def test_sdi12_data_with_crc(line: str, values: list[float]) -> None:
    assert sdi12.parse_data(line, line[0], crc=True) == values


@given(st.sampled_from(SDI12_FRAMES), st.data())
def test_no_single_wrong_character_of_an_sdi12_answer_passes(
    frame: tuple[str, list[float]], data: st.DataObject
) -> None:
    line = frame[0]
    place = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != line[place]))
    with pytest.raises(Garbled):
        sdi12.parse_data(line[:place] + other + line[place + 1 :], line[0], crc=True)


@pytest.mark.parametrize("line", ["0+1.2.3", "0 1.2", "0+", "0+12345678", "1+1.0", "", "0+nan", "0+1e5"])
def test_what_is_no_sdi12_answer_is_refused(line: str) -> None:
    with pytest.raises(Garbled):
        sdi12.parse_data(line, "0", crc=False)


def test_sdi12_announcements() -> None:
    assert sdi12.parse_announcement("00029", "0") == (2, 9)
    assert sdi12.parse_announcement("001220", "0") == (12, 20)
    for line in ("10029", "0002", "0xx29", "0002999"):
        with pytest.raises(Garbled):
            sdi12.parse_announcement(line, "0")


@pytest.mark.parametrize(
    ("kind", "crc", "command"),
    [("M", False, "0M!"), ("M1", True, "0MC1!"), ("C", True, "0CC!"), ("R0", True, "0RC0!"), ("R0", False, "0R0!")],
)
def test_sdi12_commands(kind: str, crc: bool, command: str) -> None:
    assert sdi12.measurement_command("0", kind, crc=crc) == command


@pytest.mark.parametrize(
    ("address", "frame"),
    [(None, "02 44 41 03 30 34"), (1, "02 44 41 30 30 31 03 33 35"), (97, "02 44 41 30 39 37 03 33 41")],
)
def test_bayern_hessen_requests_of_the_manuals(address: int | None, frame: str) -> None:
    assert bayern_hessen.request(address) == bytes.fromhex(frame)
    assert bayern_hessen.request(None, checked=False) == b"\x02DA\r"


@pytest.mark.parametrize(
    ("text", "value"),
    [("+2578+01", 25.78), ("+5681+00", 5.681), ("-5384+06", -5_384_000), ("+4567-02", 0.04567), ("+0000+00", 0)],
)
def test_bayern_hessen_values_of_thermo_s_manual(text: str, value: float) -> None:
    assert bayern_hessen.parse_value(text) == value


MD_FRAMES = [
    (b"\x02MD01 001 +2578+01 00 00 000 000000 \x0321", [(1, 25.78, 0, 0)]),
    (
        b"\x02MD03 001 +1240+01 40 00 007 000000 002 +3170+01 40 00 007 000000 003 +4410+01 40 00 007 000000 \x032A",
        [(1, 12.4, 0x40, 0), (2, 31.7, 0x40, 0), (3, 44.1, 0x40, 0)],
    ),
    (b"\x02MD01 005 +3100-01 04 00 000 000000 \x032D", [(5, 0.31, 4, 0)]),
    (b"\x02MD01 005 +8120+01 02 02 000 000000 \x0326", [(5, 81.2, 2, 2)]),
    (
        b"\x02MD03 001 +2578+01 03 04 0000000000 002 +5681+00 03 04 0000000000 003 +1175+01 03 04 0000000000 \r",
        [(1, 25.78, 3, 4), (2, 5.681, 3, 4), (3, 11.75, 3, 4)],
    ),
    (b"\x02MD00 \x03" + bayern_hessen.block_check(b"\x02MD00 \x03"), []),
]


@pytest.mark.parametrize(("raw", "blocks"), MD_FRAMES)
def test_bayern_hessen_replies(raw: bytes, blocks: list[tuple[int, float, int, int]]) -> None:
    for noise in (b"", b"\x00\xff7"):
        assert bayern_hessen.parse_measurements(bayern_hessen.unframe(noise + raw)) == blocks


def test_a_dump_of_a_real_bam_keeps_its_error_byte_on_one_channel() -> None:
    text = (
        "MD11 001 -1500-02 82 00 001 000000 002 +7116-01 82 00 001 000000 003 +7015-01 82 00 001 000000 "
        "004 -4065-03 82 00 001 000000 005 +7976-01 82 00 001 000000 006 +0000+00 82 40 001 000000 "
        "007 +3238-02 82 00 001 000000 008 +2099+01 82 00 001 000000 009 +5352+01 82 00 001 000000 "
        "010 +7595+02 82 00 001 000000 011 +0000+00 82 00 001 000000 "
    )
    blocks = bayern_hessen.parse_measurements(text)
    assert blocks[0].value == -0.015
    assert [block.address for block in blocks if block.error] == [6]
    assert blocks[9].value == 759.5


@given(st.sampled_from([raw for raw, blocks in MD_FRAMES if b"\x03" in raw and blocks]), st.data())
def test_no_single_flipped_bit_of_a_checked_reply_gives_a_value(raw: bytes, data: st.DataObject) -> None:
    place, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 6))
    damaged = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
    with pytest.raises(Garbled):
        bayern_hessen.parse_measurements(bayern_hessen.unframe(damaged))


@pytest.mark.parametrize(
    "text", ["MD02 001 +2578+01 00 00 000 000000 ", "MD01 001 +2578+01 00", "MD01 junk", "ME01", "MD1", "MDxx 001"]
)
def test_an_incomplete_bayern_hessen_reply_is_refused(text: str) -> None:
    with pytest.raises(Garbled):
        bayern_hessen.parse_measurements(text)


@pytest.mark.parametrize(
    ("message", "frame"), [("r0", "0r0Kld"), ("r1", "0r1Goe"), ("r2", "0r2Gje"), ("r3", "0r3Kid"), ("r5", "0r5Kcd")]
)
def test_vaisala_commands_with_crc(message: str, frame: str) -> None:
    assert vaisala.request("0", message) == frame.encode() + b"\r\n"
    assert vaisala.request("0") == b"0R0\r\n"


@pytest.mark.parametrize(
    ("line", "message", "fields"),
    [
        ("0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG", "r1", {"Sn": (0.1, "M"), "Sm": (0.1, "M"), "Sx": (0.1, "M")}),
        ("0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn", "r2", {"Ta": (22.7, "C"), "Ua": (55.5, "P"), "Pa": (1004.7, "H")}),
        ("0r3,Rc=0.00M,Rd=0s,Ri=0.0MIlm", "r3", {"Rc": (0, "M"), "Rd": (0, "s"), "Ri": (0, "M")}),
        (
            "0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T", "r5",
            {"Th": (25, "C"), "Vh": (10.6, "#"), "Vs": (10.8, "V"), "Vr": (3.369, "V")},
        ),
        ("0R0,Dm=214D,Ta=-28.4C", "R0", {"Dm": (214, "D"), "Ta": (-28.4, "C")}),
    ],
)  # fmt: skip
def test_vaisala_answers_of_the_manual(line: str, message: str, fields: dict[str, tuple[float, str]]) -> None:
    assert vaisala.parse(line.encode() + b"\r\n", "0", message) == fields


def test_the_misprinted_frame_of_the_vaisala_manual_is_refused_and_its_true_crc_passes() -> None:
    text = "0r1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2M"
    right = sdi12.crc_characters(text)
    assert right == "J\\Y"
    assert vaisala.parse((text + right).encode(), "0", "r1")["Sx"] == (2.2, "M")
    with pytest.raises(Garbled, match="wrong CRC"):
        vaisala.parse((text + "LFj").encode(), "0", "r1")


def test_an_error_text_of_the_transmitter_is_a_refusal() -> None:
    with pytest.raises(RequestRefused, match="Use chksum"):
        vaisala.parse(b"0tX,Use chksum GoeIU~\r\n", "0", "r1")


@pytest.mark.parametrize(
    "line",
    [b"1R0,Ta=1.0C", b"0R0", b"0R0,Ta=", b"0R0,Ta=1.0", b"0R0,Ta=1e9C", b"0R0,Ta=\xb11.0C", b"0R0,Ta=1.0C,", b""],
)
def test_a_damaged_vaisala_line_gives_nothing(line: bytes) -> None:
    with pytest.raises(Garbled):
        vaisala.parse(line, "0")


@pytest.mark.parametrize(
    ("address", "letter", "frame"),
    [(843, "K", b"\x02ST843 K\x0352"), (1, "N", b"\x02ST001 N\x0359"), (1, "M", b"\x02ST001 M\x035A")],
)
def test_bayern_hessen_controls_of_the_manuals(address: int, letter: str, frame: bytes) -> None:
    assert bayern_hessen.control(address, letter) == frame
    assert bayern_hessen.control(address, letter, checked=False) == frame[:-3] + b"\r"
