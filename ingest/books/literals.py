"""The ranges of a multirange as PostgreSQL writes them in text. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def multiranges(key: npt.NDArray[np.integer], seq: npt.NDArray[np.int64], keys: int) -> list[str]:
    """Return for each of so many keys the multirange literal that holds exactly its numbers."""
    parts: list[list[str]] = [[] for _ in range(keys)]
    if len(seq):
        order = np.lexsort((seq, key))
        key, seq = key[order], seq[order]
        breaks = np.flatnonzero((key[1:] != key[:-1]) | (seq[1:] - seq[:-1] > 1))
        lows, highs = np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(seq) - 1]))
        for number, low, high in zip(key[lows].tolist(), seq[lows].tolist(), seq[highs].tolist(), strict=True):
            parts[number].append(f"[{low},{high}]")
    return ["{" + ",".join(each) + "}" for each in parts]


def ranges(literal: str) -> list[tuple[int, int]]:
    """Return the ranges of a multirange literal in PostgreSQL's canonical form, both ends inclusive."""
    parts = literal.strip("{}").split("),") if literal != "{}" else []
    pairs = (part.strip("[)").split(",") for part in parts)
    return [(int(low), int(high) - 1) for low, high in pairs]
