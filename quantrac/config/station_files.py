"""Station files as technicians write them (`station_configs/stations/`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from quantrac.config.bus_places import Port
from quantrac.config.devices import BusKind
from quantrac.config.fields import (
    Day,
    Duration,
    DurationOrOff,
    Flag,
    Kebab,
    LimitOrOff,
    Line,
    Model,
    PositiveDuration,
    Rate,
    Real,
    ScoreOrOff,
    ShareOrOff,
    Size,
    Snake,
    Span,
    StateWord,
    Whole,
    matched,
    matching,
    refused,
)
from quantrac.config.stations import Location, Modem
from quantrac.telemetry.indices.formulas import FormulaName
from quantrac.telemetry.states import State
from quantrac.telemetry.words import Words

SERIAL_KINDS = ("modbus-rtu", "modbus-ascii", "sdi-12", "ascii", "bayern-hessen")
CLIMATE = 14
"""Numbers of what is usual of a channel: 13 figures and a limit."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class StationDefaults(Model):
    """What the station's devices have unless they say otherwise; what is absent comes from network.yaml."""

    sample_ms: PositiveDuration | None = Field(default=None, alias="sample")
    report_ms: PositiveDuration | None = Field(default=None, alias="report")
    valid_share: Real | None = Field(default=None, gt=0, le=1)
    housekeeping_ms: PositiveDuration | None = Field(default=None, alias="housekeeping")


class Rs485Spec(Model):
    """RS-485 by the port's own driver, for transceivers that need RTS to switch their direction."""

    rts_on_send: Flag = True
    rts_after_send: Flag = False
    before_ms: Duration = Field(default=0, alias="before")
    after_ms: Duration = Field(default=0, alias="after")
    rx_during_tx: Flag = False


class BusSpec(Model):
    """A serial line (`port`, `line`) or a network endpoint (`host`, `port`); any line may hang behind one."""

    kind: BusKind
    port: Port
    host: str | None = None
    line: Line | None = None
    echo: Flag = False
    rs485: Rs485Spec | None = None
    gap_ms: PositiveDuration = Field(default=5, alias="gap")
    guard_ms: PositiveDuration = Field(default=400, alias="guard")

    @model_validator(mode="after")
    def _place(self) -> BusSpec:
        if self.host is None and (not isinstance(self.port, str) or self.line is None or self.kind not in SERIAL_KINDS):
            raise refused(
                "{kind, port: /dev/…, line: 9600 8N1} for a serial line"
                if self.kind in SERIAL_KINDS
                else "{kind, host: name, port: number}"
            )
        if self.host is not None and not isinstance(self.port, int):
            raise refused("a TCP port number beside host")
        if self.host is not None and self.rs485 is not None:
            raise refused("rs485 beside a serial port; a serial-device server switches by itself")
        return self


def _address(value: object) -> int | str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value is None or is_number or isinstance(value, str):
        return value  # type: ignore[return-value]
    raise refused('a number, or a character in quotes such as "0"')


Address = Annotated[int | str | None, PlainValidator(_address), WithJsonSchema({"type": ["integer", "string", "null"]})]


class AdjustSpec(Model):
    """A technician's correction: `value * scale + offset`, with who, when and why."""

    scale: Real = 1.0
    offset: Real = 0.0
    since: Day
    by: str
    why: str


GREATEST_FIGURE: Final = 1e12
"""No unit of the catalogue has values so great."""


def _climate(value: object) -> object:
    numbers = value if isinstance(value, (list, tuple)) else ()
    if len(numbers) != CLIMATE or not all(map(_is_figure, numbers)) or numbers[-1] <= 0:
        raise refused(f"the {CLIMATE} numbers that quantrac quality fit prints")
    return tuple(float(each) for each in numbers)


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float)) and type(value) is not bool and abs(value) < GREATEST_FIGURE  # no nan either


class LedgerSpec(Model):
    """What the service ledger takes a sensor for; what is absent is as usual for the parameter."""

    accuracy: Real | None = Field(default=None, gt=0, le=GREATEST_FIGURE)
    """A sensor in order is wrong by so much at most, in the catalogue's unit, or by `percent`, whichever is more."""
    percent: Real | None = Field(default=None, gt=0, le=100)
    """Of the reading."""
    confidence: Real | None = Field(default=None, gt=0, lt=1)
    """Least confidence of what is proposed."""
    proposals: Flag | None = None
    """False: it proposes nothing."""


