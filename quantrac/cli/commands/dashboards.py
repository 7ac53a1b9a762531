"""`quantrac dashboards`: Grafana's files from code."""

from __future__ import annotations

import sys

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _dashboards() -> None:
    """Grafana dashboards as code."""


@app.command(short_help="Write the dashboards and provisioning files.")
def render() -> None:
    """Write the dashboards' JSON and the provisioning files into dashboards/grafana."""
    from dashboards.grafana import rendering

    for path in rendering.write():
        print(f"written: {path}")


@app.command(short_help="Name each generated file that is out of date.")
def check() -> None:
    """Exit 1 and name each generated file that is not what the code gives."""
    from dashboards.grafana import rendering

    found = rendering.stale()
    for path in found:
        print(f"{path}: out of date; run: quantrac dashboards render", file=sys.stderr)
    sys.exit(1 if found else 0)
