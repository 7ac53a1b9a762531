"""Faults: how they are written, whom they strike and when, and what they do to an answer."""

import json
import random
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.buses.journal import Journal
from simulators.buses.modbus import reply
from simulators.buses.mount import Mount
from simulators.faults.book import FaultBook, check
from simulators.faults.fault import KINDS, Fault, FaultError, InstrumentPlace, ScriptWindow, Takes
from simulators.faults.grammar import parse_fault, parse_faults
from simulators.faults.treatment import Treatment, treat
from simulators.instruments.exo2 import Exo2
from simulators.instruments.rain_bucket import RainBucket
from simulators.instruments.tally import Tally
from simulators.signals.script import ScriptClock
from simulators.signals.source import ProbeValue

SONDE = InstrumentPlace("st-a", "sondes", ("1", "dev2", "exo2"), has=frozenset({"probes"}))
RAIN = InstrumentPlace("st-a", "sondes", ("4", "rain-bucket"), has=frozenset({"counter"}))
LEVEL = InstrumentPlace("st-a", "level", ("0", "ott-pls"), "sdi-12")
ANALYSER = InstrumentPlace("st-b", "analysers", ("1", "T400"), "modbus-tcp")
PLACES = [SONDE, RAIN, LEVEL, ANALYSER]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("late:0.45s@dev2", Fault("late", ("dev2",), 0.45, 0.45)),
        ("late:300ms..2s,0.2@sondes/1", Fault("late", ("sondes", "1"), 0.3, 2.0, 0.2)),
        ("garble:0.5@st-a/sondes/1", Fault("garble", ("st-a", "sondes", "1"), share=0.5)),
        ("truncate@sondes", Fault("truncate", ("sondes",))),
        ("state:maint@exo2+1m..90s/5m", Fault("state", ("exo2",), state="maint", window=ScriptWindow(60, 30, 300))),
        ("dead@*+10s..+40s", Fault("dead", ("*",), window=ScriptWindow(10, 30))),
        ("exception:4,0.1@sondes/1+1.5s..", Fault("exception", ("sondes", "1"), 4, 4, 0.1, window=ScriptWindow(1.5))),
        ("clock:-90s@level/0", Fault("clock", ("level", "0"), -90, -90)),
    ],
)
def test_a_fault_says_kind_value_share_target_and_time(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("late:0.45s", "expected KIND[:VALUE][,SHARE]@TARGET"),
        ("slow:1s@a", "no kind 'slow', but dead, flap,"),
        ("late@a", "needs a value behind a colon, such as :0.45s"),
        ("late:0.45@a", "found '0.45', expected a duration such as 0.45s"),
        ("late:2s..1s@a", "expected the shorter duration first"),
        ("garble:1.5@a", "found the share '1.5', expected more than 0 and at most 1"),
        ("dead:5s@a", "found the value '5s', this kind takes none"),
        ("exception:two@a", "found 'two', expected a number"),
        ("state:tired@a", "found the state 'tired', expected ok, suspect"),
        ("dead@a+10s", "found the time +10s, expected such as +10s..+40s"),
        ("dead@a+40s..10s", "expected an end behind its beginning"),
        ("dead@a+0s..40s/30s", "no more than EVERY long"),
    ],
)
def test_what_cannot_be_understood_is_said_with_what_is_allowed(text: str, complaint: str) -> None:
    with pytest.raises(FaultError) as refused:
        parse_fault(text)
    assert f"fault {text!r}" in str(refused.value)
    assert complaint in str(refused.value)


def test_a_file_of_faults_has_one_a_line_and_comments() -> None:
    faults = parse_faults("# a bad day\n\nlate:0.45s@dev2   # slow\n  dead@level\n")
    assert [fault.text for fault in faults] == ["late:0.45s@dev2", "dead@level"]


@pytest.mark.parametrize(
    ("target", "struck"),
    [
        ("*", PLACES), ("st-a", [SONDE, RAIN, LEVEL]), ("sondes", [SONDE, RAIN]), ("sondes/1", [SONDE]),
        ("st-a/1", [SONDE]), ("dev2", [SONDE]), ("exo2", [SONDE]), ("st-a/sondes/4", [RAIN]), ("level/0", [LEVEL]),
        ("1", [SONDE, ANALYSER]), ("st-b/*/1", [ANALYSER]), ("1/sondes", []), ("st-a/analysers", []),
    ],
)  # fmt: skip
def test_a_target_names_station_bus_and_instrument_in_this_order(target: str, struck: list[InstrumentPlace]) -> None:
    fault = parse_fault(f"dead@{target}")
    assert [place for place in PLACES if fault.strikes(place)] == struck


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dead@sonde", "strikes nobody; there are st-a/sondes/1, st-a/sondes/4"),
        ("busy@level", "busy can happen only to Modbus instruments"),
        ("hangup@sondes", "hangup can happen only on Modbus TCP"),
        ("garble@analysers", "garble can happen only on a serial line"),
        ("counter:0@exo2", "counter can happen only to counters"),
        ("replaced@rain-bucket", "replaced can happen only to an instrument that lists its probes"),
    ],
)
def test_a_fault_that_can_happen_to_nobody_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(FaultError) as refused:
        check([parse_fault(text)], PLACES)
    assert complaint in str(refused.value)


