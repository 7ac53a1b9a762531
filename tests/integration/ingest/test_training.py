"""People's verdicts in the database become a model with its card, and the next one stands beside it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner

from ingest.quality.taught import taught
from ingest.quality.verdicts import ReviewedRange, counted
from quantrac.cli.commands import quality_train
from quantrac.cli.commands.quality import app
from quantrac.quality import boosted_trees
from quantrac.quality.model_file import read_model
from tests.integration.ingest.sonde import T0

WHOLE = ReviewedRange(T0 - timedelta(days=1), T0 + timedelta(days=100), None, ["ph"])
BAD = "n % 250 >= 220"
"""Five hours in 42 are rejected: pH is a whole unit lower there."""


@pytest.fixture
def rejected(sonde: psycopg.Connection) -> psycopg.Connection:
    """Sondes of two stations, 17 days of them, all of which people have judged; tests blame some of it."""
    sonde.execute(
        "insert into reading select channel_id, %s + n * interval '10 minutes', case name when 'ph' then 7.5 + 0.01 *"
        f" (n %% 7) - case when {BAD.replace('%', '%%')} then 1 else 0 end else 20 + n %% 5 end, 0, 0, now()"
        " from channel, generate_series(1, 2500) n where name in ('ph', 'water_temp')",
        [T0],
    )
    verdict = 'insert into reading_flag (channel_id, time, test, flag, "by", at) select channel_id, time, '
    of_ph = " from reading join channel using (channel_id) where name = 'ph'"
    sonde.execute(f"{verdict} null, case when value < 7 then 4 else 1 end, 'lan', now(){of_ph}")
    sonde.execute(f"{verdict} 'spike', 3, 'quality', now(){of_ph} and value = 7.52")
    sonde.execute(f"{verdict} 'spike', 1, 'quality', now(){of_ph} and value = 7.52 and station = 'st-test'")
    sonde.execute(f"{verdict} 'trained', 3, 'quality', now(){of_ph} and value = 7.53")
    return sonde


def test_people_s_verdicts_become_a_model_with_its_card_and_the_next_stands_beside_it(
    rejected: psycopg.Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = taught(rejected, WHOLE)
    assert (first.channel, second.channel) == ("st-my-thanh/ph", "st-test/ph")
    # Of 2500 readings ten times 30 are bad; a seventh of the others reads 7.52.
    for channel, blamed in ((first, 314), (second, 0)):
        assert channel.features.shape[0] == len(channel.bad) == 2500
        assert int(channel.bad.sum()) == 300
        assert int(channel.ours.sum()) == pytest.approx(blamed, abs=5), "a finding of a model is none of the others'"
        assert np.all(np.diff(channel.time_us) > 0)
    rows = counted(rejected, WHOLE)
    assert [sum(row.readings for row in rows if row.is_bad == bad) for bad in (True, False)] == [600, 4400], "the same"
    monkeypatch.setattr(boosted_trees, "BINS", 8)  # the library is quicker, and two values need no more
    monkeypatch.setattr(quality_train, "database", lambda *_: psycopg.connect(database))

    def command(*words: str) -> Any:
        return CliRunner().invoke(app, ["train", "--parameter", "ph", *words])

    out = tmp_path / "ph.json"
    done = command("--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    model = read_model(out.read_bytes())
    assert (model.version, model.parameter) == (1, "ph")
    assert json.loads(done.stdout)["off"] == {"st-my-thanh/ph": None, "st-test/ph": None}
    for own in model.card.channels:
        assert (own.good, own.bad) == (2200, 300)
        assert own.unseen is not None
        assert own.later is not None
        assert own.later.model.f1 is not None
        assert own.later.model.f1 > 0.9
    again = command("--out", str(out), "--station", "st-test")
    assert (again.exit_code, "--beside" in again.output) == (2, True), "nothing is written over"
    again = command("--out", str(out), "--beside", str(out), "--from", "2026-05-02")
    assert again.exit_code == 0, again.output
    assert "later   version 1" in again.stdout
    assert read_model(out.read_bytes()).version == 2
    none = command("--out", str(tmp_path / "none.json"), "--from", "2027-01-01")
    assert "found 0 readings that people call good and 0 that they reject" in str(none.exception)
    assert not (tmp_path / "none.json").exists()
    (tmp_path / "old.json").write_text("{}", "utf-8")
    refused = command("--out", str(tmp_path / "none.json"), "--beside", str(tmp_path / "old.json"))
    assert (refused.exit_code, "old.json: found no" in refused.output) == (2, True), "it says which file is none"
    assert "allowed turbidity" in CliRunner().invoke(app, ["train", "--parameter", "rain", "--out", "x"]).output
