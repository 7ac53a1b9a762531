"""The forwarding loop: the one thread that owns spool and lanes. Calls reach it in order; nothing of it is shared."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from edge_agent.clocks.clock import Moment, Now
from edge_agent.sending.forwarder import Forwarder
from edge_agent.spooling.report import SpoolReport
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.observe.logs import logger

log = logger(__name__)
T = TypeVar("T")

Call = Callable[[Forwarder, Moment], object]


class ForwardingLoop:
    """Runs a Forwarder: calls that are posted, then its turn, then sleep until the next of either."""

    def __init__(self, now: Now, on_failure: Callable[[], None]) -> None:
        """`on_failure` is called when the thread ends by a mistake of ours: the agent must then be restarted."""
        self._now = now
        self._on_failure = on_failure
        self._inbox: queue.Queue[Call | None] = queue.Queue()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._unopened: Callable[[], SpoolReport] | None = None
        self.forwarder: Forwarder | None = None
        """None: not begun. Other threads may only look at its counts."""

    def start(self, forwarder: Forwarder) -> None:
        """Begin; calls posted before are made first."""
        self.forwarder = forwarder
        self._begin(lambda: forwarder)

    def start_late(self, opened: Callable[[], Forwarder | None], unopened: Callable[[], SpoolReport]) -> None:
        """Begin as soon as `opened`, called by the thread, returns; until then calls wait and questions are refused.

        `unopened`: what is known meanwhile. `opened` returns None when the agent ends before.
        """
        self._unopened = unopened
        self._begin(opened)

    def _begin(self, opened: Callable[[], Forwarder | None]) -> None:
        self._thread = threading.Thread(target=self._run, args=(opened,), name="forwarding", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make the calls posted so far, take a last turn, and end."""
        self._inbox.put(None)
        if self._thread is not None:
            self._thread.join()

    def post(self, call: Call) -> None:
        """Have `call` made by the thread, soon."""
        self._inbox.put(call)

    def wake(self) -> None:
        """Let the forwarder take a turn now; cheap when it is woken already."""
        if not self._woken.is_set():
            self._woken.set()
            self._inbox.put(_nothing)

    def ask(self, question: Callable[[Forwarder], T], timeout_s: float = 10.0) -> T:
        """Have `question` answered by the thread. Raises TimeoutError, or what the question raises.

        Raises SpoolUnwritable while the spool could not be opened yet.
        """
        if self._unopened is not None and self.forwarder is None:
            raise SpoolUnwritable(self._unopened().disk)
        answer: Future[T] = Future()

        def call(forwarder: Forwarder, _: Moment) -> None:
            try:
                answer.set_result(question(forwarder))
            except Exception as error:  # noqa: BLE001  the asker gets it
                answer.set_exception(error)

        self.post(call)
        return answer.result(timeout_s)

    def report(self) -> SpoolReport:
        """Return the state of the spool, also while it could not be opened yet. Raises TimeoutError."""
        if self._unopened is not None and self.forwarder is None:
            return self._unopened()
        return self.ask(lambda f: f.report())

    def _run(self, opened: Callable[[], Forwarder | None]) -> None:
        try:
            self.forwarder = forwarder = opened()
            if forwarder is None:
                return
            pause_s = 0.0
            while self._make_calls(forwarder, pause_s):
                pause_s = forwarder.turn(self._now())
            forwarder.last_turn(self._now())
        except Exception:
            log.exception("forwarding_failed")
            self._on_failure()

    def _make_calls(self, forwarder: Forwarder, wait_s: float) -> bool:
        """Make the calls that wait, or the first that comes within `wait_s`; False at the end."""
        try:
            call = self._inbox.get(timeout=wait_s) if wait_s > 0 else self._inbox.get_nowait()
            self._woken.clear()
            while call is not None:
                self._make(call, forwarder)
                call = self._inbox.get_nowait()
        except queue.Empty:
            return True
        return False

    def _make(self, call: Call, forwarder: Forwarder) -> None:
        try:
            call(forwarder, self._now())
        except SpoolDamaged as damage:
            forwarder.renew(damage, self._now())
        except SpoolUnwritable as full:
            forwarder.stall(full, self._now())


def _nothing(_: Forwarder, __: Moment) -> None:
    return None
