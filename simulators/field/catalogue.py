"""Builds an instrument from its specification in the field file."""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.field.plan import FieldError, InstrumentPlan
from simulators.instruments.aqua_troll import AquaTroll
from simulators.instruments.bam_1020 import Bam1020
from simulators.instruments.exo2 import Exo2
from simulators.instruments.grimm_edm180 import GrimmEdm180
from simulators.instruments.io_module import IoModule
from simulators.instruments.liquiline import Liquiline
from simulators.instruments.ott_pls import OttPls
from simulators.instruments.rain_bucket import PulseModule, RainBucket
from simulators.instruments.talkers import AutomaticWxt, GrimmLines, MaxiMet, NmeaWeather
from simulators.instruments.tally import Tally
from simulators.instruments.teledyne import MODELS, TeledyneAnalyser
from simulators.instruments.thermo_49i import Thermo49i
from simulators.instruments.thies_first_class import ThiesFirstClass
from simulators.instruments.wtw_iq import IqSensorNet
from simulators.instruments.wxt536 import Wxt536
from simulators.signals.scene import Scene
from simulators.signals.script import ScriptClock

COUNTERS = {"rain-bucket": RainBucket, "pulse-module": PulseModule}


def build(where: str, spec: InstrumentPlan, scene: Scene, script: ScriptClock) -> Any:
    """The instrument of a specification, connected to its station's scene; raises FieldError naming `where`."""
    if spec.instrument in COUNTERS:
        return COUNTERS[spec.instrument](script, spec.count, spec.rate, spec.reboot_s)
    if spec.instrument not in BUILDERS:
        known = ", ".join(sorted([*COUNTERS, *BUILDERS]))
        raise FieldError(f"{where}: no instrument {spec.instrument!r}, but {known}")
    try:
        return BUILDERS[spec.instrument](spec, scene)
    except KeyError as missing:
        raise FieldError(
            f"{where}: {spec.instrument} needs the signal {missing}, found {', '.join(sorted(scene))}"
        ) from missing


def _analyser(spec: InstrumentPlan, scene: Scene) -> TeledyneAnalyser:
    gases = MODELS[spec.instrument].gases
    return TeledyneAnalyser(spec.instrument, {gas.signal: scene[gas.signal] for gas in gases})


BUILDERS: Mapping[str, Callable[[InstrumentPlan, Scene], Any]] = {
    "aqua-troll": lambda spec, scene: AquaTroll({signal: scene[signal] for signal in spec.signals}),
    "exo2": lambda spec, scene: Exo2(scene, spec.codes),
    "io-module": lambda _, scene: IoModule(scene),
    "ott-pls": lambda spec, scene: OttPls(scene["water_level"], scene["water_temp"], spec.measuring_s),
    "wxt536": lambda _, scene: Wxt536(scene),
    "grimm-edm180": lambda _, scene: GrimmEdm180(scene),
    "wtw-iq": lambda _, scene: IqSensorNet(scene),
    "liquiline": lambda _, scene: Liquiline(scene),
    "thermo-49i": lambda _, scene: Thermo49i(scene),
    "bam-1020": lambda _, scene: Bam1020(scene),
    "maximet": lambda _, scene: MaxiMet(scene),
    "nmea-weather": lambda _, scene: NmeaWeather(scene),
    "wxt536-automatic": lambda spec, scene: AutomaticWxt(scene, str(spec.address)),
    "grimm-lines": lambda _, scene: GrimmLines(scene),
    "tally": lambda _, __: Tally(),
    "thies-first-class": lambda _, scene: ThiesFirstClass(scene),
} | dict.fromkeys(MODELS, _analyser)
