"""`quantrac rules …`: are the rules right, and do they do what their tests say?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quantrac.config.network import Network

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Root = Annotated[
    Path | None, typer.Argument(help="Folder of configuration; default QUANTRAC_CONFIG, else ./station_configs.")
]
Overlay = Annotated[str | None, typer.Option(help="Overlay folder merged over it; default QUANTRAC_OVERLAY.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.callback()
def _rules() -> None:
    """Check and test alarm rules."""


def _network(root: Path | None, overlay: str | None) -> Network:
    from quantrac.config.loading import load_network
    from quantrac.config.settings import Settings

    settings = Settings()
    return load_network(root or settings.config, overlay or settings.overlay)


@app.command(short_help="Check files, limits, texts, and whether anybody is told.")
def check(root: Root = None, overlay: Overlay = None, as_json: Json = False) -> None:
    """Check the rules: files, limits, texts, and whether anybody is told; exit 2 if a file is wrong, 1 for findings."""
    from alerts.rule_checks import findings

    network = _network(root, overlay)
    found = findings(network)
    if as_json:
        print(json.dumps({"rules": len(network.rules), "findings": [dataclasses.asdict(one) for one in found]}))
    else:
        for one in found:
            print(f"{one.rule}: {one.where}: {one.what}")
        print(f"{len(network.rules)} rules, {len(found)} findings")
    if found:
        raise typer.Exit(1)


@app.command("test", short_help="Run the tests that stand in the rule files.")
def run_tests(root: Root = None, overlay: Overlay = None, as_json: Json = False) -> None:
    """Run the tests that stand in the rule files: series in, alarms out; exit 1 if one fails."""
    from alerts.rule_tests import run_rule_tests

    results = run_rule_tests(_network(root, overlay))
    if as_json:
        print(json.dumps([{**dataclasses.asdict(result), "passed": result.passed} for result in results]))
    else:
        for result in results:
            print(f"{'passed' if result.passed else 'FAILED'}  {result.name}")
            for alarm in result.missing:
                print(f"        expected, not raised: {alarm}")
            for alarm in result.unexpected:
                print(f"        raised, not expected: {alarm}")
        print(f"{sum(result.passed for result in results)} of {len(results)} tests passed")
    if not all(result.passed for result in results):
        raise typer.Exit(1)
