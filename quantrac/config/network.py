"""The network: `network.yaml`, and everything that was loaded with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from quantrac.config.bulletins import BulletinKind, BulletinPlan
from quantrac.config.composites import Composite
from quantrac.config.contacts import Contact, Group
from quantrac.config.devices import AnyProfile
from quantrac.config.fields import (
    Flag,
    Kebab,
    Model,
    PositiveDuration,
    Real,
    SeverityWord,
    Snake,
    Span,
    Whole,
    matching,
    refused,
)
from quantrac.config.limits import DecreeLimits
from quantrac.config.notifications import (
    Cap,
    Carrier,
    Duty,
    EscalationStep,
    Flapping,
    Grouping,
    MessageTemplate,
    Purpose,
    QuietHours,
    Repeat,
    Route,
    Storm,
    Templates,
)
from quantrac.config.public import PublicPages
from quantrac.config.receivers import Receiver
from quantrac.config.rule_files import RuleTest
from quantrac.config.rules import Rule
from quantrac.config.station_files import QualitySpec
from quantrac.config.stations import Station
from quantrac.config.tides import PlaceTide
from quantrac.config.watch_plans import Breaches, Calibrations, Carriers, Clocks, Files, Silence, Watchdog
from quantrac.telemetry.parameters import Kind, Parameter
from quantrac.telemetry.words import Words

if TYPE_CHECKING:
    from quantrac.quality.model_file import ModelFile


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name too long for a file
        raise refused("a time zone such as Asia/Ho_Chi_Minh, known to this machine (package tzdata)") from None
    return name


TileAddress = Annotated[
    str,
    matching(
        r"https?://[a-z0-9.-]+(:\d{1,5})?/(?=.*\{z\})(?=.*\{x\})(?=.*\{y\})([\w./?=&%@-]|\{[zxyrs]\})+",
        "an address of tiles, of whose places the map knows z, x, y, r and s, "
        "such as https://tiles.example.vn/{z}/{x}/{y}.png",
    ),
]
Dialled = Annotated[str, matching(r"\+?\d[\d ().-]{5,}", 'a number as people dial it, such as "0299 382 1234"')]


class Defaults(Model):
    """What stations have unless they say otherwise."""

    sample_ms: PositiveDuration = Field(default=10_000, alias="sample")
    """How often a device is asked."""
    report_ms: PositiveDuration = Field(default=60_000, alias="report")
    """Width of the slots that are sent."""
    valid_share: Real = Field(default=0.75, gt=0, le=1)
    housekeeping_ms: PositiveDuration = Field(default=60_000, alias="housekeeping")
    """How often the agent's own channels are sent."""


class Rollups(Model):
    """Hourly and daily values."""

    valid_share: Real = Field(default=0.75, gt=0, le=1)
    """Share of the expected readings that makes an hour or a day valid."""


class Retention(Model):
    """How long the centre keeps what. Readings and values made of them are kept for good unless named here."""

    readings_ms: PositiveDuration | None = Field(default=None, alias="readings", ge=90 * 86_400_000)
    """Readings (and their week) older than this are dropped; at least 90d."""
    hourly_ms: PositiveDuration | None = Field(default=None, alias="hourly", ge=400 * 86_400_000)
    """Hourly values; at least 400d, and a week longer than the readings they are made of."""
    daily_ms: PositiveDuration | None = Field(default=None, alias="daily", ge=400 * 86_400_000)
    """Daily values; at least as long as the hourly ones."""
    dead_letters_ms: PositiveDuration = Field(default=400 * 86_400_000, alias="dead_letters", ge=30 * 86_400_000)
    """Dead letters that did not come again for so long; at least 30d."""
    pictures_ms: PositiveDuration = Field(default=180 * 86_400_000, alias="pictures", ge=7 * 86_400_000)
    """Pictures of cameras; at least 7d."""
    ministry_files_ms: PositiveDuration = Field(default=400 * 86_400_000, alias="ministry_files", ge=90 * 86_400_000)
    """The ministry's files and what became of them, by their time; at least 90d: younger ones may still change."""


