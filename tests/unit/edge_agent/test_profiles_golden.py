"""Every golden exchange of every device profile says through our decoder what its `gives` says, and only that.

The frames come from manuals or were computed apart from this decoder; the profile says which.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.commissioning.golden_exchange import WrongGolden, decoded, prove
from edge_agent.instruments.drivers import DRIVERS
from quantrac.config.devices import PROTOCOLS, AnyProfile
from quantrac.config.documents import read_document
from quantrac.config.findings import Findings
from quantrac.config.profile_files import load_profile, make_profile
from quantrac.config.profiles import HexGolden
from tests.fixtures.program import WITHIN_S

DEVICES = Path(__file__).parents[3] / "station_configs" / "devices"
PROFILES = {path.stem: load_profile(path) for path in sorted(DEVICES.glob("*.yaml"))}
RTU = [profile for profile in PROFILES.values() if profile.protocol == "modbus-rtu"]


def findings_of(path: Path) -> list[str]:
    """Return what is found wrong with a profile's golden exchanges, each as `line: key: message`."""
    findings = Findings()
    tree = read_document(path, "p", findings)
    assert tree is not None
    profile = make_profile(path.stem, tree, findings)
    assert profile is not None, findings
    prove(profile, tree, findings)
    return [f"{one.line}: {one.key}: {one.message}" for one in sorted(findings.problems)]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_gives_what_its_golden_exchanges_say(name: str) -> None:
    assert PROFILES[name].golden
    assert findings_of(DEVICES / f"{name}.yaml") == []


def test_every_protocol_of_the_files_has_a_driver() -> None:
    assert DRIVERS.keys() == PROTOCOLS.keys()


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "says"),
    [
        ("vaisala-wxt536-modbus", "86 21", "86 22", "golden.0.reply", "found CRC 86 22, allowed 86 21"),
        ("vaisala-wxt536-modbus", "11 C2", "11 C3", "golden.0.ask", "found CRC 11 C3, allowed 11 C2"),
        ("vaisala-wxt536-modbus", "[71.2, ok]", "[71.3, ok]", "golden.0.gives.humidity", "allowed [71.2, ok]"),
        ("vaisala-wxt536-modbus", "[71.2, ok]", "[71.2, suspect]", "golden.0.gives.humidity", "allowed [71.2, ok]"),
        ("vaisala-wxt536-modbus", "[null, fault]", "[0, fault]", "golden.1.gives.humidity", "allowed [null, fault]"),
        ("vaisala-wxt536", '"0R0<CR><LF>"', '"0R1<CR><LF>"', "golden.0.ask", "'0R0<CR><LF>', which our driver sends"),
        ("vaisala-wxt536", "Ta=28.4C", "Ta=28,4C", "golden.0.reply", "malformed field"),
        ("vaisala-wxt536-automatic", "MGOG", "MGOH", "golden.0.reply", "wrong CRC"),
        ("grimm-edm180", "<ETX>", "<ETX>0", "golden.0.ask", "which our driver sends"),
    ],
)  # fmt: skip
def test_a_golden_exchange_that_says_something_else_is_named_with_what_it_should_be(
    tmp_path: Path, name: str, old: str, new: str, key: str, says: str
) -> None:
    text = (DEVICES / f"{name}.yaml").read_text()
    before, there, after = text.partition("golden:")
    assert old in after, "the profile has changed"
    edited = tmp_path / f"{name}.yaml"
    edited.write_text(before + there + after.replace(old, new, 1))
    found = [one for one in findings_of(edited) if f" {key}: " in one]
    assert len(found) == 1
    assert says in found[0]
    line = int(found[0].partition(":")[0])
    assert new in edited.read_text().splitlines()[line - 1], "it stands where it was changed"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_bit_of_a_frame_may_be_another(data: st.DataObject) -> None:
    """The CRC of Modbus finds every single wrong bit: whichever is turned over, the exchange is refused."""
    profile: AnyProfile = data.draw(st.sampled_from(RTU))
    golden = data.draw(st.sampled_from(profile.golden))
    assert isinstance(golden, HexGolden)
    exchange, key = data.draw(st.sampled_from(golden.exchanges)), data.draw(st.sampled_from(["ask", "reply"]))
    frame = bytearray(getattr(exchange, key))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    damaged = [exchange.model_copy(update={key: bytes(frame)})]
    with pytest.raises(WrongGolden) as refusal:
        decoded(profile, damaged, golden.gives)
    assert (refusal.value.at, refusal.value.key) == (0, key)


def test_a_measurement_on_paper_takes_no_time(tmp_path: Path) -> None:
    """`aC!` announces a minute; on paper nobody waits for it. The CRC-less frames are those of SDI-12 1.4, 4.4."""
    (tmp_path / "slow.yaml").write_text(
        'schema: quantrac/device/1\ndevice: slow\ntitle: x\nprotocol: sdi-12\nsource: "SDI-12 1.4"\nverified: false\n'
        "signals: {water_level: {measure: C, value: 2, unit: m}, water_temp: {measure: M, value: 1, unit: Cel}}\n"
        "golden:\n  - from: computed\n    gives: {water_level: [-1.25, ok], water_temp: [28.4, ok]}\n    exchanges:\n"
        '      - {ask: "3C!", reply: "306002<CR><LF>"}\n      - {ask: "3D0!", reply: "3+20-1.25<CR><LF>"}\n'
        '      - {ask: "3M!", reply: "30601<CR><LF>3<CR><LF>"}\n      - {ask: "3D0!", reply: "3+28.4<CR><LF>"}\n'
    )
    assert findings_of(tmp_path / "slow.yaml") == []


def test_the_check_of_all_files_proves_the_profiles_also_where_no_driver_is_installed(tmp_path: Path) -> None:
    """The centre has no pymodbus, and nothing of it is a line."""
    configs = shutil.copytree(DEVICES.parent, tmp_path / "configs")
    wrong = configs / "devices/vaisala-wxt536-modbus.yaml"
    wrong.write_text(wrong.read_text().replace("[71.2, ok]", "[71.3, ok]", 1))
    script = (
        "import sys; sys.modules['pymodbus'] = sys.modules['serial'] = None\n"
        f"from quantrac.cli.main import run\nsys.argv = ['quantrac', 'stations', 'check', {str(configs)!r}]\nrun()"
    )
    root = DEVICES.parents[1]
    checked = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    assert checked.returncode == 2, checked.stderr
    assert re.fullmatch(
        rf"{wrong}:\d+:\d+: golden\.0\.gives\.humidity: found \[71\.3, ok\], allowed \[71\.2, ok\].*\n", checked.stdout
    )
