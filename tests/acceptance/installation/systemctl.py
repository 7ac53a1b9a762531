#!/usr/bin/python3
"""Stands in for systemd where there is none: does what a unit's file says, as far as starting and stopping needs it.

Called as `systemctl` or as `journalctl --unit …`. It knows ExecStartPre, ExecStart, ExecReload, User, Environment and
EnvironmentFile; output goes to /run/stand-in/<unit>.log, process ids to <unit>.pid. PostgreSQL has Debian's own tool.
"""

import fnmatch
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

RUN = pathlib.Path("/run/stand-in")
UNITS = (pathlib.Path("/etc/systemd/system"), pathlib.Path("/usr/lib/systemd/system"))


def main(words: list[str]) -> None:
    """Carry out one command of systemctl or journalctl."""
    RUN.mkdir(exist_ok=True)
    if pathlib.Path(sys.argv[0]).name == "journalctl":
        wanted = words[words.index("--unit") + 1]
        for log in sorted(RUN.glob("*.log")):
            if fnmatch.fnmatch(log.stem, wanted):
                print("".join(log.read_text().splitlines(keepends=True)[-15:]), end="")
        return
    verb, names = words[0], [word for word in words[1:] if not word.startswith("-")]
    for name in names:
        if name.startswith("postgresql"):
            subprocess.run(["pg_ctlcluster", "17", "main", verb], check=True)
            continue
        if verb == "start" or (verb == "enable" and "--now" in words):
            start(name)
        elif verb == "restart":
            stop(name)
            start(name)
        elif verb == "stop":
            stop(name)
        elif verb == "reload":
            os.kill(int((RUN / f"{name}.pid").read_text()), signal.SIGHUP)


def unit(name: str) -> list[tuple[str, str]]:
    """Return the lines of the unit's [Service], with %i filled in, as (key, value)."""
    template, at, instance = name.partition("@")
    file = next(folder / f"{template}{at}.service" for folder in UNITS if (folder / f"{template}{at}.service").exists())
    lines = file.read_text().replace("%i", instance).split("[Service]")[1].split("\n[")[0].splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return [(key, value) for key, _, value in pairs]


def start(name: str) -> None:
    """Start the unit's program; it must still live two seconds later."""
    found = unit(name)
    last = dict(found)
    environment = dict(os.environ)
    for key, value in found:
        if key == "Environment":
            environment |= dict(word.split("=", 1) for word in shlex.split(value))
        elif key == "EnvironmentFile":
            path = pathlib.Path(value.lstrip("-"))
            if path.exists() or not value.startswith("-"):
                lines = [line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
                environment |= dict(line.split("=", 1) for line in lines)
        elif key == "ExecStartPre":
            subprocess.run(shlex.split(value.lstrip("+-!")), check=True)
    with (RUN / f"{name}.log").open("a") as log:
        process = subprocess.Popen(
            shlex.split(last["ExecStart"]),
            env=environment,
            cwd=last.get("WorkingDirectory", "/"),
            user=last.get("User"),
            group=last.get("Group"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (RUN / f"{name}.pid").write_text(str(process.pid))
    time.sleep(2)
    if process.poll() is not None:
        sys.exit(f"{name} ended at its start:\n{(RUN / f'{name}.log').read_text()[-2000:]}")


def stop(pattern: str) -> None:
    """Stop every started unit of that name; `*` stands for any instance."""
    for file in RUN.glob("*.pid"):
        if fnmatch.fnmatch(file.stem, pattern):
            number = int(file.read_text())
            file.unlink()
            try:
                os.kill(number, signal.SIGTERM)
                while (
                    pathlib.Path(f"/proc/{number}").exists()
                    and " Z " not in pathlib.Path(f"/proc/{number}/stat").read_text()
                ):
                    time.sleep(0.1)
            except ProcessLookupError:
                pass


main(sys.argv[1:])
