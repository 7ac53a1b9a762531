"""The mains go while a message is written: what was reported as stored is there, and nothing half of it.

What a power cut leaves of a file is its state at the last sync, and of what was written since any part, or noise. The
log grows at its end, so each length of it is the state after some write.
"""

import random
import shutil
from pathlib import Path

import pytest

from edge_agent.spooling import inspection
from edge_agent.spooling.ranges import Range
from edge_agent.spooling.spool import DATABASE
from quantrac.telemetry.wire import decode_message
from tests.unit.edge_agent.test_spool import NOW, opened, record


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]]]:
    """A spool as it is while its agent runs, and how long its log was after each append: (bytes, seq)."""
    live, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("cut")
    synced: list[tuple[int, int]] = []
    with opened(live) as spool:
        for number in range(1, 61):
            spool.append([record(number, width=8)], NOW)
            synced.append(((live / f"{DATABASE}-wal").stat().st_size, spool.last))
        for suffix in ("", "-wal"):
            shutil.copy(live / (DATABASE + suffix), copy)
    return copy, synced


@pytest.mark.parametrize("tail", ["nothing", "zeros", "noise"])
def test_whatever_of_the_last_write_reached_the_disk(
    written: tuple[Path, list[tuple[int, int]]], tail: str, tmp_path: Path
) -> None:
    chance = random.Random(tail)
    whole, synced = written
    log = (whole / f"{DATABASE}-wal").read_bytes()
    for turn in range(25):
        cut = chance.randrange(synced[0][0], len(log) + 1)
        folder = tmp_path / str(turn)
        folder.mkdir()
        shutil.copy(whole / DATABASE, folder)
        lost = len(log) - cut
        rest = {"nothing": b"", "zeros": bytes(lost), "noise": chance.randbytes(lost)}[tail]
        (folder / f"{DATABASE}-wal").write_bytes(log[:cut] + rest)
        kept = max(seq for size, seq in synced if size <= cut)
        with opened(folder) as spool:
            assert spool.last == kept
            assert spool.append([record(kept + 1)], NOW)[0].n == kept + 1
            assert [decode_message(line).seq for _, line in spool.read(1, kept + 1, 100)] == [*range(1, kept + 2)]
        assert [*inspection.verify(folder)] == []


def test_a_disk_that_had_lied_about_a_sync_costs_a_new_epoch_and_no_seq_twice(tmp_path: Path) -> None:
    """The centre has what the card forgot: its ack is beyond what the spool holds (0053)."""
    with opened(tmp_path) as spool:
        spool.append([record(number, width=8) for number in range(1, 31)], NOW)
        epoch = spool.epoch
        log = (tmp_path / f"{DATABASE}-wal").read_bytes()
        spool.append([record(number, width=8) for number in range(31, 61)], NOW)
        shutil.copytree(tmp_path, tmp_path / "after")
    (tmp_path / "after" / f"{DATABASE}-wal").write_bytes(log)
    with opened(tmp_path / "after") as spool:
        assert (spool.epoch, spool.last) == (epoch, 30)
        assert spool.begin_epoch([Range(29, 30)], NOW) != epoch
        assert [decode_message(line).seq for _, line in spool.append([record(61)], NOW)] == [3]
