"""The report of exceedances on a real database: the hours of a day against limits of air, by the command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.report import app
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from reports.limits.report import exceedance_report
from reports.spans import ReportSpan
from tests.fixtures import stations
from tests.fixtures.program import PROJECT

CONFIGS = PROJECT / "station_configs"
HOURS = """
insert into hourly (channel_id, time, value, count, received, expected)
select %s, '2026-11-23 17:00Z'::timestamptz + n * interval '1 hour', %s, %s, 1, 1
from generate_series(%s::int, %s::int) n
"""


def test_hours_of_a_day_against_the_limits_of_air(
    conn: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QCVN 05:2023/BTNMT: SO2 350 over an hour, 125 over a day; hours that are not valid do not count."""
    stations.add_station(conn, "st-tp-soc-trang")
    hour = stations.add_channel(conn, "st-tp-soc-trang", "so2_1h", parameter="so2", unit="ug/m3")
    day = stations.add_channel(conn, "st-tp-soc-trang", "so2_24h", parameter="so2", unit="ug/m3")
    conn.execute(HOURS, [hour, 350.0, 1, 0, 9])
    conn.execute(HOURS, [hour, 351.0, 1, 10, 11])
    conn.execute(HOURS, [hour, 900.0, 0, 12, 23])
    conn.execute(HOURS, [day, 130.0, 1, -1, 24])
    value = stations.add_channel(conn, "st-tp-soc-trang", "so2", parameter="so2", unit="ug/m3")
    conn.execute(HOURS, [value, 60.0, 1, 0, 9])
    conn.execute("set role quantrac_console")
    network, now = load_network(CONFIGS), datetime(2026, 12, 1, tzinfo=UTC)
    rows = exceedance_report(conn, network, "qcvn-05-2023", ReportSpan.of("2026-11-24"), now)
    assert [(row.channel, row.found.limit.high, row.found.values, row.found.exceeded) for row in rows] == [
        ("st-tp-soc-trang/so2_1h", 350, 12, 2), ("st-tp-soc-trang/so2_24h", 125, 24, 24),
    ]  # fmt: skip
    assert rows[0].found.worst_at == datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert exceedance_report(conn, network, "qcvn-05-2023", ReportSpan.of("2026-11"), now, frozenset()) == []
    rollups = network.settings.rollups.model_copy(update={"valid_share": 0.0})
    lenient = replace(network, settings=network.settings.model_copy(update={"rollups": rollups}))
    years = (
        exceedance_report(conn, lenient, "qcvn-05-2023/so2/year", ReportSpan.of("2026"), at)
        for at in (now, datetime(2027, 1, 1, tzinfo=UTC))
    )
    assert [[row.found.exceeded for row in found] for found in years] == [[], [1]], "a year has a mean when it is over"
    conn.execute("reset role")
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    monkeypatch.setenv("QUANTRAC_CONFIG", str(CONFIGS))
    asked = ["exceedances", "qcvn-05-2023/so2/1h", "--day", "2026-11-24", "--json"]
    (found,) = json.loads(CliRunner().invoke(app, asked).output)
    assert (found["found"]["exceeded"], found["found"]["limit"]["decree"]) == (2, "QCVN 05:2023/BTNMT")
    assert "45 µg/m³" in CliRunner().invoke(app, ["limits", "qcvn-05-2023"]).output
    assert CliRunner().invoke(app, ["exceedances", "qcvn-05-2023"]).exit_code == 2