class Quotas(Model):
    """How much of the centre a station may take; what is beyond is put off and reported (`breaches`)."""

    oldest_ms: PositiveDuration = Field(default=400 * 86_400_000, alias="oldest", ge=14 * 86_400_000)
    """Readings that are older when they come are refused: each week of them is one more chunk; at least 14d."""
    epochs: Annotated[int, Field(ge=10)] = 200
    """Spools that a station may have had in all."""
    times: Real = Field(default=20.0, ge=2)
    """While others wait, a station may send so many times what its channels can make."""
    pictures_mb: Real = Field(default=500.0, ge=250)
    """Pictures of a station, megabytes a day, also at once; the spool of its cameras holds 200."""
    unheard: Annotated[int, Field(ge=0)] = 2000
    """In a network of at most so many stations one that floods is not heard for a while; 0: never."""


class ToleranceSpec(Model):
    """How far a sensor may be from a laboratory's result; the larger of both counts."""

    units: Annotated[Real, Field(gt=0)] | None = None
    """In the parameter's unit."""
    percent: Annotated[Real, Field(gt=0, le=100)] | None = None
    """Of the result."""
    source: str = Field(min_length=3)
    """Where it comes from: a document, or who agreed on it."""

    @model_validator(mode="after")
    def _says_how_far(self) -> ToleranceSpec:
        if self.units is None and self.percent is None:
            raise refused("units, percent or both")
        return self


class Samples(Model):
    """How laboratory results and the readings beside them are compared."""

    around_ms: PositiveDuration = Field(default=900_000, alias="around")
    """Readings of so long before and after a sample are its sensor value."""
    tolerances: dict[Snake, ToleranceSpec] = Field(default_factory=dict)
    """By parameter; one without has no verdict."""


class OwnParameter(Model):
    """A parameter that the catalogue lacks; its id is the key."""

    title: Words
    unit: Annotated[str, matching(r"\S{1,20}", "a UCUM code, such as mg/L")]
    label: str | None = None
    """How people write the unit; None: as its code."""
    decimals: Whole = Field(default=2, ge=0, le=6)
    """With how many of them a value is shown and filed."""
    span: Span
    """What instruments can measure."""
    plausible: Span | None = None
    """What nature can show; None: the span."""
    kind: Kind
    symbol: Annotated[str, matching(r"\S{1,30}", "a symbol without spaces, such as NH4")] | None = None
    """In the ministry's files."""

    def parameter(self, name: str) -> Parameter:
        """Return the entry of the catalogue."""
        return Parameter(
            id=name,
            title_vi=self.title.vi,
            title_en=self.title.en,
            unit=self.unit,
            label=self.unit if self.label is None else self.label,
            decimals=self.decimals,
            span=self.span,
            plausible=self.plausible or self.span,
            kind=self.kind,
            symbol=self.symbol,
            resolution=self.decimals,
        )


class Unwatched(Model):
    """What no rule is meant to name, so that nothing warns of it."""

    parameters: tuple[Snake, ...] = ()
    tags: tuple[Kebab, ...] = ()


class MapTiles(Model):
    """Whose pictures lie over the console's own coast."""

    tiles: TileAddress
    """Asked for by each browser that looks at the map."""
    attribution: str = Field(min_length=1, max_length=200)
    """Whom to thank: stands on the map."""

    @property
    def origin(self) -> str:
        """Scheme and host, as the policy of pages names them."""
        scheme, _, rest = self.tiles.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"


