"""A file that somebody asked for is there whole, or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quantrac.cli.whole_file import whole_file


def test_a_file_whose_writing_ends_in_the_middle_is_as_it_was_before(tmp_path: Path) -> None:
    place = tmp_path / "year.zip"
    place.write_bytes(b"old")
    parts = iter([b"n", b"e", "no bytes: the database is away"])
    with pytest.raises(TypeError), whole_file(place) as out:
        out.writelines(parts)  # type: ignore[arg-type]  # that is the mistake
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("year.zip", b"old")]
    with whole_file(place) as out:
        out.write(b"new")
        assert place.read_bytes() == b"old"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("year.zip", b"new")]


def test_a_pipe_or_device_is_written_as_it_is_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    reader = os.open(place, os.O_RDWR | os.O_NONBLOCK)  # so that neither side waits for the other
    try:
        with whole_file(place) as out:
            out.write(b"new")
        assert place.is_fifo()
        assert os.read(reader, 3) == b"new"
    finally:
        os.close(reader)
    with pytest.raises(IsADirectoryError), whole_file(tmp_path):
        pass
