"""The HTML of a mail: the words of its text, a band in the colour of the severity, the chart, a button. Pure.

Mail programs know tables and inline styles, and nothing from elsewhere is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

COLOURS: Final = {"low": "#0284c7", "medium": "#d97706", "high": "#ea580c", "critical": "#b91c1c"}
OVER: Final = "#15803d"
UNKNOWN: Final = "#475569"
BUTTON: Final = {"vi": "Tôi đã biết, tôi sẽ xử lý", "en": "I have seen it and look after it"}
CHART: Final = {"vi": "24 giờ qua; vạch đỏ: ngưỡng", "en": "The last 24 hours; red: the limit"}
FONT: Final = "font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.5;color:#0f172a"


def letter_html(subject: str, text: str, facts: Mapping[str, Any], chart_id: str | None) -> str:
    """Return the whole HTML document; `chart_id` is the Content-ID of the chart, without brackets."""
    language = "en" if facts.get("language") == "en" else "vi"
    parts = [_lines(text)]
    if chart_id is not None:
        parts.append(
            f'<p style="margin:16px 0 4px;color:#475569">{CHART[language]}</p>'
            f'<img src="cid:{escape(chart_id)}" width="560" alt="{CHART[language]}" style="max-width:100%;height:auto">'
        )
    if link := facts.get("link"):
        parts.append(
            f'<p style="margin:20px 0"><a href="{escape(str(link))}" style="background:#0f172a;color:#ffffff;'
            f'padding:12px 18px;text-decoration:none;border-radius:6px">{BUTTON[language]}</a></p>'
        )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(subject)}</title></head>'
        f'<body style="margin:0;background:#f1f5f9"><table role="presentation" width="100%" cellpadding="0"'
        f' cellspacing="0"><tr><td align="center" style="padding:16px"><table role="presentation" width="600"'
        f' cellpadding="0" cellspacing="0" style="max-width:600px;background:#ffffff;border-top:6px solid'
        f' {_colour(facts)}"><tr><td style="padding:20px;{FONT}">{"".join(parts)}</td></tr></table></td></tr></table>'
        "</body></html>"
    )


def _colour(facts: Mapping[str, Any]) -> str:
    if facts.get("purpose") == "cleared":
        return OVER
    if facts.get("purpose") == "withdrawn":
        return UNKNOWN
    return COLOURS.get(str(facts.get("severity")), UNKNOWN)


def _lines(text: str) -> str:
    """The first line is the heading; `Word: what it says` has its word in bold."""
    heading, *rest = text.strip().split("\n")
    found = [f'<p style="margin:0 0 12px;font-size:18px"><b>{escape(heading)}</b></p>']
    for line in rest:
        word, colon, says = line.partition(": ")
        if not line.strip():
            found.append('<p style="margin:0;line-height:0.8">&nbsp;</p>')
        elif colon and len(word) <= 40:
            found.append(f'<p style="margin:0">{escape(word)}: <b>{escape(says)}</b></p>')
        else:
            found.append(f'<p style="margin:0">{escape(line)}</p>')
    return "".join(found)