class NetworkFile(Model):
    """network.yaml."""

    schema_: Literal["quantrac/network/1"] = Field(alias="schema")
    network: Kebab
    name: Words
    operator: Words
    """Who runs it: stands under messages and on pages."""
    telephone: Dialled | None = None
    """Where people call the centre: stands under mails about alarms."""
    time_zone: Annotated[str, AfterValidator(_zone)]
    parameters: dict[Snake, OwnParameter] = Field(default_factory=dict)
    """What the catalogue lacks, for all stations."""
    receivers: dict[Kebab, Receiver] = Field(default_factory=dict)
    """Of the ministry's files; stations name theirs."""
    defaults: Defaults = Defaults()
    groups: dict[Kebab, Group] = Field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    quiet_hours: QuietHours | None = None
    breakthrough: tuple[SeverityWord, ...] = ()
    """Severities that go through quiet hours, caps and grouping."""
    duty: dict[Kebab, Duty] = Field(default_factory=dict)
    """Duty rosters, by group."""
    escalation: tuple[EscalationStep, ...] = ()
    repeat: Repeat | None = None
    grouping: Grouping | None = None
    cap: Cap | None = None
    flapping: Flapping = Flapping()
    consent_required: Flag = False
    """Tell only contacts whose consent is recorded."""
    silence: Silence | None = None
    carriers: Carriers | None = None
    books: Watchdog | None = None
    """Messages that have been missing for so long, or were lost, or books that do not add up."""
    breaches: Breaches | None = None
    clocks: Clocks | None = None
    """A station whose clock is wrong by so much, also where the station does not know it."""
    feed: Watchdog | None = None
    """A consumer of the change feed that has been behind for so long."""
    files: Files | None = None
    ministry: Watchdog | None = None
    """Files that a receiver has been owed for so long, or refuses again and again."""
    bulletins: dict[BulletinKind, BulletinPlan] = Field(default_factory=dict)
    """Which are made as drafts, when, and to whom they go once a person has approved them."""
    calibrations: Calibrations | None = None
    """Of devices with `calibration: {every: …}`."""
    map: MapTiles | None = None
    """Tiles of the console's map; None: its own coast alone."""
    tides: dict[Kebab, PlaceTide] = Field(default_factory=dict)
    storm: Storm = Storm()
    templates: dict[Carrier, dict[Purpose, MessageTemplate]] = Field(default_factory=dict)
    """Messages registered with providers, by carrier and purpose."""
    rollups: Rollups = Rollups()
    four_eyes: Flag = False
    """A day of a channel is reviewed only when two persons have signed it."""
    quality: dict[Snake, QualitySpec] = Field(default_factory=dict)
    """Limits of quality tests with a history, by parameter; a channel may have its own."""
    samples: Samples = Samples()
    retention: Retention = Retention()
    quotas: Quotas = Quotas()
    unwatched: Unwatched = Unwatched()
    public: PublicPages | None = None
    """What anybody may read without signing in; None: nothing."""
    contacts: dict[Kebab, Contact] = Field(default_factory=dict)

    @property
    def own_parameters(self) -> dict[str, Parameter]:
        """Parameters that the network declares, by id."""
        return {name: own.parameter(name) for name, own in self.parameters.items()}

    @property
    def centre(self) -> tuple[str, ...]:
        """Groups of the people of the centre: whom `files` names, else whom `feed`, `books` or `carriers` does."""
        plans = (self.files, self.feed, self.books, self.carriers)
        return next((plan.to for plan in plans if plan is not None), ())


@dataclass(frozen=True)
class Network:
    """Everything that station_configs says, checked and resolved."""

    root: Path
    overlay: str | None
    settings: NetworkFile
    profiles: Mapping[str, AnyProfile]
    stations: Mapping[str, Station]
    rules: Mapping[str, Rule]
    rule_tests: tuple[RuleTest, ...] = ()
    composites: Mapping[str, Composite] = field(default_factory=dict)
    limits: DecreeLimits = field(default_factory=dict)
    """Limits of decrees and standards, by name."""
    models: Mapping[str, ModelFile] = field(default_factory=dict)
    """The trained models that files name, by their names."""

    @property
    def templates(self) -> Templates:
        """Messages registered with providers."""
        return {carrier: dict(registered.items()) for carrier, registered in self.settings.templates.items()}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the people."""
        return ZoneInfo(self.settings.time_zone)

    def models_at(self, station: str) -> dict[str, dict[str, Any]]:
        """Return by channel of a station, without the station, what is stored of the trained models good there."""
        return {
            channel.partition("/")[2]: model.stored(channel)
            for channel, model in self._named_models(station)
            if model.why_off(channel) is None
        }

    def models_off(self) -> list[str]:
        """Return why trained models do not judge channels for which files name them, a line a reason."""
        channels: dict[str, list[str]] = {}
        for station in sorted(self.stations):
            for channel, model in self._named_models(station):
                if (why := model.why_off(channel)) is not None:
                    channels.setdefault(why, []).append(channel)
        return [f"{', '.join(own)}: trained is off: {why}" for why, own in channels.items()]

    def _named_models(self, station: str) -> Iterator[tuple[str, ModelFile]]:
        for channel in self.stations[station].all_channels():
            if channel.trained in self.models and channel.statistic is None:
                yield f"{station}/{channel.name}", self.models[channel.trained]
