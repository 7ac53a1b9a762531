"""Control of a running agent from its desk, by commands of the centre and by SIGHUP; all get the same answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from queue import Empty
from typing import Any, Final

from edge_agent.acquiring.field_link import FieldLink
from edge_agent.clocks.clock import Now
from edge_agent.control.agent_plan import AgentPlan
from edge_agent.control.answers import Answers
from edge_agent.control.commands import Commands, Replies
from edge_agent.control.reconfiguration import Reconfiguration
from edge_agent.control.run_end import RunEnd
from edge_agent.control.trial import Deliveries
from edge_agent.desk import Desk
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.records import RecordSink, SlotRecord
from edge_agent.sending.uplink import Uplink
from edge_agent.slots.maintenance import MaintenanceOrders
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

log = logger(__name__)

LOOK_S: Final = 0.5


class AgentControl:
    """Carries out what people and the centre want of a running agent."""

    def __init__(
        self,
        plan: AgentPlan,
        uplink: Uplink,
        end: RunEnd,
        orders: MaintenanceOrders,
        misses: MissCounts,
        photograph: Callable[[str, str], Mapping[str, Any]] | None,
        now: Now,
    ) -> None:
        """Prepare; `photograph` has a camera take a picture for a cause (None: there is no camera)."""
        self.link = FieldLink()
        """To the instruments, once they are read."""
        self._plan, self._uplink, self._end, self._now = plan, uplink, end, now
        self._deliveries = Deliveries()
        self._replies = Replies(plan.station.station, uplink.session, lambda: now().ms)
        uplink.on_settled = self._replies.settled
        reconfiguration = Reconfiguration(
            plan.station,
            wire=plan.wiring.wire,
            link=self.link,
            deliveries=self._deliveries,
            uplink=uplink,
            now=now,
            ending=end.sampling,
        )
        self._answers = Answers(plan, uplink.loop, end, orders, misses, reconfiguration, self.link, photograph, now)

    def noted(self, sink: RecordSink) -> RecordSink:
        """Return a sink that also notes what each channel delivers."""

        def take(record: SlotRecord) -> None:
            self._deliveries.note(record)
            sink(record)

        return take

    def listen(self, closing: ExitStack, reload: threading.Event | None) -> None:
        """Open the desk, take commands (first those that came meanwhile), and read the files again on `reload`."""
        closing.callback(Desk(self._plan.folder, self._answers.answer).close)
        commands = Commands(
            self._plan.station.station,
            self._plan.command_key(),
            self._plan.folder,
            answer=self._answers.answer,
            reply=self._replies.say,
            record=self._uplink.record,
            now_ms=lambda: self._now().ms,
        )
        threading.Thread(target=self._take, args=(commands,), name="commands", daemon=True).start()
        if reload is not None:
            threading.Thread(target=self._reload_on, args=(reload,), name="reload", daemon=True).start()

    def _take(self, commands: Commands) -> None:
        while not self._end.sampling.is_set():
            with suppress(Empty):
                commands.offer(self._uplink.commands.get(timeout=LOOK_S))
            self._replies.turn()

    def _reload_on(self, wanted: threading.Event) -> None:
        while not self._end.sampling.is_set():
            if wanted.wait(LOOK_S):
                wanted.clear()
                try:
                    log.info("configuration_reloaded", **self._answers.reload())
                except (QuantracError, TimeoutError) as refusal:
                    log.warning("configuration_not_reloaded", error=str(refusal))
