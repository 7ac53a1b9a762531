"""Follows docs/installation.md on bare Debians: a centre, a station that sends to it, an upgrade, a centre offline."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

from tests.acceptance.installation.machine import Failed, Machine
from tests.acceptance.installation.page import commands, say

SYSTEMD: Final = (Path(__file__).parent / "systemctl.py").read_text(encoding="utf-8")
STAND_INS: Final = {"systemctl": SYSTEMD, "journalctl": SYSTEMD}
STATION: Final = "st-my-thanh"
MAY_FAIL: Final = re.compile(rf"^(quantrac status|quantrac edge probe --station {STATION})(?= *(#.*)?$)", re.MULTILINE)
"""What fails here: no instrument is wired, and a centre a minute old is not yet well."""
ENDLESS: Final = re.compile(r"^(quantrac edge watch .*?)( +#.*)?$", re.MULTILINE)
CENTRE: Final = (
    "1. Packages and program", "2. Database", "3. Settings", "4. Tables, stations, people", "5. Broker", "6. Services",
)  # fmt: skip
STORED: Final = f"""
for second in $(seq 90); do
  stored=$(runuser -u postgres -- psql -Atd quantrac -c "select count(*) from v_reading where station = '{STATION}'")
  [ "$stored" -eq 0 ] || break
  sleep 1
done
[ "$stored" -gt 0 ]
"""


def main() -> int:
    """Try the page; returns the exit status."""
    if os.geteuid() != 0:
        print("./dev installation makes whole systems: run it as root", file=sys.stderr)
        return 2
    try:
        with Machine(stand_ins=STAND_INS) as centre:
            centre.take_project()
            follow(centre, *CENTRE)
            with Machine(stand_ins=STAND_INS) as station:
                install_station(centre, station)
                say("readings of the station arrive at the centre")
                centre.type(STORED)
            follow(centre, "Upgrading")
        install_offline()
    except Failed as failure:
        say(f"FAILED, see above:\n{str(failure)[-600:]}")
        return 1
    say("every command of the page did what it says")
    return 0


def follow(machine: Machine, *headings: str) -> None:
    """Type the commands below these headings of the page."""
    for heading in headings:
        say(heading)
        for block in commands("installation", heading):
            machine.type(as_typed(block))


def as_typed(block: str) -> str:
    """Return a block with an end to what a person would end, and with what may fail here allowed to."""
    block = ENDLESS.sub(r"timeout 8 \1 || [ $? -eq 124 ]", block)
    return MAY_FAIL.sub(r"\1 || true", block)


def install_station(centre: Machine, station: Machine) -> None:
    """Install the station's box with the certificate and the password that the centre made."""
    authority = centre.type("{ set +x; } 2> /dev/null; cat /etc/quantrac/ca.pem")
    known = centre.type("{ set +x; } 2> /dev/null; cat /root/broker-passwords")
    password = dict(line.split(":") for line in known.split())[STATION]
    station.take_project()
    station.type(f"cat > ca.pem <<'PEM'\n{authority}PEM\nstation_password={password}")
    follow(station, "Station")


def install_offline() -> None:
    """Fetch everything on one machine, and install a centre from that on another one without a network."""
    with Machine() as fetching:
        fetching.take_project()
        say("Offline: fetching")
        fetch, install = commands("installation", "Offline")
        fetching.type(fetch)
        fetching.type("tar -cf /mnt/offline.tar offline")
        with Machine(networked=False, stand_ins=STAND_INS) as cut_off:
            cut_off.take_project()
            (fetching.stick / "offline.tar").rename(cut_off.stick / "offline.tar")
            say("Offline: installing")
            cut_off.type("tar -xf /mnt/offline.tar")
            cut_off.type(install)


if __name__ == "__main__":
    sys.exit(main())
