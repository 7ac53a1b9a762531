"""The end of a run: the agent is stopped, drained, or fails."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any, Final

from edge_agent.clocks.clock import Now
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.spooling.spool_file import SpoolUnwritable

DRAIN_STEP_S: Final = 0.05
ASK_AGAIN_S: Final = 5.0
"""While draining in silence, the station announces itself this often, which the centre answers with an ack."""
ANSWER_SLACK_S: Final = 20.0


class RunEnd:
    """Knows whether the run is to end, and why; any thread may call everything here."""

    def __init__(self, stop: threading.Event, drain_s: float) -> None:
        """`drain_s`: after `stop` the agent goes on publishing for at most so long."""
        self._stop, self._timeout_s, self._drains_always = stop, drain_s, drain_s > 0
        self._drain_is_wanted, self._drain_is_over = threading.Event(), threading.Event()
        self._outcome: dict[str, Any] = {}
        self.sampling = threading.Event()
        """No more samples: the agent is stopped, drained, or has failed."""
        self.failed = threading.Event()
        """A thread has ended by a mistake of ours."""

    def fail(self) -> None:
        """End the run because a thread has ended by a mistake of ours."""
        self.failed.set()
        self.sampling.set()

    def follow(self) -> None:
        """Take no more samples once the agent is stopped."""

        def wait() -> None:
            self._stop.wait()
            self.sampling.set()

        threading.Thread(target=wait, name="stop", daemon=True).start()

    def ask_drain(self, timeout_s: float) -> dict[str, Any]:
        """Stop sampling, have everything sent within `timeout_s`, end; returns the last report, with `drained`."""
        self._timeout_s = timeout_s
        self._drain_is_wanted.set()
        self.sampling.set()
        self._drain_is_over.wait(timeout_s + ANSWER_SLACK_S)
        return self._outcome

    def drain(self, loop: ForwardingLoop, now: Now) -> bool:
        """Publish until all is acknowledged, nothing can be any more, or the time is over; then say goodbye.

        Returns whether all is acknowledged or given up.
        """
        drained = self._wait_until_drained(loop)
        with suppress(TimeoutError, SpoolUnwritable):
            self._outcome = {} if self.failed.is_set() else {**loop.report().as_dict(), "drained": drained}
        self._drain_is_over.set()
        if not self.failed.is_set():
            with suppress(SpoolUnwritable):
                loop.ask(lambda f: f.say_goodbye(now()))
        return drained

    @property
    def drain_was_wanted(self) -> bool:
        """Whether everything is to be sent before the agent ends."""
        return self._drains_always or self._drain_is_wanted.is_set()

    def _wait_until_drained(self, loop: ForwardingLoop) -> bool:
        started = asked = time.monotonic()
        drained = False
        while not self.failed.is_set() and loop.forwarder is not None:
            drained = loop.ask(lambda f: f.drained)
            now = time.monotonic()
            stopped_too = self._drain_is_wanted.is_set() and self._stop.is_set()
            if drained or stopped_too or now - started >= self._timeout_s:
                break
            if now - asked >= ASK_AGAIN_S:
                asked = now
                loop.post(lambda f, at: f.announce(at) if f.is_connected else None)
            time.sleep(DRAIN_STEP_S)
        return drained
