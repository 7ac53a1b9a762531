"""Files of the configuration by their names, and replacing one: nothing outside is reached, nothing is half."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.config.config_folder import ConfigFolder, FileNotOurs, NoSuchFile, OtherContent, digest_of, file_named

OLD, NEW = b"station: st-a\n", b"station: st-a # \xe1\xba\xa1\n"


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    for name in ("stations", "devices", "rules", "demo/stations"):
        (tmp_path / "configs" / name).mkdir(parents=True)
    (tmp_path / "configs" / "network.yaml").write_text("network: x\n")
    (tmp_path / "configs" / "stations" / "st-a.yaml").write_bytes(OLD)
    (tmp_path / "configs" / "demo" / "stations" / "st-a.yaml").write_bytes(OLD)
    (tmp_path / "outside.yaml").write_bytes(OLD)
    return ConfigFolder(tmp_path / "configs", "demo")


def names(folder: ConfigFolder) -> list[str]:
    return sorted(path.name for path in (folder.root / "stations").iterdir())


@pytest.mark.parametrize(
    "name",
    ["", "../outside.yaml", "stations/../network.yaml", "/etc/passwd", "stations/st-a.yml", "stations/.st-a.yaml",
     "stations//st-a.yaml", "network.yaml\n", "stations/st-a.yaml\0", "stations/a/b.yaml", "stations\\st-a.yaml",
     "demo/../stations/st-a.yaml", "schemas/x.yaml", "stations/stations/st-a.yaml", "stations/network.yaml/x",
     "demo/demo/network.yaml", "./network.yaml", "other/network.yaml", "x" * 9000, "stations/..yaml", "%2e%2e/x.yaml"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(folder: ConfigFolder, name: str) -> None:
    with pytest.raises(NoSuchFile):
        folder.file(name)


@given(st.text(alphabet="./ab-_\\\n~%yml", max_size=30))
def test_a_name_that_is_taken_stays_where_it_says(name: str) -> None:
    try:
        file = file_named(name)
    except NoSuchFile:
        return
    assert Path("/root", file.name).resolve() == Path("/root", file.name)
    assert file.name == name


def test_the_files_of_both_layers_are_listed_and_a_station_s_own_one_is_known(folder: ConfigFolder) -> None:
    (folder.root / "stations" / ".st-a.yaml.new").touch()
    (folder.root / "stations" / "bad name.yaml").touch()
    found = folder.files()
    assert [file.name for file in found] == ["demo/stations/st-a.yaml", "network.yaml", "stations/st-a.yaml"]
    assert [file.station for file in found] == ["st-a", None, "st-a"]
    assert ConfigFolder(folder.root).files() == found[1:]
    assert ConfigFolder(folder.root / "nowhere").files() == []
    assert ConfigFolder(folder.root / "nowhere").read(found[1]) is None


def test_a_file_is_replaced_only_while_it_holds_what_was_expected(folder: ConfigFolder) -> None:
    file = folder.file("stations/st-a.yaml")
    folder.path(file).chmod(0o640)
    folder.replace(file, OLD, NEW)
    assert folder.read(file) == NEW
    assert stat.S_IMODE(folder.path(file).stat().st_mode) == 0o640
    with pytest.raises(OtherContent) as other:
        folder.replace(file, OLD, b"")
    assert other.value.found == folder.read(file) == NEW
    before = folder.digest()
    folder.replace(file, NEW, None)
    assert (folder.read(file), folder.digest() != before, digest_of(None)) == (None, True, "")
    with pytest.raises(OtherContent):
        folder.replace(file, NEW, OLD)
    folder.replace(file, None, OLD)
    with pytest.raises(OtherContent):
        folder.replace(file, None, NEW)
    assert folder.read(file) == OLD
    assert names(folder) == ["st-a.yaml"], "no draft stays behind"


def test_who_writes_between_the_look_and_the_rename_is_not_overwritten(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder.file("stations/st-a.yaml")
    synced = os.fsync

    def fsync(opened: int) -> None:
        synced(opened)
        folder.path(file).write_bytes(b"by hand\n")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OtherContent):
        folder.replace(file, OLD, NEW)
    assert folder.path(file).read_bytes() == b"by hand\n"
    assert names(folder) == ["st-a.yaml"]


def test_links_pipes_and_large_files_are_refused_and_left_alone(folder: ConfigFolder, tmp_path: Path) -> None:
    linked, piped = folder.file("stations/st-link.yaml"), folder.file("stations/st-pipe.yaml")
    folder.path(linked).symlink_to(tmp_path / "outside.yaml")
    os.mkfifo(folder.path(piped))
    large = folder.file("rules/large.yaml")
    folder.path(large).write_bytes(b"#" * 500_001)
    (folder.root / "devices").rmdir()
    (folder.root / "devices").symlink_to(tmp_path)
    behind = folder.file("devices/outside.yaml")
    for file in (linked, piped, large, behind):
        with pytest.raises(FileNotOurs):
            folder.read(file)
        with pytest.raises(FileNotOurs):
            folder.replace(file, OLD, NEW)
    assert (tmp_path / "outside.yaml").read_bytes() == OLD
    assert folder.path(linked).is_symlink()


def test_the_digest_follows_links_as_the_loader_does(folder: ConfigFolder, tmp_path: Path) -> None:
    linked, piped = folder.root / "stations" / "st-link.yaml", folder.root / "stations" / "st-pipe.yaml"
    linked.symlink_to(tmp_path / "outside.yaml")
    os.mkfifo(piped)
    before = folder.digest()
    (tmp_path / "outside.yaml").write_bytes(NEW)
    assert folder.digest() != before
    piped.unlink()
    (tmp_path / "outside.yaml").write_bytes(OLD)
    assert folder.digest() != before


def test_a_folder_that_may_not_be_written_says_so(folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", no)
    file = folder.file("stations/st-a.yaml")
    with pytest.raises(FileNotOurs, match="Read-only file system"):
        folder.replace(file, OLD, NEW)
    assert names(folder) == ["st-a.yaml"]
