"""The field file, the journal and what a mount does with the script."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from simulators.buses.journal import Journal, ServedValue
from simulators.buses.mount import Mount
from simulators.field.plan import PACKAGED, FieldError, load_field
from simulators.field.station import Recordings, mount_station
from simulators.lines.wire import Wire, WireSettings


def test_the_packaged_field_has_the_six_stations_and_the_dip_of_the_demo() -> None:
    field = load_field(PACKAGED)
    assert list(field.stations) == [
        "st-my-thanh", "st-tran-de", "st-dai-ngai", "st-vinh-chau", "st-cu-lao-dung", "st-tp-soc-trang",
    ]  # fmt: skip
    (dip,) = field.stations["st-cu-lao-dung"].script.episodes
    assert (dip.signal, dip.start_s, dip.for_s, dip.to) == ("do", 15, 12, 2.4)
    assert field.stations["st-my-thanh"].replay.water
    assert field.stations["st-vinh-chau"].replay.weather


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("schema: quantrac/field/2\nstations: {}", "schema"),
        ("schema: quantrac/field/1\nstations: {a: {buses: {}, colour: red}}", "stations.a.colour: found 'red'"),
        ("schema: quantrac/field/1\nstations: {a: {buses: {b: {kind: sdi-12, line: 9600, instruments: []}}}}", "line"),
        ("{", "cannot be read"),
        (
            "schema: quantrac/field/1\nstations: {a: {buses: {}, script: {faults: [slow@b/1]}}}",
            "stations.a.script.faults.0: found 'slow@b/1', Value error, fault 'slow@b/1': no kind 'slow', but dead,",
        ),
    ],
)
def test_a_bad_field_file_is_refused_with_its_keys(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "field.yaml"
    file.write_text(text)
    with pytest.raises(FieldError, match=r"field\.yaml") as refused:
        load_field(file)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("station", "complaint"),
    [
        (
            "buses: {b: {kind: bayern-hessen, instruments: [{instrument: grimm-edm180, address: 0}]}}",
            "needs the signal 'pm10'",
        ),
        (
            "buses: {b: {kind: sdi-12, instruments: [{instrument: ott-pls, address: 0}]}}\n"
            "    water: {}\n    script: {episodes: [{signal: do2, start_s: 1, for_s: 1, to: 1}]}",
            "signal 'do2' is not measured here",
        ),
        (
            "buses: {b: {kind: sdi-12, instruments: [{instrument: ott-plus, address: 0}]}}",
            "st-a.buses.b: no instrument 'ott-plus', but T100, ",
        ),
    ],
)
def test_a_field_whose_instruments_are_unknown_or_lack_signals_is_refused(
    tmp_path: Path, station: str, complaint: str
) -> None:
    file = tmp_path / "field.yaml"
    file.write_text(f"schema: quantrac/field/1\nstations:\n  st-a:\n    {station}\n")
    plan = load_field(file).stations["st-a"]
    with pytest.raises(FieldError) as refused:
        mount_station("st-a", plan, 1, Recordings(None, None), tmp_path, lambda: 0.0)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(("text", "character_us"), [("9600 8N1", 1042), ("19200 8E1", 573), ("1200 7E1", 8333)])
def test_a_character_takes_its_start_data_parity_and_stop_bits(text: str, character_us: int) -> None:
    assert round(WireSettings.parse(text).character_s * 1e6) == character_us
    with pytest.raises(ValueError, match=text.replace(" ", "/")):
        WireSettings.parse(text.replace(" ", "/"))


def test_a_wire_delivers_everything_in_order_at_its_speed() -> None:
    wire = Wire(WireSettings(9600), chunk_s=0.008)
    first = wire.put(bytes(range(100)), now=10.0)
    second = wire.put(b"after", now=10.0)
    assert b"".join(piece for _, piece in first) == bytes(range(100))
    assert first[-1][0] == pytest.approx(10 + 100 * 10 / 9600)
    assert second[-1][0] == pytest.approx(10 + 105 * 10 / 9600)  # waits until the line is free
    times = [due for due, _ in first]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 0.0085


def test_the_journal_is_in_the_file_at_once_with_the_exact_value(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "st-a.jsonl")
    journal.record(1795490400.1234, "sondes", "1", [ServedValue("do", 4.210000038146973, "mg/L")])
    old = ServedValue("pm10", 17520.0, "ng/m3", "fault", measured=1795490400.0)
    journal.record(1795490401.0, "dust", "", [old], ["late", "garble"], sent=False, late_s=0.5)
    lines = [json.loads(line) for line in (tmp_path / "j" / "st-a.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "t": 1795490400123, "bus": "sondes", "address": "1", "signal": "do", "value": 4.210000038146973,
        "unit": "mg/L", "state": "ok",
    }  # fmt: skip
    assert (lines[1]["sent"], lines[1]["faults"], lines[1]["left"]) == (False, ["late", "garble"], 1795490401500)
    assert lines[1]["measured"] == 1795490400000


def test_a_sleeping_instrument_misses_what_wakes_it(tmp_path: Path) -> None:
    mount = Mount("sondes", "1", None, Journal(tmp_path / "a"), sleep_after_s=30)
    assert [mount.hear(t) for t in (0.0, 2.0, 32.0, 62.1, 63.0)] == [False, True, True, False, True]
