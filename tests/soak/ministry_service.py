"""The makers and senders of the soak: those of `jobs run`, at a clock that goes faster; killed and begun again."""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from alerts.rules.watched_network import WatchedNetwork
from quantrac.cli.jobs import ministry
from quantrac.config.settings import Settings
from quantrac.observe import logs


def main() -> None:
    """Run until killed: address, configuration, logins, and the three numbers of the clock."""
    url, configs, secrets, began_at, began_s, speed = sys.argv[1:]
    logs.configure("json")

    def clock() -> datetime:
        return datetime.fromisoformat(began_at) + (time.time() - float(began_s)) * float(speed) * timedelta(seconds=1)

    settings = Settings(receiver_logins=Path(secrets), _env_file=None)
    ministry.start(settings, WatchedNetwork(Path(configs)), url, threading.Event(), clock).join()


if __name__ == "__main__":
    main()
