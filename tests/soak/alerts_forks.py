"""Alert workers as forks of a process that has imported everything, so that a killed one restarts in a moment.

Reads lines: each `start` forks a worker and prints its process id. A worker is `alerts.service.run` and nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from alerts import service
from quantrac.config.settings import Settings
from quantrac.observe import logs


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work()
        print(pid, flush=True)


def work() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logs.configure("json")
    service.run(Settings(), stop=stop)
    os._exit(0)


if __name__ == "__main__":
    main()
