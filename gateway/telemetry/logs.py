"""Where log lines go and what they look like: structlog for us, the same lines for libraries.

Lines go to stderr: for people on a terminal, as one JSON object each elsewhere. Every line passes the
redaction of redact.py, those of libraries (aiohttp, asyncio) too. What is bound to the context of a task, as a session
binds its id, is in every line that the task causes, wherever that is written. JSON lines say which replica they are of.
"""

import logging
import sys
from functools import partial
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from gateway.telemetry.redact import escape, redact
from gateway.telemetry.replica import replica

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error", "critical"]
"""The configuration's, and "critical" for a command whose one line says what is wrong: then nothing is logged."""

# What libraries tell about each request or selector holds addresses and helps nobody.
QUIET = ("aiohttp.access", "asyncio", "websockets")


def configure(level: Level = "info", format: Format = "auto", stream: TextIO | None = None) -> None:  # noqa: A002 -- the configuration's word
    """Set up logging for the process; a later call replaces an earlier one. `stream` None is stderr."""
    stream = stream or sys.stderr
    console = format == "console" or (format == "auto" and stream.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                *_rendered(console=console, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a cached logger would miss a later call
    )


def _rendered(*, console: bool, colors: bool) -> list[Processor]:
    if console:
        return [
            escape,
            structlog.dev.ConsoleRenderer(
                colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    # ASCII JSON escapes every control character by itself
    return [partial(_lead, replica()), structlog.processors.JSONRenderer(ensure_ascii=True)]


def _lead(name: str, _logger: object, _method: str, event: EventDict) -> EventDict:
    """Put what every line has in front, for eyes that read JSON; `name` is this replica's."""
    event["replica"] = name
    return {key: event.pop(key) for key in ("timestamp", "level", "event", "replica") if key in event} | dict(event)
