"""Which stations speak for which channels."""

from __future__ import annotations

from ingest.quality.neighbourhood import PlacedChannel, neighbours_of
from quantrac.quality.neighbours import COMPANION, MOST


def placed(
    channel_id: int, station: str, km: float, parameter: str = "water_temp", *, is_tested: bool = True, **limits: float
) -> PlacedChannel:
    """Return a channel so far up the meridian: a degree of latitude is 111.2 km."""
    return PlacedChannel(channel_id, station, parameter, 9.0 + km / 111.2, 106.0, is_tested, limits)


def test_the_nearest_stations_within_reach_speak_each_by_one_channel() -> None:
    # Water within 30 km; of a station with two channels the first speaks, and both are judged.
    found = neighbours_of(
        [placed(1, "a", 0), placed(2, "b", 12), placed(3, "b", 12), placed(4, "c", 29), placed(5, "d", 45)]
    )
    assert {number: each.others for number, each in found.items()} == {
        1: (2, 4), 2: (1, 4), 3: (1, 4), 4: (5, 2, 1),
    }  # fmt: skip
    assert 5 not in found, "one neighbour cannot say which of two is wrong"


def test_of_many_the_nearest_are_asked_in_an_order_of_their_own() -> None:
    row = [placed(number, f"s{number}", abs(number - 3) * 2.0) for number in range(1, 9)]
    found = neighbours_of(row)
    assert len(found[8].others) == MOST
    assert found[3].others == neighbours_of(row[::-1])[3].others


def test_a_channel_without_the_test_speaks_and_is_not_judged_and_a_file_may_ask_for_more() -> None:
    found = neighbours_of([placed(1, "a", 0, neighbours=2.5), placed(2, "b", 5, is_tested=False), placed(3, "c", 9)])
    assert found.keys() == {1, 3}
    assert (found[1].score, found[3].score) == (2.5, 1.0)
    assert found[1].sources(1) == {1, 2, 3}


def test_air_has_its_humidity_and_that_of_its_neighbours_beside_it() -> None:
    air = [placed(number, name, 40 * number, "air_temp") for number, name in enumerate("abc", 1)]
    humidity = [placed(number, name, 40 * number, "humidity") for number, name in enumerate("bc", 12)]
    found = neighbours_of([*air, *humidity])
    assert found[2].others == (1, 3)
    assert found[2].companion == (), "of humidity there are two stations alone"
    assert COMPANION["air_temp"] == "humidity"
    found = neighbours_of(
        [*air, placed(11, "a", 40, "humidity"), placed(12, "b", 80, "humidity"), placed(13, "c", 120, "humidity")]
    )
    assert found[2].companion == (12, 11, 13)
    assert found[2].sources(2) == {1, 2, 3, 11, 12, 13}
