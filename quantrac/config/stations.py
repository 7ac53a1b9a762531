"""A resolved station: its file joined with profiles and defaults, nothing left to look up.

`station_files` holds what a technician writes; `resolution` makes these models from it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import ConfigDict, Field

from quantrac.config.devices import AnyProfile, BusKind
from quantrac.config.fields import LineSettings, Model, StateWord
from quantrac.config.profiles import Signal
from quantrac.telemetry.indices.formulas import FormulaName
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State
from quantrac.telemetry.words import Words

AGENT: Final = "agent"
"""The pseudo device of the channels that the edge agent measures itself."""
CENTRE: Final = "centre"
"""The pseudo device of the channels that the centre makes of others."""
DAY_MS: Final = 86_400_000
LAWFUL_KEEP_MS: Final = 60 * DAY_MS


class Resolved(Model):
    """Base of what a station is made of: values have their types already, in the program and in JSON."""

    model_config = ConfigDict(strict=True)


class Rs485(Resolved):
    """Lets the port's driver switch a two-wire transceiver by RTS (Linux TIOCSRS485)."""

    rts_on_send: bool = True
    rts_after_send: bool = False
    before_ms: int = 0
    """From switching to sending to the first bit."""
    after_ms: int = 0
    """From the last bit to switching back."""
    rx_during_tx: bool = False


ExtraKind = Literal["count", "min", "max", "sd", "zero", "span"]
Gas = Literal["zero", "span"]


class Bus(Resolved):
    """What instruments share: a serial line (`port`, `line`) or a network endpoint (`host`, `tcp_port`)."""

    name: str
    kind: BusKind
    port: str | None = None
    line: LineSettings | None = None
    host: str | None = None
    tcp_port: int | None = None
    echo: bool = False
    """The adapter repeats what we send."""
    rs485: Rs485 | None = None
    """None: the adapter switches its direction by itself."""
    gap_ms: int = 5
    """Silence before a request."""
    guard_ms: int = 400
    """Silence after a missed answer, so that a late one is dropped."""

    @property
    def place(self) -> str:
        """Where the bus is: a device path, or `host:port`."""
        return self.port or f"{self.host}:{self.tcp_port}"


class Adjust(Resolved):
    """A technician's correction at the source: `value * scale + offset`, in the catalogue's unit."""

    scale: float = 1.0
    offset: float = 0.0
    begins_ms: int = 0
    """What is measured from then on is corrected: the beginning of a local day, ms since 1970 UTC; 0: everything."""
    by: str = ""
    why: str = ""


class Channel(Resolved):
    """One series that the edge sends."""

    name: str
    parameter: str
    unit: str
    """The catalogue's unit: what is published."""
    kind: Kind
    """How its values are put together."""
    device: str
    """Name of the device, or `agent`."""
    signal: str
    """Key in `device.profile.signals`; for the agent's own channels the parameter."""
    interval_ms: int
    """One reading each interval: the device's report interval."""
    expect: tuple[float, float] | None = None
    """Outside it a reading is suspect; in the catalogue's unit."""
    span: tuple[float, float]
    """What the instrument can measure, in the catalogue's unit."""
    factor: float = 1.0
    shift: float = 0.0
    """From the signal's unit to the catalogue's: `measured * factor + shift`."""
    adjust: Adjust | None = None
    datum_offset: float = 0.0
    """Added to a level, m: from the sensor to the national datum."""
    invert: bool = False
    """For inputs: 1 is published as 0 and 0 as 1."""
    statistic: ExtraKind | Literal["mean"] | None = None
    """It is no measurement but made of another channel: a statistic of its samples, a mean over hours, or its zero or
    span readings."""
    quality: dict[str, float] = Field(default_factory=dict, exclude=True)
    """Limits of its own for quality tests with a history, 0 for off: no business of the edge."""
    climatology: tuple[float, ...] = Field(default=(), exclude=True)
    """What is usual of it by season, hour and tide, and the limit; empty: nobody fitted it. Also the centre's."""
    trained: str = Field(default="", exclude=True)
    """File of the model that judges it, such as `models/turbidity.json`; empty: none. Also the centre's."""
    resolution: float | None = Field(default=None, exclude=True)
    """The smallest step that its instrument tells, in the catalogue's unit; None: nobody knows. Also the centre's."""
    debounce_ms: int = 0
    """For inputs: a change counts when it has held so long; until then the reading is what it was."""

    def published(self, measured: float, t_ms: int | None = None) -> float:
        """Return the value to publish for a value in the signal's unit, measured at `t_ms` (None: now and later)."""
        if self.invert:
            return 1.0 - measured
        value = measured * self.factor + self.shift
        if self.adjust is not None and (t_ms is None or t_ms >= self.adjust.begins_ms):
            value = value * self.adjust.scale + self.adjust.offset
        return value + self.datum_offset


class Calibration(Resolved):
    """When a device is calibrated: inside the weekly window (local time) its readings are `cal`."""

    every_ms: int | None = None
    weekday: int | None = None
    """0 Monday … 6 Sunday; None: no window."""
    start_minute: int = 0
    """What clocks in `time_zone` show, minutes after midnight."""
    end_minute: int = 0
    time_zone: str = "UTC"
    """The network's."""


class Extra(Resolved):
    """A series that is made of the samples of a channel of the same device."""

    of: str
    """Name of the channel."""
    kind: ExtraKind
    channel: Channel