MODEL: Final = r"models/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json"


def _model(value: object) -> object:
    if value in ("off", "", False):
        return ""
    return matched(MODEL, value, "off, or a file of the folder models beside stations, such as models/turbidity.json")[
        0
    ]


class QualitySpec(Model):
    """Limits of the quality tests with a history; what is absent is as usual for the parameter."""

    spike: LimitOrOff | None = None
    """Suspect from so far beside the mean of the two neighbours, in the catalogue's unit; three times that fails."""
    flat: DurationOrOff | None = None
    """Suspect when unchanged for so long; twice that fails."""
    rate: LimitOrOff | None = None
    """Suspect when it moves further than so much an hour, in less time less by the root; three times that fails."""
    out_of_water: ScoreOrOff | None = None
    """Of the whole device: blamed from so many times the evidence that it needs as shipped; so with those below."""
    thermometer: ScoreOrOff | None = None
    thermometer_step: ScoreOrOff | None = None
    failing: ScoreOrOff | None = None
    frozen: ScoreOrOff | None = None
    erratic: ScoreOrOff | None = None
    ph_oxygen: ScoreOrOff | None = None
    supersaturated: ShareOrOff | None = None
    """High above the sea less than 1: the share of the sea level's air pressure."""
    burst: ScoreOrOff | None = None
    fouled: ScoreOrOff | None = None
    oxygen_pair: ScoreOrOff | None = None
    salinity_pair: ScoreOrOff | None = None
    dust_pair: ScoreOrOff | None = None
    nitrogen_pair: ScoreOrOff | None = None
    zero_drift: ScoreOrOff | None = None
    gas_check: ScoreOrOff | None = None
    humid_dust: ScoreOrOff | None = None
    attenuated: ScoreOrOff | None = None
    neighbours: ScoreOrOff | None = None
    """Of the stations around, where at least two measure the same."""
    climatology: Annotated[tuple[float, ...], BeforeValidator(_climate), WithJsonSchema({"type": "array"})] | None = (
        None
    )
    """What is usual of the channel by season, hour and tide, and the limit: made by `quantrac quality fit`."""
    trained: Annotated[str, BeforeValidator(_model), WithJsonSchema({"type": "string"})] | None = None
    """File of a model that `quantrac quality train` made; it judges where its own score is good. Off is empty."""

    ledger: LedgerSpec = LedgerSpec()

    def limits(self) -> dict[str, float]:
        """Return what is said: the limit by test (seconds for `flat`), 0 for off; keys of the ledger with `ledger_`."""
        told = self.model_dump(exclude={"climatology", "trained", "ledger"})
        ledger = self.ledger.model_dump(exclude={"proposals"})
        told |= {f"ledger_{name}": said for name, said in ledger.items()}
        if self.ledger.proposals is not None:
            told["ledger_off"] = float(not self.ledger.proposals)
        return {name: limit for name, limit in told.items() if limit is not None}


class ChannelSpec(Model):
    """What a channel adds to its signal; `{}` is exactly as the profile says."""

    parameter: str | None = None
    signal: Snake | None = None
    """Key in the profile's signals; absent: the channel's own name."""
    input: Whole | None = Field(default=None, ge=0, le=63)
    """Digital input of an I/O module: signal `input_<n>`, or `count_<n>` with `mm_per_tip`."""
    invert: Flag = False
    mm_per_tip: Real | None = Field(default=None, gt=0)
    """Rain gauge: millimetres a pulse."""
    debounce_ms: PositiveDuration | None = Field(default=None, alias="debounce")
    """A change of a contact counts when it has held so long."""
    expect: Span | None = None
    statistics: tuple[Literal["count", "min", "max", "sd"], ...] = ()
    """Series of their own beside the mean: `do_min` and so on."""
    quality: QualitySpec = QualitySpec()
    """Limits of its own for the tests with a history; else those of network.yaml."""
    resolution: Real | None = Field(default=None, gt=0)
    """The smallest step that is told, in the catalogue's unit; absent: what the profile says of the signal."""
    adjust: AdjustSpec | None = None
    datum_offset: Real = 0.0

    @model_validator(mode="after")
    def _one_source(self) -> ChannelSpec:
        if self.signal is not None and self.input is not None:
            raise refused("signal or input, not both")
        if self.mm_per_tip is not None and self.input is None:
            raise refused("input beside mm_per_tip")
        return self


