"""The ministry's files as its texts have them, made by other means than ours: fractions, and nothing of `reports`.

A reading is `(minute, value as written or None, state, quality)`, the minute counted from the first of the slot, the
state a word of the wire. Where the circular is silent the rule is the one that `docs/ministry.md` states.
"""

from fractions import Fraction

Written = tuple[int, str | None, str, int]
SENT_AS = {"ok": "00", "suspect": "00", "cal": "01", "maint": "01", "fault": "02", "range": "02", "warmup": "02"}


def half_up(value: Fraction, decimals: int) -> str:
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = str(whole).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{text}" if value < 0 and whole else text


def value_and_status(readings: list[Written], expected: int) -> tuple[Fraction, str] | None:
    mean: dict[str, list[Fraction]] = {"00": [], "01": [], "02": []}
    held: set[str] = set()
    for _, value, state, quality in readings:
        if value is not None and quality in (1, 2, 3):
            mean["00"].append(Fraction(value))
        code = SENT_AS.get(state)
        if code in ("01", "02"):
            held.add(code)
            if value is not None:
                mean[code].append(Fraction(value))
        elif value is not None:
            held.add("other")
    if mean["00"] and 4 * len(mean["00"]) >= 3 * expected:
        chosen = "00"
    elif "02" in held:
        chosen = "02"
    elif held == {"01"}:
        chosen = "01"
    else:
        return None
    found = mean[chosen]
    return (sum(found, Fraction(0)) / len(found), chosen) if found else None


def line(symbol: str, value: str, unit: str, stamp: str, status: str) -> bytes:
    return f"{symbol}\t{value}\t{unit}\t{stamp}\t{status}".encode() + b"\x0d\x0a"
