"""FaultBook: which faults are in force for which instrument at a time of the script. Pure."""

from collections.abc import Sequence
from typing import Final

from simulators.faults.fault import KINDS, Fault, FaultError, InstrumentPlace, Scope

WHERE: Final[dict[Scope, str]] = {
    "serial": "on a serial line",
    "network": "on Modbus TCP and on lines with `served: true`",
    "modbus": "to Modbus instruments",
    "counter": "to counters (rain-bucket, pulse-module)",
    "probes": "to an instrument that lists its probes (exo2)",
}


def check(faults: Sequence[Fault], places: Sequence[InstrumentPlace]) -> None:
    """Raise FaultError for a fault that strikes nobody, or can happen to nobody whom it strikes."""
    for fault in faults:
        struck = [place for place in places if fault.strikes(place)]
        if not struck:
            raise FaultError(f"fault {fault.text!r}: strikes nobody; there are {', '.join(map(str, places))}")
        scope = KINDS[fault.kind].scope
        if not any(place.allows(scope) for place in struck):
            raise FaultError(f"fault {fault.text!r}: {fault.kind} can happen only {WHERE[scope or 'serial']}")


class FaultBook:
    """The faults of one station by instrument: those of its script, and those switched on meanwhile."""

    def __init__(self, fixed: Sequence[Fault] = (), places: Sequence[InstrumentPlace] = ()) -> None:
        """Take the script's faults; raises FaultError as `check`."""
        check(fixed, places)
        self._fixed, self._places = tuple(fixed), tuple(places)
        self.switch(())

    def switch(self, faults: Sequence[Fault]) -> None:
        """Beside the script's own let these be on, where they strike somebody here, and no others."""
        together = (*self._fixed, *faults)
        self._of = {place: tuple(fault for fault in together if _struck(fault, place)) for place in self._places}

    def at(self, place: InstrumentPlace, elapsed_s: float) -> tuple[Fault, ...]:
        """The faults in force for an instrument at this time of the script, in the order they were given."""
        return tuple(fault for fault in self._of.get(place, ()) if fault.window.holds(elapsed_s))

    def strikes_at_all(self) -> bool:
        """Whether anything is on, now or later."""
        return any(self._of.values())


def _struck(fault: Fault, place: InstrumentPlace) -> bool:
    return fault.strikes(place) and place.allows(KINDS[fault.kind].scope)
