"""Links lead somewhere, decisions have their parts, settings are documented, the book builds."""

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from quantrac.config.settings import Settings

PROJECT = Path(__file__).parents[3]
DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
    *PROJECT.glob("docs/**/*.md"),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_each_decision_has_a_number_of_its_own_and_says_context_decision_consequence() -> None:
    records = sorted((PROJECT / "docs/decisions").glob("[0-9]*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(numbers) == len(set(numbers))
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]}"), record.name
        for part in ("Context", "Decision", "Consequence"):
            assert part in text, f"{record.name} lacks {part}"


def test_every_setting_is_documented() -> None:
    text = (PROJECT / "docs/installation.md").read_text(encoding="utf-8")
    named = set(re.findall(r"QUANTRAC_[A-Z_]+", text))
    for one in re.findall(r"^\| `QUANTRAC_INGEST_([A-Z_]+)`, and so for (.*?) \|", text, re.MULTILINE):
        named |= {f"QUANTRAC_{service}_{one[0]}" for service in re.findall(r"[A-Z]+", one[1])}
    known = {f"QUANTRAC_{name.upper()}" for name in Settings.model_fields}
    assert known - named == set()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mkdocs' own dependencies
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    build(load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    assert (tmp_path / "architecture.html").exists()
