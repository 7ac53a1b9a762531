"""The field file as models: instruments, buses and stations, their signals, and the script of events.

It is the simulators' own and shares with the stations' configuration only a bus, a line setting and an address.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from quantrac.telemetry.errors import QuantracError
from simulators.faults.fault import Fault, FaultError
from simulators.faults.grammar import parse_fault
from simulators.signals.air import AirMass
from simulators.signals.script import ScriptedEpisode, ScriptedState
from simulators.signals.water import WaterBody

PACKAGED = Path(__file__).parent / "soc_trang.yaml"


class FieldError(QuantracError):
    """A field file that cannot be used."""

    exit_code = 2


def _fault(text: object) -> object:
    if not isinstance(text, str):
        raise ValueError("expected one line of text, such as late:0.45s@sondes/1")  # noqa: TRY004 (pydantic's way)
    try:
        return parse_fault(text)
    except FaultError as error:
        raise ValueError(str(error)) from error


FaultText = Annotated[Fault, BeforeValidator(_fault)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReplayOf(_Strict):
    """Which recordings a station replays, and how much earlier or later."""

    water: bool = False
    weather: bool = False
    shift_s: float = 0.0


class InstrumentPlan(_Strict):
    """One instrument at an address of a bus."""

    name: str | None = None
    instrument: str
    """A name of `simulators.field.catalogue`."""
    address: str | int
    latency_s: float = Field(0.02, ge=0)
    sleep_after_s: float | None = Field(None, gt=0)
    measuring_s: float = Field(0.5, gt=0)
    signals: list[str] = []
    codes: list[int] = Field([], max_length=32)
    count: int = Field(0, ge=0, le=65535)
    rate: float = Field(0.1, ge=0)
    reboot_s: float | None = Field(None, gt=0)
    """Of a rain bucket or pulse module: where its counter stands at first, counts a second, when it loses power."""


class BusPlan(_Strict):
    """A bus: a serial line with its settings, or a TCP address.

    `talkers` are instruments that send by themselves, `telegrams` one that answers commands, `terminal` one with a
    menu. `served` puts a serial line behind a serial-device server: bytes by TCP.
    """

    kind: Literal["modbus-rtu", "modbus-tcp", "sdi-12", "ascii", "bayern-hessen", "talkers", "telegrams", "terminal"]
    served: bool = False
    line: Annotated[str, Field(pattern=r"^\d+ [78][NEO][12]$")] = "9600 8N1"
    port: int = Field(0, ge=0, le=65535)
    instruments: list[InstrumentPlan] = Field(min_length=1)


class ScriptPlan(_Strict):
    """The script of a station; a fault is one line of `simulators.faults.grammar`, and strikes only here."""

    episodes: list[ScriptedEpisode] = []
    states: list[ScriptedState] = []
    faults: list[FaultText] = []


class StationPlan(_Strict):
    """A station: its world, its buses, its script."""

    water: WaterBody | None = None
    air: AirMass | None = None
    replay: ReplayOf = ReplayOf()
    buses: dict[str, BusPlan]
    script: ScriptPlan = ScriptPlan()


class FieldPlan(_Strict):
    """A whole field file."""

    schema_: Literal["quantrac/field/1"] = Field(alias="schema")
    seed: int = 1
    stations: dict[str, StationPlan]


def load_field(path: Path) -> FieldPlan:
    """Read and check a field file; raises FieldError naming the file and every wrong key."""
    try:
        tree = YAML(typ="safe").load(path.read_text("utf-8"))
        return FieldPlan.model_validate(tree)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise FieldError(f"{path}: cannot be read as a field file: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: found {e['input']!r}, {e['msg']}" for e in error.errors()]
        raise FieldError("\n".join(lines)) from error
