"""Met One BAM-1020 at its terminal: three CR bring the prompt, 6 the menu of reports, 4 the last record as CSV.

It measures an hour at a time and answers nobody while the tape moves: in the first minutes of the hour and the last.
The record carries the end of its hour, the concentration in mg/m³, and twelve alarm fields E U M I L R N F P D C T.
"""

import time
from collections.abc import Callable, Mapping

from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine
from simulators.signals.source import Source

DEAF_BEFORE, DEAF_FROM = 8, 58
"""It hears in minutes 8 to 57 of the hour."""
FULL_SCALE = 0.985
HEADER = "Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(MM),RH(%),Delta(C),AT(C),E,U,M,I,L,R,N,F,P,D,C,T"
POWER_FAILURE = 4
ALARMS = 12
HOUR_S, LOCAL_S = 3600, 7 * 3600


class Bam1020:
    """The monitor; `sources` has pm2_5 (µg/m³) and air_temp (°C)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def record(self, t: float) -> tuple[str, list[ServedValue]]:
        """The line of the last full hour before Unix time `t`, in local time, and its value."""
        end = t // HOUR_S * HOUR_S
        sample, air = self._sources["pm2_5"](end), self._sources["air_temp"](end).value or 0.0
        dead = sample.value is None or sample.state == "fault"
        conc = FULL_SCALE if dead else round((sample.value or 0.0) / 1000, 3)
        alarms = ["1" if dead and place == POWER_FAILURE else "0" for place in range(ALARMS)]
        moment = time.strftime("%m/%d/%y %H:%M", time.gmtime(end + LOCAL_S))
        line = f"{moment}, {conc:.3f}, 0.834, 2.1, 214, 757, 38, 4.1, {air:.1f},{','.join(alarms)}"
        return line, [ServedValue("pm2_5", conc, "mg/m3", "fault" if dead else "ok", measured=end)]


class BamTerminal(LineServer):
    """The monitor on a serial line."""

    def __init__(self, line: SerialLine, mount: Mount[Bam1020], clock: Callable[[], float]) -> None:
        super().__init__(line, clock)
        self._mount = mount
        self._returns, self._place = 0, ""

    def _receive(self, data: bytes) -> None:
        t = self._clock()
        treatment = self._mount.asked(t)
        if not DEAF_BEFORE <= self._mount.seen(t) % HOUR_S // 60 < DEAF_FROM or treatment.mute:
            return
        for key in data.decode("ascii", "replace"):
            answer = self._key(key, t, treatment)
            if answer:
                made = answer.encode("ascii")
                self._loop.call_later(treatment.wait_s, self._send_text, self._mount, treatment, data, made)

    def _key(self, key: str, t: float, treatment: Treatment) -> str:
        self._returns = self._returns + 1 if key == "\r" else 0
        if self._returns == 3:
            self._returns, self._place = 0, "*"
            return "\r\n*"
        if key == "6" and self._place == "*":
            self._place = "6"
            return "6\r\nCSV Type Report\r\n2 - Display All Data\r\n3 - Display New Data\r\n4 - Display Last Data\r\n>"
        if key == "4" and self._place == "6":
            line, served = self._mount.instrument.record(self._mount.seen(t))
            self._mount.record(t, served, treatment)
            return f"4\r\nStation, 5\r\n{HEADER}\r\n{line}\r\n>"
        return ""
