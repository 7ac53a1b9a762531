"""The search of every page: all words, without case and diacritics, what begins with the first word first."""

from __future__ import annotations

import pytest

from dashboards.console.search import MOST_OF_A_KIND, PAGES, Hit, channels_of, hits, stations_of
from dashboards.console.texts import TEXTS
from tests.fixtures.still_console import channel, network, station

NETWORK = network(
    [station("st-x", "Sông Mỹ Thanh"), station("st-y", "Cù Lao <b>")], [channel("st-x", "do"), channel("st-y", "ph")]
)


def test_what_has_all_words_is_found_and_what_begins_with_the_first_is_first() -> None:
    things = [Hit("k", title, "", "/") for title in ("Trạm cửa sông", "Sông Hậu", "Sông Mỹ Thanh")]
    assert [one.title for one in hits("SONG", things)] == ["Sông Hậu", "Sông Mỹ Thanh", "Trạm cửa sông"]
    assert [one.title for one in hits("thanh  song", things)] == ["Sông Mỹ Thanh"]
    assert hits("  ", things) == hits("không", things) == []
    assert len(hits("x", [Hit("k", f"x{n}", "", "/") for n in range(99)])) == MOST_OF_A_KIND


@pytest.mark.parametrize(("within", "found"), [(None, 2), (frozenset({"st-x"}), 1), (frozenset(), 0)])
def test_nobody_finds_stations_and_channels_that_they_may_not_read(within: frozenset[str] | None, found: int) -> None:
    assert len(stations_of(NETWORK, within, "vi")) == len(channels_of(NETWORK, within, "vi")) == found


def test_a_channel_is_found_by_its_title_its_station_and_its_name() -> None:
    for text in ("oxy my thanh", "st-x/do"):
        (one,) = hits(text, channels_of(NETWORK, None, "vi"))
        assert (one.title, one.where, one.href) == ("Oxy hòa tan", "Sông Mỹ Thanh", "/stations/st-x?lang=vi#st-x/do")
    assert all(key in TEXTS for key, _, _ in PAGES)
