"""The album of pictures that wait: how many a round takes from it."""

import pytest

from ingest.books.receipt import Receipt
from ingest.storing.pictures import PICTURES_AT_ONCE, Album
from quantrac.mqtt import Delivery


def picture(mid: int) -> Receipt:
    return Receipt(Delivery("quantrac/v1/st-test/image", b"", mid, 1, False, False, 0, None, ()), mid)


@pytest.mark.parametrize(("readings_wait", "most"), [(True, 1), (False, PICTURES_AT_ONCE)])
def test_pictures_that_keep_coming_end_no_round_late(readings_wait: bool, most: int) -> None:
    """The broker sends the next picture as soon as one is acknowledged."""
    album = Album()
    album.put(picture(0))
    taken = []
    for receipt in album.of_round(lambda: readings_wait):
        taken.append(receipt.received_us)
        album.put(picture(len(taken)))
    assert taken == [*range(most)]
    assert next(album.of_round(lambda: readings_wait)).received_us == most


def test_a_picture_that_could_not_be_stored_comes_again_before_the_others() -> None:
    album = Album()
    album.put(picture(1))
    album.put(picture(2))
    assert [next(album.of_round(lambda: True)).received_us for _ in range(2)] == [1, 1]
    assert [each.received_us for each in album.of_round(lambda: False)] == [1, 2]
    assert [*album.of_round(lambda: False)] == []
