"""One word for one thing: names in the code, events in the log, and the glossary (docs/glossary.md)."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
ROOMS = ("alerts", "dashboards", "edge_agent", "ingest", "quantrac", "reports", "simulators")
SQL_FILES = {
    path.relative_to(PROJECT).as_posix(): path.read_text("utf-8")
    for room in ROOMS
    for path in sorted((PROJECT / room).rglob("*.sql"))
}
GLOSSARY = PROJECT / "docs" / "glossary.md"
PAGES = [
    *(page for page in sorted((PROJECT / "docs").rglob("*.md")) if page != GLOSSARY),
    *(PROJECT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
]
"""The documentation without the glossary itself."""

PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
ONE_MEANING = {
    "slot": ("edge_agent/", "quantrac/telemetry/", "reports/", "simulators/", "dashboards/console/ministry_page.py"),
    "outbox": ("alerts/", "quantrac/cli/commands/contacts.py"),
    "picture image": (
        "alerts/alarm/life.py", "alerts/evaluating/announcement.py", "alerts/service.py", "alerts/telling/pictures.py",
        "alerts/watchdogs/breaches.py", "quantrac/telemetry/breaches.py",
        "dashboards/console/", "dashboards/grafana/", "edge_agent/cameras/", "edge_agent/control/", "ingest/",
        "quantrac/cli/", "quantrac/config/", "quantrac/database/", "quantrac/desks/", "simulators/cameras/",
    ),
}  # fmt: skip
"""Words and where names may have them: the time interval that a reading covers (not a worker's share, not the gap of a
text), the transactional outbox of messages, what a camera took (not the registers of a device, not a chart)."""
OF_A_LIBRARY = {"Image", "ImageDraw", "ImageFont"}
SQL = re.compile(r"^\s*(select|insert|update|delete|with|create|alter|truncate|copy)\s", re.IGNORECASE)
NOUNS = {"reading", "recording"}
"""Modules that end in -ing and are things."""
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
RIDDLE = re.compile(r"See the module|^By which |one that is told|[Dd]esign,? (section )?\d")


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Return the modules of all rooms, path → tree."""
    return {
        path.relative_to(PROJECT).as_posix(): ast.parse(path.read_text("utf-8"))
        for room in ROOMS
        for path in sorted((PROJECT / room).rglob("*.py"))
    }


def public_classes() -> dict[str, list[str]]:
    """Return the public classes of all rooms, name → modules."""
    found = defaultdict(list)
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    return found


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Give every name that a module binds or uses, and its SQL's words; `slots=True` of a dataclass is Python's."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name), value=value) if not (
                isinstance(value, ast.Constant) and value.value is True
            ):
                yield name
            case ast.Constant(value=str(text)) if SQL.match(text):
                yield from sql_words(text)


@functools.cache
def names() -> dict[str, set[str]]:
    """Return the names in every module and file of SQL, path → names."""
    of_code = {module: set(identifiers(tree)) for module, tree in modules().items()}
    return of_code | {file: set(sql_words(text)) for file, text in SQL_FILES.items()}


def sql_words(text: str) -> Iterator[str]:
    """Give the words of SQL without its comments."""
    yield from re.findall(r"\w+", re.sub("--.*", "", text))


def events(tree: ast.Module) -> Iterator[str]:
    """Give the event of every call of `log.…`; one that is chosen by a condition gives both."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method), args=[first, *_]) if (
                method in LOG_METHODS
            ):
                for part in ast.walk(first):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Give the docstrings of a module, its classes, functions and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def tables() -> Iterator[tuple[str, list[str]]]:
    """Give each row of the glossary's tables, with the heading of its section."""
    section = ""
    for line in GLOSSARY.read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| Term ", "| Say ")):
            yield section, [cell.strip() for cell in line.strip("|").split("|")]


TERMS = [cells for section, cells in tables() if section != "Say this, not that"]
SAY_NOT = {cells[0]: cells[1].split(", ") for section, cells in tables() if section == "Say this, not that"}


