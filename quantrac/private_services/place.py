"""The folder of a private server's files, and the account it runs as.

PostgreSQL refuses to run as root, and Mosquitto gives root away: started by root they run as the system users that
their Debian packages made. Such a user cannot enter a closed home, so the place is chosen with its eyes.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quantrac.private_services.errors import MissingPackage, ServiceError

SHARED_TEMPORARY = Path("/var/tmp")  # noqa: S108 (survives a reboot; our folder in it is checked to be ours)


@dataclass(frozen=True, slots=True)
class Account:
    """The system account a server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        """Whether this process already runs as that account."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Give a file or folder to the account."""
        if not self.is_self:
            os.chown(path, self.uid, self.gid)


def account_for(server_user: str, package: str) -> Account:
    """Return the caller's own account, or for root the system user that ``package`` made."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        return Account(me.pw_name, me.pw_uid, me.pw_gid)
    try:
        found = pwd.getpwnam(server_user)
    except KeyError:
        raise MissingPackage(f"no system user {server_user}: install the package {package} (./dev setup)") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def runtime_directory(project: Path, *accounts: Account) -> Path:
    """Return the folder for private servers: ``.quantrac`` of the project if all accounts can enter it.

    Otherwise a folder of our own under /var/tmp, the same one for the same project and user each time.
    """
    inside = project.resolve() / ".quantrac"
    inside.mkdir(mode=0o711, exist_ok=True)
    if all(can_enter(account, inside) for account in accounts):
        return inside
    mark = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:10]
    outside = SHARED_TEMPORARY / f"quantrac-{os.geteuid()}-{mark}"
    outside.mkdir(mode=0o711, exist_ok=True)
    if outside.is_symlink() or outside.stat().st_uid != os.geteuid():
        raise ServiceError(f"{outside} belongs to somebody else; remove it and start again")
    return outside


@contextmanager
def private_folder(project: Path, prefix: str, *more: Account, keep: bool = False) -> Iterator[Path]:
    """Make a folder that the accounts of the private servers can enter, and `more`; it goes in the end."""
    accounts = account_for("postgres", "postgresql-17"), account_for("mosquitto", "mosquitto")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=runtime_directory(project, *accounts, *more)))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def can_enter(account: Account, folder: Path) -> bool:
    """Tell whether the account may enter the folder, asked as that account."""
    if account.is_self:
        return os.access(folder, os.X_OK)
    test = subprocess.run(
        ["/usr/bin/test", "-x", str(folder)], user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False
    )
    return test.returncode == 0
