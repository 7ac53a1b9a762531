"""Instruments that send by themselves: Gill MaxiMet, an NMEA weather sensor, WXT536 automatic, GRIMM EDM 180.

Formats from the makers' manuals: Gill `STX fields ETX XOR`, NMEA `$…*XOR`, Vaisala messages with the three characters
of SDI-12's CRC, GRIMM's blank-separated lines `P` (how it is) and `N_,` (masses, tenths of µg/m³).
"""

import time
from collections.abc import Mapping
from typing import ClassVar

from simulators.buses.checksums import crc_characters, xor
from simulators.buses.journal import ServedValue
from simulators.buses.talker_line import TalkerMessage
from simulators.instruments.wxt536 import Wxt536
from simulators.signals.source import Source

CELL_FLOW_ERROR = 2


def _number(sources: Mapping[str, Source], signal: str, t: float, decimals: int) -> float | None:
    value = sources[signal](t).value
    return None if value is None else round(value, decimals)


def _served(signal: str, value: float | None, unit: str) -> ServedValue:
    return ServedValue(signal, value, unit, "fault" if value is None else "ok")


class _Measuring:
    """An instrument that measures what its `sources` have."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources


class MaxiMet(_Measuring):
    """A Gill MaxiMet, once a second.

    It is set to NODE DIR SPEED CDIR PRESS RH TEMP DEWPOINT PRECIPT PRECIPI TIME VOLT STATUS.
    """

    intervals_s: ClassVar[Mapping[str, float]] = {"": 1.0}

    def message(self, kind: str, t: float) -> TalkerMessage:  # noqa: ARG002 (it has one)
        """The line of this second; what was not measured is an empty field."""
        decimals = {"wind_dir": 0, "wind_speed": 2, "air_temp": 1, "humidity": 0, "pressure": 1, "rain": 3}
        numbers = (_number(self._sources, signal, t, places) for signal, places in decimals.items())
        bearing, speed, air, humid, hpa, rain = numbers
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.0", time.gmtime(t))
        fields = ["Q", _text(bearing, "03.0f"), _text(speed, "06.2f"), _text(bearing, "03.0f"), _text(hpa, "06.1f")]
        fields += [_text(humid, "03.0f"), _text(air, "+06.1f"), "+022.7", _text(rain, "09.3f"), "000.000", moment]
        body = ",".join([*fields, "+12.1", "0000", ""]).encode("ascii")
        served = [
            _served("wind_dir", bearing, "deg"), _served("wind_speed", speed, "m/s"), _served("pressure", hpa, "hPa"),
            _served("humidity", humid, "%"), _served("air_temp", air, "Cel"), _served("rain", rain, "mm"),
        ]  # fmt: skip
        return TalkerMessage(b"\x02" + body + b"\x03" + xor(body) + b"\r\n", served)


class NmeaWeather(_Measuring):
    """A weather sensor: relative wind each second in MWV, and true wind, which is not the same; the rest in XDR."""

    intervals_s: ClassVar[Mapping[str, float]] = {"MWV": 1.0, "MWVT": 1.0, "XDR": 2.0}

    def message(self, kind: str, t: float) -> TalkerMessage:
        """One sentence."""
        if kind == "XDR":
            return self._transducers(t)
        bearing, speed = _number(self._sources, "wind_dir", t, 0), _number(self._sources, "wind_speed", t, 1)
        letter, valid = ("R", "A" if speed is not None else "V") if kind == "MWV" else ("T", "A")
        shown = (bearing, speed) if kind == "MWV" else (7.0, 99.0)
        text = f"WIMWV,{_text(shown[0], '.0f')},{letter},{_text(shown[1], '.1f')},M,{valid}"
        served = [_served("wind_dir", bearing, "deg"), _served("wind_speed", speed, "m/s")] if kind == "MWV" else []
        return _sentence(text, served)

    def _transducers(self, t: float) -> TalkerMessage:
        air, humid, hpa = (_number(self._sources, signal, t, 1) for signal in ("air_temp", "humidity", "pressure"))
        text = f"WIXDR,C,{_text(air, '.1f')},C,0,H,{_text(humid, '.1f')},P,0,P,{_text(hpa, '.1f')},H,0,C,31.4,C,1"
        served = [_served("air_temp", air, "Cel"), _served("humidity", humid, "%"), _served("pressure", hpa, "hPa")]
        return _sentence(text, served)


def _sentence(text: str, served: list[ServedValue]) -> TalkerMessage:
    body = text.encode("ascii")
    return TalkerMessage(b"$" + body + b"*" + xor(body) + b"\r\n", served)


def _text(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


class AutomaticWxt:
    """A WXT536 in automatic mode with CRC: wind each second, air each two, rain and supervisor each five."""

    intervals_s: ClassVar[Mapping[str, float]] = {"1": 1.0, "2": 2.0, "3": 5.0, "5": 5.0}

    def __init__(self, sources: Mapping[str, Source], address: str) -> None:
        self._wxt = Wxt536(sources)
        self._address = address

    def message(self, kind: str, t: float) -> TalkerMessage:
        """One message with its checksum."""
        fields, served = self._wxt.message(kind, t)
        text = ",".join([f"{self._address}r{kind}", *fields])
        return TalkerMessage((text + crc_characters(text)).encode("ascii") + b"\r\n", served)


class GrimmLines(_Measuring):
    """A GRIMM EDM 180 on RS-232: how it is each six seconds here, masses each second."""

    intervals_s: ClassVar[Mapping[str, float]] = {"P": 6.0, "N": 1.0}

    def message(self, kind: str, t: float) -> TalkerMessage:
        """A P line or a mass line."""
        samples = {signal: self._sources[signal](t) for signal in ("pm10", "pm2_5", "pm1")}
        failed = any(sample.value is None or sample.state == "fault" for sample in samples.values())
        if kind == "P":
            moment = time.strftime("%y %-m %-d %-H %-M", time.gmtime(t))
            error = CELL_FLOW_ERROR if failed else 0
            return TalkerMessage(f"P {moment} 1 0 {error} 100 25 64 4 0 0 0 6\r\n".encode("ascii"), [])
        tenths = {signal: round(10 * (sample.value or 0.0)) for signal, sample in samples.items()}
        state = "fault" if failed else "ok"
        served = [ServedValue(signal, tenth, "0.1 ug/m3", state) for signal, tenth in tenths.items()]
        return TalkerMessage(f"N_, {' '.join(map(str, tenths.values()))}\r\n".encode("ascii"), served)
