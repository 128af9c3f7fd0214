"""The command line called inside the test's process: an interpreter for each case would take most of the time."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from gateway.cli import main
from gateway.telemetry.logs import QUIET


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run `vnc-gateway ARGUMENTS` with variables given by keyword."""

    def run(*arguments: object, **variables: str) -> Done:
        with monkeypatch.context() as patch:
            for name in os.environ:
                if name.startswith("VNC_GATEWAY_"):
                    patch.delenv(name)
            for name, value in {"COLUMNS": "120", **variables}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["vnc-gateway", *map(str, arguments)])
            with pytest.raises(SystemExit) as caught:
                main()
        out, err = capsys.readouterr()
        return Done(int(caught.value.code or 0), out, err)

    loggers = [logging.getLogger(name) for name in ("", *QUIET)]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    yield run
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers
    structlog.reset_defaults()
