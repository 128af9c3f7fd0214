"""How a command's coroutine ends as a process: exit codes, one line each, signals."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine

import pytest
import uvloop

from gateway.cli import main
from gateway.errors import CloudRefused, ConfigurationError, ListenFailed


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `vnc-gateway serve` with a stand-in for what it starts; give exit code and stderr."""

    hangup = signal.getsignal(signal.SIGHUP)

    def ended(serve) -> tuple[int, str]:
        monkeypatch.setattr("gateway.app.serving.serve", serve)
        monkeypatch.setattr("gateway.cli.commands.prepare", lambda log: None)
        monkeypatch.setattr(sys, "argv", ["vnc-gateway", "serve"])
        monkeypatch.setenv("VNC_GATEWAY_ACCESS__MODE", "open")
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code or 0, capsys.readouterr().err

    yield ended
    signal.signal(signal.SIGHUP, hangup)


def _raises(error: BaseException):
    async def serve(settings, source) -> None:
        raise error

    return serve


def test_done_is_0_on_uvloop(end):
    loops = []

    async def serve(settings, source) -> None:
        loops.append(asyncio.get_running_loop())

    assert end(serve) == (0, "")
    assert isinstance(loops[0], uvloop.Loop)


def test_a_reload_that_is_asked_for_too_early_ends_nothing(end):
    async def serve(settings, source) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    assert end(serve) == (0, "")


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (
            ListenFailed("127.0.0.1", 8080, OSError(98, "Address already in use")),
            1,
            "cannot listen on 127.0.0.1:8080: the port is in use",
        ),
        (CloudRefused("Forbidden.RAM, request 1"), 1, "Forbidden.RAM, request 1"),
        (CloudRefused(), 1, "cloud_refused"),
        (ConfigurationError("a: b\nc: d"), 2, "a: b\nc: d"),
        (OSError(24, "Too many open files"), 1, "Too many open files"),
        (ExceptionGroup("x", [CloudRefused("a"), ExceptionGroup("y", [OSError(1, "b")])]), 1, "a\nb"),
        (ExceptionGroup("x", [ConfigurationError("a")]), 2, "a"),
        (TypeError("bad\nthing"), 1, "internal error: TypeError: bad\\nthing"),
        (CloudRefused("at https://h/?Signature=x"), 1, "at https://h/?[redacted]"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(end, error: BaseException, code: int, lines: str):
    assert end(_raises(error)) == (code, lines + "\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_cleanly(end, number: signal.Signals):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in a shell's background has begun without
    closed = []

    async def serve(settings, source) -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(30)
            pytest.fail("the signal was not heard")
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    assert end(serve) == (0, "")
    assert closed == [True]


def test_a_command_may_take_the_signals_over(end):
    async def serve(settings, source) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 10)

    assert end(serve) == (0, "")


def test_no_coroutine_is_left_behind(end):
    started: list[Coroutine] = []

    async def serve(settings, source) -> None:
        started.append(asyncio.current_task().get_coro())

    end(serve)
    assert started[0].cr_frame is None
