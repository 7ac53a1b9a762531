"""Structured logs: events with key/values, on stderr.

One line a batch or a change of state, never one a reading. Standard output belongs to the results of commands.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

LogFormat = Literal["json", "text"]


def format_for(wanted: str | None, stream: TextIO) -> LogFormat:
    """Tell the format: the wanted one, else text on a terminal and JSON off it.

    Raises ValueError for a word that is neither ``json``, ``text`` nor empty.
    """
    if not wanted:
        return "text" if stream.isatty() else "json"
    if wanted not in ("json", "text"):
        raise ValueError(f"log format: found {wanted!r}, allowed json, text")
    return cast(LogFormat, wanted)


def configure(settings_log: str | None = None, *, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log line of this process, also those of libraries, to ``stream`` (default stderr)."""
    out = stream if stream is not None else sys.stderr
    log_format = format_for(settings_log, out)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format, out)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _quieten_libraries()


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; ``name`` is its dotted name, usually ``__name__``."""
    return structlog.stdlib.get_logger(name)


def bind(**values: Any) -> Mapping[str, Any]:
    """Add ``values`` (service, station, …) to every later line of this thread or task."""
    return structlog.contextvars.bind_contextvars(**values)


def _renderers(log_format: LogFormat, stream: TextIO) -> list[structlog.typing.Processor]:
    if log_format == "text":
        return [
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    return [structlog.processors.format_exc_info, _event_first, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _event_first(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Order a JSON line for the reader's eye: when, how bad, what, then the rest."""
    first = {key: line[key] for key in ("timestamp", "level", "event") if key in line}
    return {**first, **{key: value for key, value in line.items() if key not in first}}


def _quieten_libraries() -> None:
    """Keep what libraries say a line a request or a frame out of our logs; their warnings stay."""
    for name in ("apscheduler", "asyncio", "httpcore", "httpx", "mail.log", "pymodbus", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
