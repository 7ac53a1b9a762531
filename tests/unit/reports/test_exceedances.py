"""Which values a limit did not allow: each by the figure of its day. Limits are those of QCVN 05:2023 and 08:2023."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quantrac.config.loader import load_network
from quantrac.telemetry.local_time import Calendar
from reports.limits.exceedances import Exceedance, exceedances, mean_of_year
from reports.limits.report import ChannelExceedance, NoSuchLimit, as_csv, as_lines, chosen, words_of
from tests.fixtures.program import PROJECT

NETWORK = load_network(PROJECT / "station_configs")
VIETNAM = Calendar(ZoneInfo("Asia/Ho_Chi_Minh"))
NEW_YEAR = datetime(2025, 12, 31, 17, 0, tzinfo=UTC)
"""2026 begins in Vietnam."""
HOUR = timedelta(hours=1)
OLD, NEW = NETWORK.limits["qcvn-05-2023/pm2_5/24h"]
(BAND,) = NETWORK.limits["qcvn-08-2023/ph/b"]


def test_each_value_is_held_against_the_limit_of_its_own_day() -> None:
    """48 µg/m³ was allowed until the end of 2025 (50), and is not since (45)."""
    series = [(NEW_YEAR + n * HOUR, 48.0) for n in range(-2, 3)]
    assert exceedances((OLD, NEW), series, VIETNAM) == [
        Exceedance(OLD, 3, 0), Exceedance(NEW, 2, 2, 48.0, NEW_YEAR + HOUR),
    ]  # fmt: skip
    before_the_decree = [(datetime(2023, 9, 11, 10, tzinfo=UTC), 99.0)]
    assert exceedances((OLD, NEW), before_the_decree, VIETNAM) == []


def test_the_worst_value_is_the_farthest_beyond_either_bound_the_first_of_two() -> None:
    values = (6.0, 8.5, 5.9, 8.7, 5.8, 7.0, 5.8)  # class B: 6.0 to 8.5
    series = [(NEW_YEAR + n * HOUR, value) for n, value in enumerate(values)]
    (found,) = exceedances([BAND], series, VIETNAM)
    assert (found.values, found.exceeded, found.worst, found.worst_at) == (7, 4, 5.8, NEW_YEAR + 4 * HOUR)


def test_a_year_has_a_mean_when_enough_of_its_hours_are_valid() -> None:
    hours = [(NEW_YEAR + n * HOUR, 20.0 + 10 * (n % 2)) for n in range(6)]
    assert mean_of_year(hours, NEW_YEAR, 8, 0.75) == [(NEW_YEAR, 25.0)]
    assert mean_of_year(hours[1:], NEW_YEAR, 8, 0.75) == []
    assert mean_of_year([], NEW_YEAR, 0, 0.0) == []


def test_what_is_printed_names_decree_and_article_and_says_that_a_limit_is_unconfirmed() -> None:
    assert words_of(NEW) == "at most 45 µg/m³: QCVN 05:2023/BTNMT, table 1, 24-hour mean"
    assert words_of(BAND) == "6 to 8.5: QCVN 08:2023/BTNMT, table 2, rivers, class B (fair), UNCONFIRMED"
    row = ChannelExceedance("st-a", "st-a/ph", Exceedance(BAND, 7, 4, 5.8, NEW_YEAR))
    (line,) = as_lines([row], VIETNAM)
    assert "4 of     7 values; worst 5.8 at 2026-01-01 00:00  [6 to 8.5: QCVN 08" in line
    assert as_csv([row]).splitlines()[1] == (
        "st-a,st-a/ph,QCVN 08:2023/BTNMT,table 2,b,value,6.0,8.5,[pH],no,7,4,5.8,2025-12-31T17:00:00+00:00"
    )


def test_limits_are_chosen_by_file_or_by_name() -> None:
    coast = {limit.parameter for (limit, *_) in chosen(NETWORK, "qcvn-10-2023").values()}
    assert coast == {"nh4_n", "po4_p", "fluoride"}
    assert list(chosen(NETWORK, "qcvn-08-2023/do/b")) == ["qcvn-08-2023/do/b"]
    with pytest.raises(NoSuchLimit, match=r"found no limits qcvn-05; there are: .*qcvn-05-2023"):
        chosen(NETWORK, "qcvn-05")