WINDOW = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)"


def parse_window(text: object) -> tuple[int, int, int]:
    """Return weekday (0 Monday), first and last minute after midnight of `Mon 08:00-09:00`."""
    match = matched(WINDOW, text, 'a weekly window such as "Mon 08:00-09:00"')
    start, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
    if start >= end:
        raise refused("a window that begins before it ends, on one day")
    return WEEKDAYS.index(match[1]), start, end


class CalibrationSpec(Model):
    """When a device is calibrated, and how it says so."""

    zero: Snake | None = None
    """Signal of the profile that reads 1 while zero gas is measured: then the channels have series `<name>_zero`."""
    span: Snake | None = None
    """The same for span gas."""
    every_ms: PositiveDuration | None = Field(default=None, alias="every")
    window: (
        Annotated[tuple[int, int, int], BeforeValidator(parse_window), WithJsonSchema({"type": "string"})] | None
    ) = None


def _empty(value: Any) -> Any:
    """`do:` without anything is `do: {}`."""
    return {} if value is None else value


AnyChannel = Annotated[ChannelSpec, BeforeValidator(_empty, json_schema_input_type=ChannelSpec | None)]


class DeviceSpec(Model):
    """One instrument on one bus."""

    profile: Kebab
    bus: str
    address: Address = None
    same_instrument: Kebab | None = None
    """Another device with this bus and address: both are one instrument, read by two profiles."""
    serial: str = ""
    sample_ms: PositiveDuration | None = Field(default=None, alias="sample")
    report_ms: PositiveDuration | None = Field(default=None, alias="report")
    valid_share: Real | None = Field(default=None, gt=0, le=1)
    timeout_ms: PositiveDuration | None = Field(default=None, alias="timeout")
    channels: dict[Snake, AnyChannel]
    calibration: CalibrationSpec | None = None
    signals: dict[Snake, Any] = Field(default_factory=dict)
    """Laid over the profile's signals, key by key: a register that is elsewhere, a signal that it lacks."""
    signal_defaults: dict[str, Any] = Field(default_factory=dict)
    """Laid over the profile's `defaults`: a byte order that was chosen in the instrument's menu."""
    tables: dict[Snake, Snake] = Field(default_factory=dict)
    """State tables of the profile to use in the place of others: firmware that codes its status otherwise."""


class DerivedSpec(Model):
    """A channel that the centre makes of others of the station."""

    formula: FormulaName
    of: Snake | None = None
    """The channel of which a mean is made; for other formulas see `inputs`."""
    inputs: dict[Snake, Snake] = Field(default_factory=dict)
    """Input of the formula → channel, where the name is not the usual one."""
    probe: Literal["ion", "total"] | None = None
    """What the ammonium probe reports (toxic-ammonia): ionised nitrogen N-NH4+, or total ammonia nitrogen."""


class CameraSpec(Model):
    """A camera whose pictures are sent."""

    url: Annotated[str, matching(r"https?://[^@?]+(\?.*)?", "http://host/path, the login in QUANTRAC_CAMERA_LOGIN")]
    """`{width}` and `{height}` in it are replaced, for cameras that scale; the agent scales what is still larger."""
    every_ms: PositiveDuration = Field(alias="every")
    on_alarm: Flag = False
    max_kb: Whole = Field(default=150, ge=1, le=240)
    """A larger picture is made smaller; the broker takes 256 KiB."""
    width: Whole = Field(default=640, ge=16)
    height: Whole = Field(default=480, ge=16)


class ClockSpec(Model):
    """When the agent believes its clock: from `not_before` on, or only once it was synchronised since the boot."""

    trust: Literal["date", "synchronised"] = "date"
    not_before: Day | None = None


class BoxSpec(Model):
    """What the agent's own computer has; each gives it a channel."""

    cpu_temp: Flag = False
    """A sensor of its own (`/sys/class/thermal`)."""
    modem: Modem | None = None
    """Signal strength."""


class MaintenanceSpec(Model):
    """A switch (`device/channel`) that puts the station into a state while it is 1."""

    switch: str
    state: StateWord = State.MAINT
    ends_after_ms: PositiveDuration = Field(default=4 * 3_600_000, alias="ends_after")