def plain(text: str) -> str:
    """Return a text in lower case with its words parted by single spaces: `on_delay`, on-delay and on delay are one."""
    return re.sub(r"[\W_]+", " ", text.lower())


def test_no_two_public_classes_have_one_name() -> None:
    """The word stays where the domain would say so; the others get a more exact one."""
    clashes = {name: modules for name, modules in public_classes().items() if len(modules) > 1}
    assert len(public_classes()) > 300
    assert clashes == {}


def test_modules_are_nouns() -> None:
    """Floors, which are folders, keep the names of their activities."""
    assert [module for module in modules() if module.endswith("ing.py") and Path(module).stem not in NOUNS] == []


@pytest.mark.parametrize("word", ONE_MEANING)
def test_a_word_stands_for_one_thing_in_the_names_of_code_and_sql(word: str) -> None:
    forms = {form for each in word.split() for form in (each, f"{each}s")}
    elsewhere = {
        f"{file}: {name}"
        for file, found in names().items()
        if not file.startswith(ONE_MEANING[word])
        for name in found - OF_A_LIBRARY
        if forms & {part.lower() for part in PARTS.findall(name)}
    }
    assert elsewhere == set()


def test_log_events_are_snake_case() -> None:
    found = {event for tree in modules().values() for event in events(tree)}
    assert len(found) > 60
    assert [event for event in sorted(found) if not re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", event)] == []


def test_no_docstring_is_a_riddle() -> None:
    found = [
        f"{module}: {text}" for module, tree in modules().items() for text in docstrings(tree) if RIDDLE.search(text)
    ]
    assert found == []


def test_a_module_that_calls_itself_pure_is_held_pure() -> None:
    """By the contracts of import-linter; `X is pure` of one function is no promise of its module."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    held = tuple(module for one in contracts if " pure: " in one["name"] for module in one["source_modules"])
    pure = [
        module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module, tree in modules().items()
        if re.search(r"(^|\. )Pure[.:;]", ast.get_docstring(tree) or "")
    ]
    assert len(pure) > 80
    assert [module for module in pure if not f"{module}.".startswith(tuple(f"{each}." for each in held))] == []


def test_every_term_of_the_glossary_is_in_use() -> None:
    sources = [
        path for room in ROOMS for path in (PROJECT / room).rglob("*") if path.suffix in (".py", ".sql", ".html")
    ]
    files = [*sources, *(PROJECT / "station_configs").rglob("*.yaml"), *PAGES]
    text = " ".join(plain(file.read_text("utf-8")) for file in files)
    assert len(TERMS) > 100
    assert [term for term, *_ in TERMS if not re.search(rf"\b{plain(term)}(s|d|ed)?\b", text)] == []


def test_no_term_is_explained_twice() -> None:
    names = [term for term, *_ in TERMS]
    assert sorted(names) == sorted(set(names))


def test_the_vietnamese_words_are_those_that_people_read() -> None:
    """On the screens, in the messages, in the guides."""
    shown = [path for room in ("alerts", "dashboards", "quantrac") for path in (PROJECT / room).rglob("*.py")]
    text = " ".join(plain(path.read_text("utf-8")) for path in [*shown, *(PROJECT / "docs/huong-dan").glob("*.md")])
    assert [(term, vi) for term, vi, *_ in TERMS if plain(vi).strip() not in text] == []


def test_no_word_is_used_that_the_glossary_rules_out() -> None:
    instead = {plain(word): say for say, words in SAY_NOT.items() for word in words}
    ruled_out = re.compile(rf"\b({'|'.join(instead)})s?\b")
    found = {
        f"{path.relative_to(PROJECT)}: {word} (say {instead[word]})"
        for path in [*(PROJECT / module for module in modules()), *PAGES]
        for word in ruled_out.findall(plain(path.read_text("utf-8")))
    }
    assert found == set()
