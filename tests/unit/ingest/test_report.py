"""A station's report on itself: whether it is a sign of life."""

import pytest

from ingest.books import report
from tests.unit.ingest.network import NOW_MS, receipt


@pytest.mark.parametrize(
    ("online", "retain", "ahead_ms", "lives"),
    [
        ("true", False, 60_000, True),
        ("true", True, -60_000, True),
        ("true", True, 60_000, False),  # comes again with each subscription, and never gets old
        ("false", False, -60_000, False),
    ],
)
def test_a_report_is_a_sign_of_life_but_for_a_will_and_what_was_retained_from_the_future(
    online: str, retain: bool, ahead_ms: int, lives: bool
) -> None:
    said = f'{{"online":{online},"t":{NOW_MS + ahead_ms},"epoch":"e1","epochs":{{}}}}'
    assert report.read(receipt(said.encode(), "status", retain=retain)).lives is lives
