"""What the documentation names exists, what exists is documented, and the book builds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from mkdocs.commands.build import build
from mkdocs.config import load_config

from quantrac.cli.main import COMMANDS, app
from quantrac.config.profile_files import load_profile
from quantrac.config.settings import Settings

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.glob("**/*.md"))
TEXTS = [*PAGES, PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
LARGEST_IMAGE = 300_000
ROOMS = (
    "alerts", "benchmarks", "dashboards", "deploy", "edge_agent", "ingest", "quantrac", "reports", "simulators",
    "station_configs", "tests",
)  # fmt: skip


def code_of(text: str) -> Iterator[str]:
    """Each line of the fenced blocks, and each code span."""
    parts = re.split(r"^ *```.*$", text, flags=re.MULTILINE)
    for fenced in parts[1::2]:
        yield from fenced.splitlines()
    for prose in parts[::2]:
        yield from (re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose))


def commands_in(path: Path) -> Iterator[list[str]]:
    """The words after `quantrac` (or `python -m quantrac`) of every command of ours that a page names."""
    for code in code_of(path.read_text(encoding="utf-8")):
        for written in re.findall(r"(?:^ *|&& *|-m +|bin/)quantrac +([a-z][^#&;<>`]*)", code):
            yield written.split()


def command(group: str) -> Any:
    program: Any = typer.main.get_command(app)
    return program.get_command(typer.Context(program), group)


def subcommands(found: Any) -> dict[str, Any]:
    return getattr(found, "commands", {})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mkdocs' own dependencies
def test_the_documentation_builds_without_a_warning_and_has_every_page_once(tmp_path: Path) -> None:
    """mkdocs warns of links and anchors that lead nowhere, and of pages that `nav` lacks."""
    build(load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    assert (tmp_path / "architecture.html").exists()
    pages = re.findall(r"[\w/-]+\.md$", (PROJECT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert len(pages) == len(set(pages)) == len(PAGES)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_the_pages_outside_the_book_leads_somewhere(name: str) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", (PROJECT / name).read_text("utf-8"))
    assert [target for target in targets if not (PROJECT / target).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_command_and_option_that_is_named_exists(path: Path) -> None:
    for words in commands_in(path):
        assert words[0] in COMMANDS, words
        found, rest = command(words[0]), words[1:]
        while subcommands(found) and rest and re.fullmatch("[a-z][a-z0-9-]*", rest[0]):
            assert rest[0] in subcommands(found), " ".join(words)
            found, rest = subcommands(found)[rest[0]], rest[1:]
        known = {option for parameter in found.params for option in parameter.opts}
        named = {word.strip("[]").partition("=")[0] for word in rest if word.strip("[]").startswith("--")}
        assert named <= known | {"--help"}, " ".join(words)


def test_every_group_of_commands_is_mentioned() -> None:
    named = {words[0] for path in PAGES for words in commands_in(path)}
    assert set(COMMANDS) - named == set()


def test_each_decision_has_a_number_of_its_own_all_its_parts_and_a_line_in_the_index() -> None:
    index = (DOCS / "decisions/index.md").read_text(encoding="utf-8")
    numbers = [record.name[:4] for record in DECISIONS]
    assert len(numbers) == len(set(numbers))
    for record in DECISIONS:
        text = record.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(record.name[:4]), record.name
        assert f"- [{title}]({record.name})" in index, record.name
        for part in ("Context", "Decision", "Consequence"):
            assert part in text, f"{record.name} lacks {part}"


def test_every_module_that_is_named_exists() -> None:
    for path in TEXTS:
        for code in code_of(path.read_text(encoding="utf-8")):
            for name in re.findall(rf"(?<![\w/-])((?:{'|'.join(ROOMS)})/[\w/]+\.(?:py|sql|yaml))(?![\w])", code):
                assert (PROJECT / name).exists(), f"{path.name}: {name}"


def test_the_path_of_a_reading_names_real_modules() -> None:
    """The drawing of docs/architecture.md: a folder at the margin, then modules of it, indented."""
    drawing = (DOCS / "architecture.md").read_text(encoding="utf-8").split("## One reading")[1].split("```")[1]
    folder, seen = "", 0
    for line in drawing.splitlines():
        if heading := re.match(r" ([a-z_]+(?:/[a-z]+)*)/ ", line):
            folder = heading[1]
        elif named := re.match(r"   ((?:[a-z0-9_/]+\.py(?:, )?)+)", line):
            for name in named[1].split(", "):
                assert (PROJECT / folder / name).exists(), f"{folder}/{name}"
                seen += 1
    assert seen > 20


def test_tables_of_modules_name_real_ones() -> None:
    """Tables headed "module of `folder/`" or "floor of": the names in the first column, without `.py`."""
    seen = 0
    for page in PAGES:
        for folder, rows in re.findall(
            r"^\| (?:module|floor) of `([\w/]+)/` \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text("utf-8"), re.MULTILINE
        ):
            for name in re.findall(r"`([\w/]+)`", "\n".join(row.split("|")[1] for row in rows.splitlines())):
                assert any((PROJECT / folder / f"{name}{ending}").exists() for ending in ("", ".py")), name
                seen += 1
    assert seen > 10


def test_the_table_of_rooms_names_every_floor_and_no_other() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    for room in ("edge_agent", "ingest", "alerts", "reports", "dashboards", "simulators"):
        rows = re.findall(rf"^\| `{room}/` \|.*\| (.*) \|$", page, re.MULTILINE)
        floors = {path.parent.name for path in (PROJECT / room).glob("*/__init__.py")}
        assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [floors], room


def test_every_setting_is_documented_and_each_that_is_named_exists() -> None:
    known = {f"QUANTRAC_{name.upper()}" for name in Settings.model_fields}
    grafana = re.compile(r"QUANTRAC_GRAFANA_DATABASE_[A-Z]+")
    for path in TEXTS:
        for name in re.findall(r"QUANTRAC_[A-Z_]*", path.read_text(encoding="utf-8")):
            assert name in known | {"QUANTRAC_"} or grafana.fullmatch(name), f"{path.name}: {name}"
    text = (DOCS / "installation.md").read_text(encoding="utf-8")
    named = set(re.findall(r"QUANTRAC_[A-Z_]+", text))
    for setting, services in re.findall(r"^\| `QUANTRAC_INGEST_([A-Z_]+)`, and so for (.*?) \|", text, re.MULTILINE):
        named |= {f"QUANTRAC_{service}_{setting}" for service in re.findall(r"[A-Z]+", services)}
    assert known - named == set()


def test_images_are_small_and_shown() -> None:
    shown = {name for path in PAGES for name in re.findall(r"images/([\w-]+\.png)", path.read_text(encoding="utf-8"))}
    images = {image.name: image.stat().st_size for image in (DOCS / "images").iterdir()}
    assert shown == set(images)
    assert max(images.values()) < LARGEST_IMAGE


def test_vietnamese_pages_have_their_diacritics() -> None:
    for page in (DOCS / "huong-dan").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert len(re.findall("[ăâđêôơưạảấầậắằặẹẻếềệỉịọỏốồộớờợụủứừựỳỵ]", text.lower())) > len(text) / 20, page.name


def test_every_metric_role_and_view_that_is_named_exists() -> None:
    sources = [path for room in ROOMS for path in (PROJECT / room).rglob("*") if path.suffix in (".py", ".sql")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for page in PAGES:
        for name in re.findall(r"\b(?:quantrac|v)_[a-z_]+\b", page.read_text(encoding="utf-8")):
            assert name in code, f"{page.name}: {name}"


def test_the_table_of_instruments_is_that_of_the_profiles() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", (DOCS / "devices.md").read_text("utf-8"), re.MULTILINE))
    profiles = {path.stem: load_profile(path) for path in (PROJECT / "station_configs" / "devices").glob("*.yaml")}
    assert set(rows) == set(profiles)
    for name, profile in profiles.items():
        title, _, line, _, verified, golden, source = rows[name].split(" | ")
        assert title == profile.title, name
        assert verified == ("yes" if profile.verified else "no"), name
        assert set(golden.split(", ")) == {exchange.origin for exchange in profile.golden}, name
        assert source == profile.source, name
        assert line == "—" or (profile.line is not None and str(profile.line.baud) in line), name
