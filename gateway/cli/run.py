"""Running a coroutine as a process: event loop, signals, and every failure as one clear line.

Exit codes: 0 done (also when asked to stop), 1 failed, 2 wrong usage or configuration.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
import uvloop

from gateway.config.blocks import Log
from gateway.config.check import raise_open_files
from gateway.errors import ConfigurationError, GatewayError
from gateway.telemetry import logs
from gateway.telemetry.redact import clean_text, escape_text

FAILED = 1
MISUSED = 2

T = TypeVar("T")


def prepare(log: Log) -> None:
    """Set up what belongs to the process: its log, and as many open files as it may have."""
    logs.configure(log.level, log.format)
    raise_open_files()


def run(main: Coroutine[object, object, T]) -> T:
    """Run `main` on uvloop to its end; SIGINT and SIGTERM cancel it, and the process is then done.

    `main` may take the signals over for an end that takes longer.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_until_terminated(main))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit from None


async def _until_terminated(main: Coroutine[object, object, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await main


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what a command raises into lines on stderr and the exit code that belongs to it."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(0)
    except Exception as error:  # whatever it is, a user sees one line and no traceback
        logging.getLogger(__name__).debug("command failed", exc_info=True)  # the traceback is for those who ask
        leaves = list(_leaves(error))
        for line in dict.fromkeys(line for leaf in leaves for line in _lines(leaf)):
            say(line)
        sys.exit(MISUSED if all(isinstance(leaf, ConfigurationError) for leaf in leaves) else FAILED)


def _leaves(error: Exception) -> Iterator[Exception]:
    """Give the errors of a TaskGroup one by one."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _lines(error: Exception) -> list[str]:
    if isinstance(error, ConfigurationError):
        return str(error).splitlines()
    if isinstance(error, GatewayError):
        return [str(error) or error.ending.name]
    if isinstance(error, OSError):
        return [str(error.strerror or error)]
    return [f"internal error: {type(error).__name__}: {error}"]


def say(line: str) -> None:
    """Write one line to stderr, whatever is in it."""
    typer.echo(escape_text(clean_text(line)), err=True)
