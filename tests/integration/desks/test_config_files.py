"""Changes of configuration files: kept with person and reason, one after the other, taken back, never half."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.stations import app
from quantrac.config.config_folder import ConfigFile, ConfigFolder, FileNotOurs, digest_of
from quantrac.config.findings import ConfigErrors
from quantrac.database.pool import Connection
from quantrac.desks import config_files
from quantrac.desks.config_files import BadChange, ChangedMeanwhile, changes, save, take_back
from quantrac.desks.network import apply_network
from quantrac.desks.roles import MATRIX, DeskAct

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
GOOD = Path(__file__).parents[2] / "unit" / "config" / "good"
EXPECT, OTHER = "expect: [0.2, 14]", "expect: [0.5, 14]"
SECOND = timedelta(seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(Path(shutil.copytree(GOOD, tmp_path / "net")))


@pytest.fixture
def file(folder: ConfigFolder) -> ConfigFile:
    return folder.file("stations/st-a.yaml")


def text_of(folder: ConfigFolder, file: ConfigFile) -> str:
    return folder.path(file).read_text("utf-8")


def audited(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select person, action, subject, reason from audit order by audit_id").fetchall()


def test_a_change_is_kept_and_taken_back_where_later_ones_of_other_lines_stay(
    conn: Connection, folder: ConfigFolder, file: ConfigFile
) -> None:
    conn.execute("set role quantrac_console")
    old = text_of(folder, file)
    assert EXPECT in old
    first = old.replace(EXPECT, OTHER)
    one = save(conn, folder, file, first, "an", "đầu đo mới", NOW, opened=digest_of(old.encode()))
    assert text_of(folder, file) == first
    second = first + "# a remark\n"
    two = save(conn, folder, file, second, "bình", "ghi chú", NOW + SECOND, opened=digest_of(first.encode()))
    three = take_back(conn, folder, one, "bình", "nhầm trạm", NOW + 2 * SECOND)
    assert text_of(folder, file) == old + "# a remark\n"
    found = changes(conn, file.name)
    assert [(c.config_change_id, c.person, c.reason, c.takes_back, c.taken_back_by) for c in found] == [
        (three, "bình", "nhầm trạm", one, None), (two, "bình", "ghi chú", None, None),
        (one, "an", "đầu đo mới", None, three),
    ]  # fmt: skip
    assert (found[2].before, found[2].after) == (old.encode(), first.encode())
    four = take_back(conn, folder, three, "an", "đúng là trạm này", NOW + 3 * SECOND)
    assert text_of(folder, file) == second
    assert changes(conn)[0].config_change_id == four
    assert changes(conn, stations=frozenset({"st-b"})) == []
    assert len(changes(conn, stations=frozenset({"st-a"}), limit=2)) == 2
    conn.execute("reset role")
    assert audited(conn) == [
        ("an", "edit", "file stations/st-a.yaml", "đầu đo mới"), ("bình", "edit", "file stations/st-a.yaml", "ghi chú"),
        ("bình", "take back", "file stations/st-a.yaml", "nhầm trạm"),
        ("an", "take back", "file stations/st-a.yaml", "đúng là trạm này"),
    ]  # fmt: skip
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("update config_change set reason = 'other'")


def test_the_later_of_two_persons_sees_the_earlier_also_one_at_a_shell(
    conn: Connection, folder: ConfigFolder, file: ConfigFile
) -> None:
    old = text_of(folder, file)
    opened = digest_of(old.encode())
    save(conn, folder, file, old.replace(EXPECT, OTHER), "an", "vì sao", NOW, opened=opened)
    mine = old + "# mine\n"
    with pytest.raises(ChangedMeanwhile, match="changed by an at 2026-11-24 08:00:00Z"):
        save(conn, folder, file, mine, "bình", "vì sao", NOW, opened=opened)
    folder.path(file).write_text(old + "# by hand\n")
    with pytest.raises(ChangedMeanwhile, match="changed at a shell"):
        save(conn, folder, file, mine, "bình", "vì sao", NOW, opened=opened)
    folder.path(file).unlink()
    with pytest.raises(ChangedMeanwhile, match="is gone"):
        save(conn, folder, file, mine, "bình", "vì sao", NOW, opened=opened)
    number = save(conn, folder, file, mine, "bình", "làm lại", NOW, opened="")
    assert text_of(folder, file) == mine
    with pytest.raises(ConfigErrors, match="'st-a', allowed st-b"):
        take_back(conn, folder, number, "bình", "thôi", NOW)  # rules name the station
    new = folder.file("stations/st-c.yaml")
    number = save(conn, folder, new, old.replace("st-a", "st-c"), "bình", "trạm mới", NOW, opened="")
    assert take_back(conn, folder, number, "bình", "thôi", NOW) > number
    assert folder.read(new) is None
    assert len(changes(conn)) == 4


def test_nothing_is_written_that_the_network_would_not_pass_with(
    conn: Connection, folder: ConfigFolder, file: ConfigFile
) -> None:
    old = text_of(folder, file)
    opened = digest_of(old.encode())
    with pytest.raises(ConfigErrors, match=r"st-a\.yaml:\d+:\d+: devices.sonde.bus: found 'sond'"):
        save(conn, folder, file, old.replace("bus: sondes", "bus: sond", 1), "an", "vì sao", NOW, opened=opened)
    number = save(conn, folder, file, old.replace(EXPECT, OTHER), "an", "vì sao", NOW, opened=opened)
    other = folder.file("network.yaml")
    folder.path(other).write_text(text_of(folder, other) + "zone: x\n")
    with pytest.raises(ConfigErrors, match=r"network\.yaml"):
        take_back(conn, folder, number, "an", "vì sao", NOW)
    assert text_of(folder, file) == old.replace(EXPECT, OTHER)
    assert len(changes(conn)) == len(audited(conn)) == 1


def test_what_makes_no_sense_is_refused(conn: Connection, folder: ConfigFolder, file: ConfigFile) -> None:
    old = text_of(folder, file)
    opened = digest_of(old.encode())
    for text, reason, why in ((old, "vì sao", "nothing changes"), (old + "#\n", " ", "needs a reason"),
                              (old + "#" * 500_000, "vì sao", "larger than")):  # fmt: skip
        with pytest.raises(BadChange, match=why):
            save(conn, folder, file, text, "an", reason, NOW, opened=opened)
    number = save(conn, folder, file, old.replace(EXPECT, OTHER), "an", "vì sao", NOW, opened=opened)
    folder.path(file).write_text(old.replace(EXPECT, "expect: [0.7, 14]"))
    with pytest.raises(BadChange, match="touch the same lines"):
        take_back(conn, folder, number, "an", "vì sao", NOW)
    for place in (None, "stations/st-b.yaml"):
        with pytest.raises(BadChange, match="there is no change"):
            take_back(conn, folder, number if place else 99, "an", "vì sao", NOW, place)
    linked = folder.file("stations/st-linked.yaml")
    folder.path(linked).symlink_to(folder.path(file))
    with pytest.raises(FileNotOurs):
        save(conn, folder, linked, old, "an", "vì sao", NOW, opened="")


def test_no_change_keeps_people_for_ever(conn: Connection, folder: ConfigFolder) -> None:
    """Rows of changes cannot be erased: neither what is written nor what is taken out may be an address."""
    file = folder.file("network.yaml")
    old = text_of(folder, file)
    people = '{a: {name: A, phone: "+84912345678", groups: [farmers]}}\n'
    for key in ("contacts", "'contacts' ", '"c\\x6fntacts"'):
        with pytest.raises(BadChange, match="quantrac contacts"):
            save(conn, folder, file, f"{old}{key}: {people}", "an", "vì sao", NOW, opened=digest_of(old.encode()))
    named = f"{old}contacts: {people}"
    folder.path(file).write_text(named)
    with pytest.raises(BadChange, match="quantrac contacts"):
        save(conn, folder, file, old, "an", "vì sao", NOW, opened=digest_of(named.encode()))
    assert changes(conn) == []
    folder.path(file).write_text(old)
    beside = folder.file("stations/st-a.yaml")
    for place, remark in (
        (file, "contacts: {}  # An\n"), (file, "## contacts: An\n"),
        (file, "four_eyes: true # contacts: An\n"), (beside, "  # contacts: An\n"),
        (file, "# ask 0912 345 678\n"), (file, "four_eyes: true # an@example.org\n"), (file, "#+84.912345678"),
    ):  # fmt: skip
        held = text_of(folder, place)
        line = len(held.splitlines()) + 1
        with pytest.raises(BadChange, match=f"in line {line}, be it in a comment"):
            save(conn, folder, place, f"{held}{remark}", "an", "vì sao", NOW, opened=digest_of(held.encode()))
    assert changes(conn) == []
    kept = f"{old}# 01-02-2020 00:00, 105.712345678, 0.300000000, contacts import\n"
    kept += "# dry contacts: NO\n# https://www.google.com/maps/@9.6,105.97,15z\n"
    save(conn, folder, file, kept, "an", "vì sao", NOW, opened=digest_of(old.encode()))
    laid = replace(folder, overlay="demo")
    overlay = laid.file("demo/network.yaml")
    laid.path(overlay).parent.mkdir()
    with pytest.raises(BadChange, match="quantrac contacts"):
        save(conn, laid, overlay, f"contacts: {people}", "an", "demo", NOW, opened="")


def test_lines_keep_the_ends_that_they_had(conn: Connection, folder: ConfigFolder, file: ConfigFile) -> None:
    old = text_of(folder, file).replace("\n", "\r\n").encode()
    folder.path(file).write_bytes(old)
    save(conn, folder, file, text_of(folder, file) + "# a\n", "an", "vì sao", NOW, opened=digest_of(old))
    assert folder.read(file) == old + b"# a\r\n"


def test_a_file_does_not_stay_changed_where_its_change_could_not_be_kept(
    conn: Connection, database: str, folder: ConfigFolder, file: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = text_of(folder, file)
    replaced = ConfigFolder.replace

    def replace(self: ConfigFolder, place: ConfigFile, expected: bytes | None, content: bytes | None) -> None:
        replaced(self, place, expected, content)
        if content != old.encode():
            conn.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where application_name = 'goes away' and datname = current_database()"
            )

    monkeypatch.setattr(ConfigFolder, "replace", replace)
    away = psycopg.connect(database, autocommit=True, application_name="goes away")
    with away, pytest.raises(psycopg.OperationalError):
        save(away, folder, file, old + "#\n", "an", "vì sao", NOW, opened=digest_of(old.encode()))
    assert text_of(folder, file) == old
    assert changes(conn) == []


def test_what_applying_would_do_is_told_and_done_only_with_the_files_that_were_seen(
    conn: Connection, folder: ConfigFolder, file: ConfigFile
) -> None:
    conn.execute("set role quantrac_console")
    seen = folder.digest()
    apply_network(conn, config_files.network_as_seen(folder, seen), "an", NOW, "lần đầu")
    old = text_of(folder, file)
    (found,) = config_files.consequences(conn, folder, file, old.replace(EXPECT, OTHER), NOW).stations
    assert (found.applied.station, found.applied.outcome, found.applied.changed) == ("st-a", "changed", ("do",))
    assert config_files.consequences(conn, folder, file, old + "# only words\n", NOW) == ([], [])
    save(conn, folder, file, old.replace(EXPECT, OTHER), "an", "vì sao", NOW, opened=digest_of(old.encode()))
    with pytest.raises(ChangedMeanwhile):
        config_files.network_as_seen(folder, seen)
    done = apply_network(conn, config_files.network_as_seen(folder, folder.digest()), "an", NOW, "đầu đo")
    assert [one.station for one in done.stations if one.outcome == "changed"] == ["st-a"]
    conn.execute("reset role")
    assert ("an", "apply", "station st-a", "đầu đo") in audited(conn)


def test_the_commands_do_the_same(
    conn: Connection, database: str, folder: ConfigFolder, file: ConfigFile, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    monkeypatch.setenv("QUANTRAC_CONFIG", str(folder.root))
    old, draft = text_of(folder, file), tmp_path / "draft.yaml"

    def run(*words: str, expected: int = 0) -> str:
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == expected, f"{done.output}{done.exception}"
        return done.output

    draft.write_text(old.replace(EXPECT, OTHER))
    from_draft = ("edit", file.name, "--why", "đầu đo", "--from", str(draft), "--person", "an")
    said = run(*from_draft, expected=2)
    assert f" --opened {digest_of(old.encode())}\n" in said, "nobody knows what it was made of"
    said = run(*from_draft, "--opened", digest_of(old.encode()))
    assert said.splitlines()[0] == "saved as change 1"
    assert "-       do: {expect: [0.2, 14]}" in said.splitlines()
    assert "+       do: {expect: [0.5, 14]}" in said.splitlines()
    (row,) = json.loads(run("history", "--json"))
    assert (row["change"], row["person"], row["reason"], row["after"]) == (
        1, "an", "đầu đo", digest_of(draft.read_bytes()),
    )  # fmt: skip
    assert "an: đầu đo" in run("history", file.name)
    assert "+       do: {expect: [0.5, 14]}" in run("history", "--show", "1").splitlines()
    assert run("undo", "1", "--why", "nhầm", "--person", "an").startswith("taken back by change 2")
    assert text_of(folder, file) == old
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho '# by the editor' >> \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    run("edit", file.name, "--why", "ghi chú", "--person", "an")
    assert text_of(folder, file) == old + "# by the editor\n"
    editor.write_text("#!/bin/sh\necho 'zone: x' >> \"$1\"\n")
    run("edit", file.name, "--why", "ghi chú", "--person", "an", expected=1)
    assert text_of(folder, file) == old + "# by the editor\n"
    # somebody is faster while the editor is open: their lines are shown, and the advised command minds them
    theirs, mine = tmp_path / "theirs", f"{tmp_path}/mine.yaml"
    theirs.write_text(old + "# theirs\n")
    editor.write_text(f'#!/bin/sh\necho \'# mine\' >> "$1"\ncp "$1" {mine}\ncp {theirs} {folder.path(file)}\n')
    said = run("edit", file.name, "--why", "ghi chú", "--person", "an", expected=1)
    assert {"- # theirs", "+ # mine"} <= set(said.splitlines())
    assert f" --opened {digest_of(theirs.read_bytes())}\n" in said
    words = ("edit", file.name, "--why", "ghi chú", "--person", "an", "--from", mine, "--opened")
    run(*words, digest_of(old.encode()), expected=1)
    assert text_of(folder, file) == old + "# theirs\n"
    run(*words, digest_of(theirs.read_bytes()))
    assert text_of(folder, file) == Path(mine).read_text("utf-8")
    run("edit", "../outside.yaml", "--why", "x", "--from", str(draft), expected=1)


def test_every_act_has_its_command() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    twins: dict[str, Callable[..., Any] | str] = {
        "save": "edit", "take_back": "undo", "apply_network": "apply", "push": "push", "confirm_files": "",
    }  # fmt: skip
    functions = {name.replace(":", ".").rpartition(".")[2] for name in MATRIX[DeskAct.CONFIGURE].functions}
    assert functions == set(twins)
    assert {name for name in twins.values() if name} | {"check", "diff", "history"} <= commands