def test_a_book_knows_what_is_in_force_and_can_be_switched() -> None:
    book = FaultBook([parse_fault("dead@exo2+10s..15s/60s")], PLACES)
    assert [bool(book.at(SONDE, t)) for t in (float("-inf"), 9.9, 10, 14.9, 15, 71)] == [
        False, False, True, True, False, True,
    ]  # fmt: skip
    book.switch([parse_fault("late:1s@sondes"), parse_fault("garble@analysers/1")])
    assert [fault.kind for fault in book.at(SONDE, 12)] == ["dead", "late"]
    assert [fault.kind for fault in book.at(RAIN, 12)] == ["late"]
    assert book.at(ANALYSER, 12) == (), "not on this kind of bus"
    book.switch([])
    assert book.at(RAIN, 12) == ()


def treated(*texts: str, elapsed_s: float = 0.0, seed: int = 1) -> Treatment:
    return treat([parse_fault(f"{text}@x") for text in texts], 0.02, elapsed_s, random.Random(seed))


def test_an_answer_is_as_late_as_was_asked_for_and_its_thinking_is_another_thing() -> None:
    treatment = treated("late:0.3s..2s", "latency:0.5s")
    assert 0.3 <= treatment.late_s <= 2
    assert treatment.wait_s == pytest.approx(0.52)
    assert treatment.intact


def test_a_share_strikes_about_that_share() -> None:
    chance, fault = random.Random(3), parse_fault("garble:0.25@x")
    hits = sum(treat([fault], 0, 0, chance).hit_by("garble") for _ in range(4000))
    assert 900 < hits < 1100


def test_who_flaps_is_dead_and_alive_in_turns() -> None:
    assert [treated("flap:10s", elapsed_s=t).mute for t in (0, 9.9, 10, 19.9, 20)] == [True, True, False, False, True]


@given(frame=st.binary(min_size=5, max_size=255), seed=st.integers(0, 10_000), text=st.booleans())
def test_each_damage_is_what_its_name_says(frame: bytes, seed: int, text: bool) -> None:
    wires = {}
    for kind in ("garble", "truncate", "noise-before", "noise-after"):
        treatment = treated(kind, seed=seed)
        wires[kind] = treatment.damaged(frame, text=text)
        assert wires[kind] == treatment.damaged(frame, text=text), "drawn when it was asked"
        assert treatment.intact == kind.startswith("noise")
    changed = [at for at, (a, b) in enumerate(zip(frame, wires["garble"], strict=True)) if a != b]
    assert 1 <= len(changed) <= 2
    assert changed[-1] - changed[0] <= 1
    assert not text or all((frame[at] ^ wires["garble"][at]) & 0x80 for at in changed)
    assert frame.startswith(wires["truncate"])
    assert 0 < len(wires["truncate"]) < len(frame)
    assert wires["noise-before"].endswith(frame)
    assert 1 <= len(wires["noise-before"]) - len(frame) <= 4
    assert wires["noise-after"].startswith(frame)


def test_a_split_answer_pauses_in_its_middle() -> None:
    assert treated("split:0.1s").pieces(b"abcd") == [(0.0, b"ab"), (0.1, b"cd")]
    assert treated().pieces(b"abcd") == [(0.0, b"abcd")]


def mounted(tmp_path: Path, instrument: Any, place: InstrumentPlace, *texts: str) -> Mount[Any]:
    book = FaultBook([parse_fault(text) for text in texts], [place])
    return Mount("sondes", place.names[0], instrument, Journal(tmp_path / "st-a.jsonl"), place=place, book=book)


def registers(pdu: bytes) -> list[int]:
    return [int.from_bytes(pdu[at : at + 2]) for at in range(2, len(pdu), 2)]


ASK_FOUR = bytes([3, 0, 2, 0, 4])