class SpoolSpec(Model):
    """How long and how much the edge keeps on its own disk. Sixty days: Circular 10/2021/TT-BTNMT, article 39."""

    keep_ms: PositiveDuration = Field(default=60 * 86_400_000, alias="keep")
    """A shorter time is warned of, not refused."""
    size_bytes: Size = Field(default=4_000_000_000, alias="size")


class BackfillSpec(Model):
    """How fast old messages are sent after an outage."""

    max_rate: Rate = 500.0


IN_FOLDER = ("code", "yyyy", "MM", "dd")
IN_NAME = (*IN_FOLDER, "HH", "mm", "ss")


def _folder(text: object) -> object:
    """A relative path of plain characters and placeholders, such as `{code}/{yyyy}/Thang{MM}`; empty: no folder."""
    step = rf"(?:[\w .-]|{{(?:{'|'.join(IN_FOLDER)})}})+"
    found = matched(rf"(?:{step}(?:/{step})*)?", text, f"folders of {_placeholders(IN_FOLDER)}, parted by /")[0]
    if ".." in found or any(not each.strip() for each in found.split("/") if found):
        raise refused("folders below the receiver's root, without ..")
    return found


def _file(text: object) -> object:
    """A name with all the placeholders that tell the slots apart."""
    found = matched(rf"(?:[\w.-]|{{(?:{'|'.join(IN_NAME)})}})+", text, f"a file name of {_placeholders(IN_NAME)}")[0]
    if missing := [name for name in ("yyyy", "MM", "dd", "HH", "mm") if f"{{{name}}}" not in found]:
        raise refused(f"a file name that differs from slot to slot: {_placeholders(missing)} too")
    return found


def _placeholders(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


Pattern = WithJsonSchema({"type": "string"})


class MinistryChannelSpec(Model):
    """How a channel appears in the ministry's files, where it differs from the catalogue."""

    symbol: Annotated[str, matching(r"\S{1,30}", "a symbol without spaces, such as NH4")] | None = None
    unit: Annotated[str, matching(r"\S{1,20}", "a unit without spaces, such as mg/l")] | None = None
    """As the file is to write it; values are converted."""
    decimals: Whole | None = Field(default=None, ge=0, le=6)


class MinistrySpec(Model):
    """The ministry's files of a station (Circular 10/2021/TT-BTNMT): every measured channel, or left out by name."""

    code: Annotated[str, matching(r"[\w-]{1,40}", "the station's code, such as ST_STMT_NUO001")]
    folder: Annotated[str, BeforeValidator(_folder), Pattern] = "{code}/{yyyy}/{MM}/{dd}"
    file: Annotated[str, BeforeValidator(_file), Pattern] = "{code}_{yyyy}{MM}{dd}{HH}{mm}{ss}.txt"
    channels: dict[Snake, MinistryChannelSpec] = Field(default_factory=dict)
    left_out: tuple[Snake, ...] = ()
    """Channels that the ministry does not get."""
    receivers: tuple[Kebab, ...] = ()
    """Of network.yaml, to whom the files are sent; none: they are only exported."""
    valid_share: Real = Field(default=0.75, gt=0, le=1)
    """Least share of the expected readings of five minutes: usual practice, not a sentence of the circular."""


class StationFile(Model):
    """One station file."""

    schema_: Literal["quantrac/station/1"] = Field(alias="schema")
    station: Kebab
    name: Words
    tags: tuple[Kebab, ...]
    """Rules and subscriptions select by these."""
    location: Location
    in_service: Day
    """Readings dated earlier (local midnight) are refused."""
    ministry: MinistrySpec | None = None
    defaults: StationDefaults = StationDefaults()
    buses: dict[Kebab, BusSpec]
    devices: dict[Kebab, DeviceSpec]
    derived: dict[Snake, DerivedSpec] = Field(default_factory=dict)
    """Channels that the centre makes: means over hours, toxic ammonia, VN_AQI, VN_WQI."""
    cameras: dict[Kebab, CameraSpec] = Field(default_factory=dict)
    maintenance: MaintenanceSpec | None = None
    clock: ClockSpec = ClockSpec()
    box: BoxSpec = BoxSpec()
    spool: SpoolSpec = SpoolSpec()
    backfill: BackfillSpec = BackfillSpec()