class Device(Resolved):
    """One instrument on one bus."""

    name: str
    profile: AnyProfile = Field(discriminator="protocol")
    bus: Bus
    address: int | str | None
    """Modbus unit id, SDI-12 or Vaisala address character, Bayern-Hessen address (None: asked without one)."""
    serial: str = ""
    sample_ms: int
    report_ms: int
    valid_share: float
    """Least share of a slot's expected samples that must be valid, 0..1."""
    timeout_ms: int
    channels: dict[str, Channel]
    calibration: Calibration | None = None
    extras: dict[str, Extra] = Field(default_factory=dict)
    """Series beside the channels: statistics, zero and span readings. The name is the channel's."""
    gases: dict[Gas, str] = Field(default_factory=dict)
    """The profile's signals that read 1 while zero or span gas (or solution) is measured."""

    def channel_list(self) -> list[Channel]:
        """Return every series of the device: its channels, then the extra ones."""
        return [*self.channels.values(), *(extra.channel for extra in self.extras.values())]

    def wanted_signals(self) -> tuple[str, ...]:
        """Return every signal of the profile that has to be read, in alphabetical order."""
        return tuple(sorted({*(channel.signal for channel in self.channels.values()), *self.gases.values()}))

    def signal_of(self, channel: Channel) -> Signal:
        """Return the profile's signal behind one of the device's channels."""
        return self.profile.signals[channel.signal]


class Location(Resolved):
    """Where a station stands: WGS 84 degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    commune: str
    surveyed: bool
    """False: read from a map or assumed."""


class MinistryLine(Resolved):
    """A channel's line in the ministry's files."""

    channel: str
    """Its name."""
    symbol: str
    unit: str
    """As the file writes it."""
    factor: float
    shift: float
    """From the catalogue's unit to the file's: `value * factor + shift`."""
    decimals: int
    kind: Kind
    """How its readings of five minutes become one value."""


class Ministry(Resolved):
    """How the station appears in the ministry's files; placeholders: {code} {yyyy} {MM} {dd} {HH} {mm} {ss}."""

    code: str
    folder: str
    """Pattern of the path below the root of a receiver; empty: the root itself."""
    file: str
    """Pattern of the file's name."""
    valid_share: float
    """Least share of a slot's expected readings that must be good or suspect, 0..1."""
    lines: tuple[MinistryLine, ...]
    """In the order of the file."""
    receivers: tuple[str, ...] = ()
    """To whom they are sent."""


class Maintenance(Resolved):
    """The switch that puts the whole station into `state`."""

    device: str
    channel: str
    state: StateWord = State.MAINT
    ends_after_ms: int


class SpoolPlan(Resolved):
    """What the edge keeps on its own disk."""

    keep_ms: int
    size_bytes: int

    @property
    def warning(self) -> str:
        """What is said of a shorter time than the law's, which is taken all the same; else empty."""
        if self.keep_ms >= LAWFUL_KEEP_MS:
            return ""
        days = self.keep_ms / DAY_MS
        return f"spool.keep: found {days:.3g} days, Circular 10/2021/TT-BTNMT (article 39) wants 60 or more"


class Camera(Resolved):
    """A camera whose pictures the edge sends."""

    url: str
    """Address of its snapshot, already with the width and height that are asked for."""
    every_ms: int
    on_alarm: bool
    """A picture too when a door opens, the mains go, maintenance begins or a channel leaves its expected range."""
    max_kb: int
    width: int
    """Pixels; a larger picture is scaled to fit into width and height."""
    height: int


class ClockPlan(Resolved):
    """When the agent believes its clock."""

    trust: Literal["date", "synchronised"]
    not_before_ms: int
    """An earlier clock is certainly wrong; ms since 1970 UTC."""


class Modem(Resolved):
    """The modem whose signal strength is a channel: an AT port that nobody else uses."""

    port: str = Field(pattern=r"^/dev/")
    baud: int = Field(default=115_200, ge=1)


class Derived(Resolved):
    """A channel that the centre makes of other channels of the station."""

    formula: FormulaName
    inputs: dict[str, str]
    """Input of the formula → name of the channel."""
    options: dict[str, str] = Field(default_factory=dict)
    channel: Channel


class Station(Resolved):
    """One station, resolved."""

    station: str
    name: Words
    tags: tuple[str, ...]
    location: Location
    in_service: datetime
    """UTC; readings dated earlier are refused."""
    buses: dict[str, Bus]
    devices: dict[str, Device]
    agent_channels: dict[str, Channel]
    """What the agent measures itself: disk, processor, clock, buses, spool, modem."""
    maintenance: Maintenance | None
    spool: SpoolPlan
    backfill_rate: float
    """Most old messages sent again each second."""
    cameras: dict[str, Camera]
    clock: ClockPlan
    modem: Modem | None
    config_hash: str
    """sha256 (hex) of everything above and the profiles, in canonical form."""
    derived: dict[str, Derived] = Field(default_factory=dict, exclude=True)
    """What the centre makes: no business of the edge, so it neither travels there nor enters the hash."""
    ministry: Ministry | None = Field(default=None, exclude=True)
    """The same holds for the ministry's files; None: the station has none."""

    def channel_list(self) -> list[Channel]:
        """Return every channel the edge sends, device by device, the agent's own last."""
        measured = [channel for device in self.devices.values() for channel in device.channel_list()]
        return [*measured, *self.agent_channels.values()]

    def all_channels(self) -> list[Channel]:
        """Return every channel: those that the edge sends, then those that the centre makes."""
        return [*self.channel_list(), *(derived.channel for derived in self.derived.values())]

    def channel(self, name: str) -> Channel:
        """Return a channel by name; raises KeyError."""
        return {channel.name: channel for channel in self.channel_list()}[name]
