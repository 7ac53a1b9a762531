"""Thies First Class Advanced X: a cup anemometer with a pressure sensor, asked for telegram 2 by `00TR2` CR.

Fields of fixed width between semicolons, STX before and ETX CR LF behind them, the XOR of what stands between STX and
the asterisk in two digits (instructions for use 021814/03/21, pp. 32 and 72).
"""

from collections.abc import Mapping

from simulators.buses.checksums import xor
from simulators.buses.journal import ServedValue
from simulators.signals.source import Source

IDENTIFIER, TELEGRAM_2 = "00", "TR2"
HOUSING_C, SENSOR_C = 31.4, 31.0
FAILURE_BIT = 1


class ThiesFirstClass:
    """The anemometer; `sources` has wind_speed (m/s) and pressure (hPa)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def answer(self, command: str, t: float) -> tuple[bytes, list[ServedValue]]:
        """The telegram at Unix time `t`; nothing to commands for others and to those that it does not know."""
        if command != IDENTIFIER + TELEGRAM_2:
            return b"", []
        samples = {name: self._sources[name](t) for name in ("wind_speed", "pressure")}
        failed = any(sample.value is None or sample.state != "ok" for sample in samples.values())
        speed = round(samples["wind_speed"].value or 0.0, 2)
        pressure = round(samples["pressure"].value or 0.0, 1)
        fields = [
            IDENTIFIER, f"{speed:05.2f}", f"{speed:05.2f}", f"{speed:05.2f}", "00.00", "000.0", f"{HOUSING_C:+05.1f}",
            f"{SENSOR_C:+05.1f}", f"{pressure:06.1f}", f"{pressure:06.1f}", f"{pressure + 1.2:06.1f}",
            f"{FAILURE_BIT if failed else 0:08X}",
        ]  # fmt: skip
        body = ";".join(fields).encode("ascii")
        state = "suspect" if failed else "ok"
        served = [ServedValue("wind_speed", speed, "m/s", state), ServedValue("pressure", pressure, "hPa", state)]
        return b"\x02" + body + b"*" + xor(body) + b"\x03\r\n", served