@pytest.mark.parametrize(
    ("texts", "wire"),
    [
        ([], [0, 65, 0, 66]),
        (["swapped@1"], [65, 0, 66, 0]),
        (["length@1"], [0, 65, 0]),
        (["exception:4@1"], bytes([0x83, 4])),
        (["busy@1"], bytes([0x83, 6])),
    ],
)
def test_faults_of_the_slave_itself_have_valid_frames(
    tmp_path: Path, texts: list[str], wire: list[int] | bytes
) -> None:
    mount = mounted(tmp_path, Tally(), SONDE, *texts)
    made, changed = reply(mount, ASK_FOUR, 100.0, mount.asked(100.0))
    if isinstance(wire, bytes):
        assert made == changed == wire
        return
    assert registers(made) == [0, 65, 0, 66], "request 1, pairs 1 and 2: 64 + 1, 64 + 2"
    assert registers(changed) == wire
    entries = [json.loads(line) for line in (tmp_path / "st-a.jsonl").read_text().splitlines()]
    assert [(entry["signal"], entry["value"]) for entry in entries] == [("tally_1", 65), ("tally_2", 66)]
    assert all(entry.get("sent", True) is not bool(texts) for entry in entries)


def test_holes_are_refused_only_when_they_are_read_across(tmp_path: Path) -> None:
    rain = RainBucket(ScriptClock(), 100, 1, None)  # register 0 counts, register 1 is there and empty
    mount = mounted(tmp_path, rain, RAIN, "holes@rain-bucket")
    assert reply(mount, bytes([3, 0, 0, 0, 1]), 5.0, mount.asked(5.0))[0] == bytes([3, 2, 0, 100])
    assert reply(mount, bytes([3, 0, 0, 0, 2]), 5.0, mount.asked(5.0))[0] == bytes([0x83, 2])


def counts(mount: Mount[Any], times: Sequence[float]) -> list[int | None]:
    shown: list[int | None] = []
    for t in times:
        treatment = mount.asked(t)
        made, _ = reply(mount, bytes([3, 0, 0, 0, 1]), t, treatment)
        shown.append(None if treatment.mute else registers(made)[0])
    return shown


def test_a_counter_is_stuck_jumps_rolls_over_and_forgets(tmp_path: Path) -> None:
    script = ScriptClock()
    mount = mounted(
        tmp_path, RainBucket(script, 100, 1, None), RAIN,
        "frozen@4+2s..5s", "counter:65534@4+6s..7s", "reboot@4+10s..12s",
    )  # fmt: skip
    mount.script = script
    times = [1000, 1001, 1002, 1004, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013]
    assert counts(mount, times) == [100, 101, 102, 102, 105, 65534, 65535, 0, 1, None, 0, 1]


def test_a_clock_goes_wrong_by_an_offset_and_by_a_drift(tmp_path: Path) -> None:
    mount = mounted(tmp_path, None, SONDE, "clock:-90s@1+0s..10s", "drift:0.5@1+10s..")
    mount.asked(1000.0)
    assert [mount.seen(t) for t in (1001.0, 1010.0, 1014.0)] == [911.0, 1010.0, 1016.0]


def test_a_swapped_probe_changes_the_order_of_codes_and_values(tmp_path: Path) -> None:
    """Codes from register 128, values low word first from 384: 1 is °C, 18 pH, 212 oxygen in mg/l."""
    sources = {"water_temp": 25.0, "ph": 7.5, "do": 4.5}

    def probe(value: float) -> Callable[[float], ProbeValue]:
        return lambda _: ProbeValue(value)

    exo = Exo2({name: probe(value) for name, value in sources.items()}, [1, 18, 212])
    mount = mounted(tmp_path, exo, SONDE, "replaced@exo2+10s..")
    shown = []
    for t in (1000.0, 1011.0, 1012.0):
        treatment = mount.asked(t)
        codes = registers(reply(mount, bytes([3, 0, 128, 0, 4]), t, treatment)[0])
        words = registers(reply(mount, bytes([3, 1, 128, 0, 6]), t, treatment)[0])
        values = [struct.unpack(">f", struct.pack(">HH", high, low))[0] for low, high in pairwise(words)][::2]
        shown.append((codes, values))
    assert shown == [
        ([1, 18, 212, 0], [25.0, 7.5, 4.5]), ([18, 212, 1, 0], [7.5, 4.5, 25.0]), ([18, 212, 1, 0], [7.5, 4.5, 25.0]),
    ]  # fmt: skip


def test_an_address_moves(tmp_path: Path) -> None:
    mount = mounted(tmp_path, None, SONDE, "address:5@1+10s..")
    mount.asked(1000.0)
    assert (mount.unit(1001.0), mount.unit(1011.0)) == ("1", "5")


def test_every_kind_can_be_written_as_its_help_and_the_page_of_the_simulators_show_it() -> None:
    page = (Path(__file__).parents[3] / "docs/simulators.md").read_text("utf-8")
    for name, kind in KINDS.items():
        assert parse_fault(f"{name}{kind.sample}@x").kind == name
        assert kind.takes is Takes.NOTHING or kind.sample
        assert f"| `{name}{kind.sample}` | {kind.does}" in page, name
