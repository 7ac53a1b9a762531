"""`quantrac dashboards …`: renders Grafana's files from code, checks them, hands them to a running Grafana."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from quantrac.cli.arguments import group
from quantrac.cli.environment import configured_network
from quantrac.config.settings import Settings

app = group()


@app.command(short_help="Write the dashboards and provisioning files.")
def render() -> None:
    """Write the dashboards' JSON and the provisioning files into dashboards/grafana.

    The dashboards have the limits of the rules and the `time_zone` of network.yaml; QUANTRAC_PUBLIC_URL says where
    the console is, to which they link.
    """
    from dashboards.grafana import files

    for path in files.write(_rendered()):
        print(f"written: {path}")


@app.command(short_help="Name each generated file that is out of date.")
def check() -> None:
    """Exit 1 and name each generated file that is not what the code, network.yaml and the rules give."""
    from dashboards.grafana import files

    found = files.stale(_rendered())
    for path in found:
        print(f"{path}: out of date; run: quantrac dashboards render", file=sys.stderr)
    sys.exit(1 if found else 0)


@app.command(short_help="Hand the dashboards to a running Grafana.")
def push() -> None:
    """Hand the dashboards to a running Grafana by its API; what somebody changed in them there is overwritten.

    QUANTRAC_GRAFANA_URL says where it is, QUANTRAC_GRAFANA_TOKEN is the token of a service account (role Editor).
    """
    from dashboards.grafana.push import Grafana

    with Grafana(*Settings().grafana()) as grafana:
        for place in grafana.push(_rendered()):
            print(f"handed over: {place}")


def _rendered() -> Mapping[str, str]:
    from dashboards.grafana.files import rendered

    settings = Settings()
    return rendered(configured_network(), settings.public_url or f"http://{settings.console_listen}")
