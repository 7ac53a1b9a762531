"""A bare Debian: a throw-away layer over a system that debootstrap made, entered as root by chroot.

Its mounts and its processes stand in namespaces of their own and end with it. It gets the settings by which this
machine's apt and pip find their packages, and no other variable: `LANG` is unset, as on a server just installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

PROJECT: Final = Path(__file__).parents[3]
RELEASE: Final = "trixie"
BASE: Final = Path("/var/tmp") / f"quantrac-debian-{RELEASE}"
PACKAGE_SETTINGS: Final = (
    "/etc/apt", "/etc/pip.conf", "/etc/xdg/pip", "/root/.config/pip", "/usr/local/share/ca-certificates",
    "/etc/ssl/certs", "/etc/resolv.conf",
)  # fmt: skip
WITHIN_S: Final = 900.0
"""How long a block of commands may take."""

ENTER: Final = """
mount -t overlay overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount --bind "$2/stick" "$2/root/mnt"
[[ $3 = online ]] || ip link set lo up
exec chroot "$2/root" /bin/bash -s
"""


class Failed(Exception):
    """A command on the machine failed; the text ends with what it printed."""


def debian_base() -> Path:
    """Return the folder of a minimal Debian, made the first time."""
    if not BASE.exists():
        unfinished = Path(tempfile.mkdtemp(dir=BASE.parent))
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", RELEASE, str(unfinished),
             _package_sites(f"Codename: {RELEASE}")[0]],
            check=True,
        )  # fmt: skip
        unfinished.chmod(0o755)
        unfinished.rename(BASE)
    return BASE


def _package_sites(*which: str) -> list[str]:
    """Return where apt of this machine finds its packages."""
    argv = ["apt-get", "indextargets", "--format", "$(SITE)", "Identifier: Packages", *which]
    return list(dict.fromkeys(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()))


def put_package_settings(root: Path) -> None:
    """Copy into a system's folder what says where this machine's apt and pip find their packages."""
    local = [Path(site.removeprefix("file:")) for site in _package_sites() if site.startswith("file:")]
    for path in [*map(Path, PACKAGE_SETTINGS), *local]:
        target = root / str(path).lstrip("/")
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True, ignore_dangling_symlinks=True)
        elif path.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    (root / "etc/apt/sources.list").write_text("")  # of debootstrap; those of this machine stand in files of their own


def package_variables() -> dict[str, str]:
    """Return the variables that tell this machine's apt and pip where to find their packages."""
    return {name: value for name, value in os.environ.items() if re.match(r"PIP_|\w+_proxy$", name, re.IGNORECASE)}


def pack_project(archive: Path) -> None:
    """Write a tar of the project's files, those that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--null", "-T", "-", "-cf", str(archive)], cwd=PROJECT, input=listed, check=True)


class Machine:
    """One bare Debian; `type` gives its root shell a block of commands, as a person would; `stick` is its /mnt.

    Args:
        networked: without it the machine has its loopback address alone.
        stand_ins: programs put in front of the machine's own, by name.
    """

    def __init__(self, *, networked: bool = True, stand_ins: dict[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="quantrac-machine-", dir=BASE.parent))
        for part in ("upper", "work", "root", "stick"):
            (self._folder / part).mkdir()
        self.stick = self._folder / "stick"
        self._upper = self._folder / "upper"
        self._upper.chmod(0o755)
        self._put_settings()
        for name, text in (stand_ins or {}).items():
            self._write(f"/usr/local/sbin/{name}", text, mode=0o755)
        self._shell = self._enter(networked=networked)
        self.printed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.kill()  # its first process is the init of the namespace: all others end with it
        self._shell.wait()
        shutil.rmtree(self._folder)

    def _write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self._upper / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def type(self, block: str) -> str:
        """Run commands to their end; returns what they printed. Raises Failed at the first one that fails."""
        mark = f"== done {os.urandom(8).hex()}"
        alarm = threading.Timer(WITHIN_S, self._shell.kill)
        alarm.start()
        lines: list[str] = []
        try:
            assert self._shell.stdin is not None
            assert self._shell.stdout is not None
            self._shell.stdin.write(f"{block}\n{{ set +x; }} 2> /dev/null; echo '{mark}'; set -x\n")
            self._shell.stdin.flush()
            for line in self._shell.stdout:
                if line.strip() == mark:
                    return "".join(lines)
                print("  |", line, end="", flush=True)
                lines.append(line)
        except BrokenPipeError:
            lines.append("(the shell had ended)")
        finally:
            alarm.cancel()
        raise Failed("".join(lines[-30:]))

    def take_project(self) -> None:
        """Put the project's files into /root/quantrac, and go there."""
        pack_project(self.stick / "project.tar")
        self.type("tar -xf /mnt/project.tar")

    def _put_settings(self) -> None:
        put_package_settings(self._upper)
        (self._upper / "root").mkdir(mode=0o700, exist_ok=True)
        self._write("/etc/apt/apt.conf.d/99-nobody-answers", 'APT::Get::Assume-Yes "true";\n')
        self._write("/etc/hosts", "127.0.0.1 localhost broker.example.vn\n")

    def _enter(self, *, networked: bool) -> subprocess.Popen[str]:
        argv: Sequence[str] = [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if networked else ["--net"]),
            "bash", "-euc", ENTER, "enter", str(debian_base()), str(self._folder), "online" if networked else "offline",
        ]  # fmt: skip
        plain = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
        }  # fmt: skip
        shell = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            env=plain | (package_variables() if networked else {}),
        )  # fmt: skip
        stdin: IO[str] | None = shell.stdin
        assert stdin is not None
        stdin.write("set -exo pipefail; umask 022; mkdir -p ~/quantrac; cd ~/quantrac\n")
        return shell
