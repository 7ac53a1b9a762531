"""Scripted episodes: at a time of the script a signal goes to a value, stays, and comes back."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ConfigDict

from simulators.faults.fault import ReportedState, ScriptWindow
from simulators.signals.source import ProbeValue, Source


class ScriptClock:
    """The time of a station's script: it starts when the station is read for the first time."""

    def __init__(self) -> None:
        self.started: float | None = None

    def begin(self, t: float) -> None:
        """Start at `t` (Unix seconds) unless already started."""
        if self.started is None:
            self.started = t

    def elapsed(self, t: float) -> float:
        """Seconds of script at `t`; negative infinity before the start."""
        return float("-inf") if self.started is None else t - self.started


@dataclass(frozen=True)
class ScriptedEpisode:
    """A change of one signal, seconds of script: it begins at `start_s`, lasts `for_s` ramps included, holds `to`."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    signal: str
    start_s: float
    for_s: float
    to: float
    ramp_s: float = 1.0

    def weight(self, elapsed_s: float) -> float:
        """Return how far the signal has gone from its own course (0) to `to` (1) at this time of the script."""
        since = elapsed_s - self.start_s
        if not 0 <= since < self.for_s:
            return 0.0
        if self.ramp_s <= 0:
            return 1.0
        return min(1.0, since / self.ramp_s, (self.for_s - since) / self.ramp_s)


@dataclass(frozen=True)
class ScriptedState:
    """A state that an instrument reports for a signal for a while; its value goes on. Seconds of script."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    signal: str
    state: ReportedState
    start_s: float
    for_s: float
    every_s: float | None = None

    def holds(self, elapsed_s: float) -> bool:
        """Whether it is reported at this time of the script."""
        return ScriptWindow(self.start_s, self.for_s, self.every_s).holds(elapsed_s)


def scripted(
    signal: str,
    source: Source,
    script: ScriptClock,
    episodes: Iterable[ScriptedEpisode],
    states: Iterable[ScriptedState],
) -> Source:
    """The source of a signal with its episodes and state changes."""
    episodes = [episode for episode in episodes if episode.signal == signal]
    states = [state for state in states if state.signal == signal]

    def changed(t: float) -> ProbeValue:
        sample = source(t)
        elapsed = script.elapsed(t)
        value = sample.value
        for episode in episodes:
            weight = episode.weight(elapsed)
            if value is not None and weight:
                value += weight * (episode.to - value)
        state = next((one.state for one in states if one.holds(elapsed)), sample.state)
        return ProbeValue(value, state)

    return changed
