"""The text form of a fault, as on the command line, in the field file and in the file of `--faults`. Pure.

    KIND[:VALUE][,SHARE]@TARGET[+FROM..[TO][/EVERY]]

`late:0.45s@dev2` makes every answer of dev2 late; `late:0.3s..2s,0.2@sondes/1` one in five of them, by 0.3 to 2 s;
`dead@sondes/1+10s..+40s/5m` silences it from the tenth to the fortieth second of the script, in each five minutes.
"""

import re
from typing import Final

from simulators.faults.fault import ALWAYS, FOREVER, KINDS, STATES, Fault, FaultError, FaultKind, ScriptWindow, Takes

UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
EXAMPLE: Final = "late:0.45s@sondes/1 or dead@sondes/1+10s..+40s"

_GRAMMAR = re.compile(
    r"(?P<kind>[a-z-]+)(:(?P<value>[^,@]+))?(,(?P<share>[^@]+))?@(?P<target>[^+]+?)(\+(?P<when>.+))?", re.ASCII
)
_WHEN = re.compile(r"(?P<start>.+?)\.\.(\+?(?P<end>[^/]+))?(/(?P<every>.+))?", re.ASCII)
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def parse_fault(text: str) -> Fault:
    """Read one fault; raises FaultError that says what was found and what is allowed."""
    match = _GRAMMAR.fullmatch(text.strip())
    if match is None:
        raise FaultError(f"fault {text!r}: expected KIND[:VALUE][,SHARE]@TARGET[+FROM..[TO][/EVERY]], as {EXAMPLE}")
    kind = KINDS.get(match["kind"])
    if kind is None:
        raise FaultError(f"fault {text!r}: no kind {match['kind']!r}, but {', '.join(KINDS)}")
    try:
        low, high, share, state = _value(kind, match["value"])
        if match["share"] is not None:
            share = _share(match["share"])
        window = ALWAYS if match["when"] is None else _window(match["when"])
    except ValueError as error:
        raise FaultError(f"fault {text!r}: {error}") from error
    target = tuple(word.strip() for word in match["target"].split("/"))
    return Fault(match["kind"], target, low, high, share, state, window, text.strip())


def _value(kind: FaultKind, text: str | None) -> tuple[float, float, float, str]:
    """Low, high, share and state of what stands behind the colon."""
    takes = kind.takes
    if takes is Takes.SHARE:
        return 1.0, 1.0, 1.0 if text is None else _share(text), "fault"
    if takes is Takes.NOTHING:
        if text is not None:
            raise ValueError(f"found the value {text!r}, this kind takes none")
        return 1.0, 1.0, 1.0, "fault"
    if text is None:
        raise ValueError(f"needs a value behind a colon, such as {kind.sample}")
    if takes is Takes.STATE:
        if text not in STATES:
            raise ValueError(f"found the state {text!r}, expected {', '.join(STATES)}")
        return 1.0, 1.0, 1.0, text
    if takes is Takes.NUMBER:
        number = _number(text)
        return number, number, 1.0, "fault"
    low, _, high = text.partition("..")
    least = _seconds(low)
    most = _seconds(high) if high else least
    if most < least:
        raise ValueError(f"found {text!r}, expected the shorter duration first")
    return least, most, 1.0, "fault"


def _window(text: str) -> ScriptWindow:
    match = _WHEN.fullmatch(text)
    if match is None:
        raise ValueError(f"found the time +{text}, expected such as +10s..+40s, +10s.. or +10s..+40s/5m")
    start = _seconds(match["start"])
    end = FOREVER if match["end"] is None else _seconds(match["end"])
    every = None if match["every"] is None else _seconds(match["every"])
    if not 0 <= start < end or (every is not None and not 0 < end - start <= every):
        raise ValueError(f"found the time +{text}, expected an end behind its beginning, and no more than EVERY long")
    return ScriptWindow(start, end - start, every)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found {text!r}, expected a duration such as 0.45s, 450ms, 2m or 1h")
    return float(match[1]) * UNITS_S[match[2]]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"found {text!r}, expected a number") from None


def _share(text: str) -> float:
    share = _number(text)
    if not 0 < share <= 1:
        raise ValueError(f"found the share {text!r}, expected more than 0 and at most 1")
    return share


def parse_faults(text: str) -> list[Fault]:
    """Read one fault a line; empty lines and what stands behind `#` do not count."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [parse_fault(line) for line in lines if line]
