"""The drawing of bias over time: every sign inside, in a form of its own, no markup of others."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.console.bias_chart import HEIGHT, WIDTH, bias_chart
from quantrac.desks.bias import LaboratoryValue, Tolerance, bias_of
from quantrac.desks.laboratory_results import ComparedResult, SampleRow

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def compared(days_ago: int, beside: float, value: float, tolerance: Tolerance | None) -> ComparedResult:
    at = AT - timedelta(days=days_ago)
    row = SampleRow("st-a", "do", at, value, "mg/L", "", "", beside, None, "x", "st-a/do", 30, "M", days_ago)
    return ComparedResult(row, bias_of(LaboratoryValue(value, None), beside, tolerance))


def test_each_verdict_has_a_sign_of_its_own_and_everything_is_inside() -> None:
    tolerance = Tolerance(0.3, 5, "x")
    found = [compared(0, 5.1, 5.0, tolerance), compared(30, 9.0, 5.0, tolerance), compared(60, 5.0, 5.2, None)]
    drawn = bias_chart(found, 'Oxy "hòa tan" <b>', "vi", ZONE)
    assert [drawn.count(f'class="{kind}"') for kind in ("within", "beyond", "unjudged", "tolerance")] == [1] * 4
    assert "Oxy &quot;hòa tan&quot; &lt;b&gt;" in drawn
    assert "24/11/2026: +0,10 mg/l, trong sai số" in drawn
    assert "25/09/2026: −0,20 mg/l" in drawn, "a minus, no hyphen"
    assert not re.search(r">-\d", drawn)
    assert "style=" not in drawn
    for x, y in re.findall(r"(?:M|L|\s|\")(\d+\.?\d*),(\d+\.?\d*)", drawn):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
    alone = bias_chart([compared(0, 5.0, 5.0, None)], "Oxy", "en", ZONE)
    assert alone.count("unjudged") == 1
    assert "tolerance" not in alone
    unknown = compared(0, 5.1, 5.0, None)
    unknown = unknown._replace(row=replace(unknown.row, parameter="cyanide", unit="ug/L"))
    assert "0.10 ug/L" in bias_chart([unknown], "Cyanide", "en", ZONE), "one of a network's own, no longer declared"
    assert bias_chart([compared(0, 1e300, 5.0, tolerance)], "Oxy", "en", ZONE).count("nan") == 0
