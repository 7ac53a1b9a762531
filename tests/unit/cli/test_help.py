"""Every command and every option says what it is for; what an extra installs is known by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from quantrac.cli.main import COMMANDS, PACKAGES, app

PROJECT = Path(__file__).parents[3]


def walk(name: str, command: TyperCommand | TyperGroup) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    yield name, command
    if isinstance(command, TyperGroup):
        for word, below in command.commands.items():
            assert isinstance(below, TyperCommand | TyperGroup)
            yield from walk(f"{name} {word}", below)


def commands() -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    for name in COMMANDS:
        command = program.get_command(typer.Context(program), name)
        assert isinstance(command, TyperCommand | TyperGroup)
        yield from walk(name, command)


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_a_command_says_what_it_does_and_each_option_what_it_is_for(name: str) -> None:
    command = ALL[name]
    assert command.help, f"quantrac {name} has no help"
    assert command.help[0].isupper()
    assert command.help.split("\n\n")[0].rstrip().endswith((".", "?")), "the first paragraph is a sentence"
    for parameter in command.params:
        if parameter.name != "help":
            assert isinstance(parameter, TyperOption | TyperArgument)
            assert parameter.help, f"quantrac {name}: {parameter.name} has no help"
            assert parameter.help[0].isupper() or parameter.help[0].isdigit(), f"quantrac {name}: {parameter.help}"


def test_every_span_of_time_is_a_duration_with_its_unit() -> None:
    """But for `--seconds`, which names its unit itself."""
    spans = [
        (name, option)
        for name, command in ALL.items() for option in command.params
        if isinstance(option, TyperOption)
        and re.search("seconds|wait|how long|so long|longest", option.help or "", re.IGNORECASE)
        and "--seconds" not in option.opts
    ]  # fmt: skip
    assert len(spans) > 10
    for name, option in spans:
        context = typer.Context(ALL[name])
        assert option.metavar == "DURATION", f"quantrac {name} {option.opts}"
        assert option.process_value(context, "2m") == 120.0
        for found, advice in (("90", "write 90s for seconds"), ("90 s", "a duration such as 90s"), ("-1s", "such as")):
            with pytest.raises(typer.BadParameter, match=f"found '{found}', expected .*{advice}"):
                option.process_value(context, found)
        usual = option.get_default(context)
        assert usual is None or option.process_value(context, usual) >= 0


GROUPS = [name for name, command in ALL.items() if isinstance(command, TyperGroup)]
COLUMNS = 80


@pytest.mark.parametrize("name", GROUPS)
def test_no_line_of_a_list_of_commands_is_cut_on_a_terminal_of_80_columns(name: str) -> None:
    group = ALL[name]
    assert isinstance(group, TyperGroup)
    room = COLUMNS - 6 - max(map(len, group.commands))
    for word, below in group.commands.items():
        assert not below.get_short_help_str(room).endswith("..."), f"quantrac {name} {word}"


def test_the_list_of_commands_has_one_short_line_each() -> None:
    for name, entry in COMMANDS.items():
        assert entry.help.endswith((".", "?")), name
        assert len(entry.help) <= COLUMNS - 6 - max(map(len, COMMANDS)), name


def test_every_package_of_the_extras_is_known_so_that_a_missing_one_is_named() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        canonicalize_name(Requirement(line).name)
        for extra in ("edge", "centre", "training", "demo")
        for line in project["optional-dependencies"][extra]
    }
    always = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    modules = packages_distributions()
    known = {canonicalize_name(name) for module in PACKAGES for name in modules.get(module, [])}
    assert wanted - known - {"quantrac"} == set()
    assert known & always == set()
