"""On site without a link, one look says what every instrument gives, what was missed, and what waits."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from quantrac.cli.commands.edge_watch import table_of, text_of

T = 1_795_490_400_000  # 2026-11-24T03:20:00Z
FOUND: dict[str, Any] = {
    "station": "st-test", "connected": False, "config": "0123456789abcdef", "t": T, "waiting": 41, "in_memory": 1,
    "acknowledged": 1000, "refused": 0, "lost": 0, "used_bytes": 2_500_000, "disk": "ok", "undated": 0,
    "not_before": T - 1,
    "rows": [
        {"device": "sonde", "channel": "ph", "value": 7.62, "unit": "[pH]", "state": "ok", "t": T - 1500,
         "raw": "40F3 D70A", "lost": False, "why": ""},
        {"device": "sonde", "channel": "do", "value": None, "unit": "mg/L", "state": "comm", "t": None, "raw": "",
         "lost": True, "why": "unit 1: no answer"},
    ],
    "errors": {"sonde": {"silent": 3, "check": 1}},
    "reasons": {"sonde": {"t_ms": T - 1000, "kind": "silent", "why": "unit 1: no answer"}},
    "lines": {"shore": {"t_ms": T - 125_000, "kind": "line", "why": "/dev/ttyS1: no such port"}},
    "advice": {"sonde": "takes 3.0 s to answer"},
    "maintenance": {"sonde": {"state": "maint", "until": T + 60_000}},
}  # fmt: skip
WORDS = [
    "NOT connected", "42 waiting", "7.62 [pH]", "40F3 D70A", "1.5 s", "comm", "never",
    "sonde missed: 3 silent, 1 check; at 03:19:59Z: unit 1: no answer",
    "line shore: away for 2 min 5 s: /dev/ttyS1: no such port",
    "sonde takes 3.0 s to answer", "sonde: maint until", "config 0123456789ab",
]  # fmt: skip


def test_a_block_of_text_says_it_all() -> None:
    text = "\n".join(text_of(FOUND))
    for word in WORDS:
        assert word in text


def test_a_table_on_a_terminal_says_it_too() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table_of(FOUND))
    text = " ".join(console.export_text().split())
    for word in WORDS:
        assert word.replace("comm", "lost") in text
    assert text.count("unit 1: no answer") == 2, "at the channel, too"


def test_a_date_of_service_in_the_future_is_said_with_what_waits_for_it() -> None:
    ahead = "\n".join(text_of({**FOUND, "undated": 7, "not_before": T + 86_400_000}))
    assert (
        "7 records wait, nothing is sent before 2026-11-25 03:20Z: in_service lies ahead, or the clock is slow" in ahead
    )
    assert "7 records wait: the clock was not set" in "\n".join(text_of({**FOUND, "undated": 7}))
    assert "records wait" not in "\n".join(text_of(FOUND))
