"""Thermo 49i ozone analyser by Bayern-Hessen: one value in ppb; zero and span show in the status byte."""

from collections.abc import Mapping

from simulators.buses.bayern_hessen import ComponentValue, rounded
from simulators.buses.journal import ServedValue
from simulators.signals.source import Source

OFF, ZERO, SPAN = 1, 4, 8
FAILED = 1


class Thermo49i:
    """The analyser; `sources` has o3 in ppb."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._ozone = sources["o3"]
        self._mode = 0

    def blocks(self, t: float) -> tuple[list[ComponentValue], list[ServedValue]]:
        """The concentration; one that is not valid is sent as 0.0 with a status bit."""
        sample = self._ozone(t)
        dead = sample.value is None or sample.state == "fault"
        value = 0.0 if dead else rounded(sample.value or 0.0)
        status = self._mode | (OFF if dead else 0) | (SPAN if sample.state == "cal" else 0)
        state = "fault" if dead else "cal" if status else "ok"
        return [ComponentValue(1, value, status, FAILED * dead, "000", "000000")], [
            ServedValue("o3", value, "[ppb]", state)
        ]

    def control(self, letter: str) -> None:
        """`N` zero, `K` span, `M` measure."""
        self._mode = {"N": ZERO, "K": SPAN}.get(letter, 0)
