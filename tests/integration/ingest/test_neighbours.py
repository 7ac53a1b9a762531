"""The consumer `neighbours`: what it finds depends on the readings of all stations alone, not on how they came."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
import pytest

from ingest.quality import neighbour_consumer as neighbours
from ingest.quality import rerun
from ingest.quality.neighbourhood import Neighbourhood
from ingest.rollups.consumer import CAUSES, NAME, RollupRounds
from quantrac.database.feed import Cause, Consumer, FeedError, NewChange, append_changes
from tests.fixtures.stations import add_channel, add_station

T0: Final = datetime(2026, 3, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
STATIONS: Final = ("st-a", "st-b", "st-c", "st-d")
BEGIN: Final = 37 * 24
"""The hour from which on st-a's thermometer is 4 °C low."""
HOURS: Final = BEGIN + 3 * 24
Chunk = tuple[str, range]


def add_network(conn: psycopg.Connection) -> dict[str, int]:
    """Add stations 5 km apart, with a thermometer each; return the channels."""
    numbers = {}
    for place, station in enumerate(STATIONS):
        add_station(conn, station)
        conn.execute(
            "update station set latitude = %s, longitude = 106 where station = %s",
            [9 + 0.045 * place, station],
        )
        numbers[station] = add_channel(
            conn, station, "water_temp", interval_s=3600, device="sonde", history_tests=["neighbours"]
        )
    return numbers


def values() -> dict[str, list[float]]:
    """A river's temperature by hours: one for all, and a little of each station's own."""
    chance = np.random.default_rng(1)
    river = 28 + np.sin(np.arange(HOURS) / 40) + 0.5 * np.sin(np.arange(HOURS) * 2 * np.pi / 24)
    found = {station: river + chance.normal(0, 0.2, HOURS) + at for at, station in enumerate(STATIONS)}
    found["st-a"][BEGIN:] -= 4
    return {station: [float(each) for each in column] for station, column in found.items()}


def store(conn: psycopg.Connection, numbers: dict[str, int], series: dict[str, list[float]], chunk: Chunk) -> None:
    station, hours = chunk
    rows = [(numbers[station], T0 + (hour + 1) * HOUR, series[station][hour], NOW) for hour in hours]
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany("insert into reading values (%s, %s, %s, 0, 0, %s) on conflict do nothing", rows)
        change = NewChange(station, numbers[station], rows[0][1], rows[-1][1], len(rows), Cause.READING)
        append_changes(conn, [change])


def follow(conn: psycopg.Connection, rollups: RollupRounds, known: Neighbourhood) -> None:
    """Let both consumers take all that there is; what one finds is for the other, too."""
    of_rollups = Consumer(conn, NAME, CAUSES)
    of_neighbours = Consumer(conn, neighbours.NAME, neighbours.CAUSES, after=neighbours.AFTER)
    while True:
        took = bool(rollups.round_of(conn, of_rollups, 500))
        if not (neighbours.round_of(conn, of_neighbours, lambda: NOW, known) or took):
            return


def blamed(conn: psycopg.Connection) -> set[tuple[str, int]]:
    rows = conn.execute(
        "select distinct on (station, time) station, time, flag from v_flag where test = 'neighbours'"
        " order by station, time, flag_id desc"
    ).fetchall()
    return {(station, round((time - T0) / HOUR) - 1) for station, time, flag in rows if flag == 3}


def test_live_late_shuffled_and_repeated_readings_of_any_station_give_the_flags_of_one_calm_pass(
    conn: psycopg.Connection,
) -> None:
    numbers, series = add_network(conn), values()
    rollups, known = RollupRounds(), Neighbourhood()
    for station in numbers:
        store(conn, numbers, series, (station, range(BEGIN)))
    with pytest.raises(FeedError, match="roll-ups are being made"):  # there are readings, and no hours of them yet
        neighbours.judge_everything(conn, lambda: NOW)
    follow(conn, rollups, known)
    assert blamed(conn) == set()

    for hour in range(BEGIN, HOURS, 24):  # st-a and one neighbour live: two stations alone say nothing
        for station in ("st-a", "st-b"):
            store(conn, numbers, series, (station, range(hour, hour + 24)))
        follow(conn, rollups, known)
    assert blamed(conn) == set()

    chance = random.Random(2)
    late = [(station, range(hour, hour + 12)) for station in ("st-c", "st-d") for hour in range(BEGIN, HOURS, 12)]
    chance.shuffle(late)
    for chunk in late + late[:3]:
        store(conn, numbers, series, chunk)
        if chance.random() < 0.4:
            follow(conn, rollups, known)
    follow(conn, rollups, known)
    found = blamed(conn)
    assert {station for station, _ in found} == {"st-a"}
    assert {hour for _, hour in found} >= set(range(BEGIN + 14, HOURS)), "from when a day's mean shows it"
    (words,) = conn.execute("select words_en from v_flag where test = 'neighbours' order by flag_id desc limit 1")
    assert "beside 3 neighbouring stations" in words[0]

    person = rerun.RerunPerson("an", "once more")
    wanted = rerun.Rerun(T0, NOW, tests=["neighbours"])
    assert rerun.rerun(conn, wanted, lambda: NOW, person) == [], "run again, nothing is another"
    conn.execute("delete from reading_flag")
    neighbours.judge_everything(conn, lambda: NOW)
    assert blamed(conn) == found, "as one calm pass over all that is stored"

    with conn.transaction():  # a person moves the neighbours' water where st-a has it: corrections, approved
        conn.execute(
            "insert into correction (channel_id, time, value, by, reason, at, approved_by, approved_at)"
            " select channel_id, time, value - 4, 'an', 'x', %(now)s, 'lan', %(now)s from reading"
            " where channel_id = any(%(some)s) and time > %(since)s",
            {"now": NOW, "some": [numbers["st-b"], numbers["st-c"]], "since": T0 + BEGIN * HOUR},
        )
        ends = T0 + (BEGIN + 1) * HOUR, T0 + HOURS * HOUR
        news = [NewChange(each, numbers[each], *ends, 72, Cause.CORRECTION) for each in ("st-b", "st-c")]
        append_changes(conn, news)
    follow(conn, rollups, known)
    assert "st-a" not in {station for station, _ in blamed(conn)}, "withdrawn: most agree with it now"
