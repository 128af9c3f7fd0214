"""What systemd is told (sd_notify(3)): a real socket of datagrams in its place."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.programs import eventually

from gateway.app.notifying import Notifier


class Systemd:
    """The other end: keeps what it was told."""

    def __init__(self, heard: socket.socket) -> None:
        heard.setblocking(False)
        self._heard = heard
        self.told: list[str] = []

    def lines(self) -> list[str]:
        while True:
            try:
                self.told += self._heard.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.told

    def count(self, line: str) -> int:
        return self.lines().count(line)


@contextmanager
def systemd(address: str) -> Iterator[Systemd]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as heard:
        heard.bind(address)
        yield Systemd(heard)


@pytest.mark.parametrize("kind", ["path", "abstract"])
async def test_it_is_told_what_the_process_does(tmp_path: Path, kind: str):
    name = str(tmp_path / "notify") if kind == "path" else f"@{tmp_path.name}-{os.getpid()}"
    with systemd(name.replace("@", "\0", 1)) as heard:
        notifier = Notifier.of({"NOTIFY_SOCKET": name})
        before = time.monotonic_ns() // 1000
        async with notifier.alive():
            notifier.ready()
            notifier.reloading()
            notifier.status = lambda: "3 sessions"
            notifier.stopping()
        ready, starting, reloading, at, stopping, status = heard.lines()
    assert (ready, reloading, stopping) == ("READY=1", "RELOADING=1", "STOPPING=1")
    assert (starting, status) == ("STATUS=starting", "STATUS=3 sessions")
    assert before <= int(at.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


async def test_the_watchdog_hears_only_of_a_loop_that_turns(tmp_path: Path):
    name = str(tmp_path / "notify")
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": str(os.getpid())}
    with systemd(name) as heard:
        notifier = Notifier.of(environ)
        async with notifier.alive():
            await eventually(lambda: heard.count("WATCHDOG=1") >= 3)
            before = heard.count("WATCHDOG=1")
            time.sleep(0.5)  # the loop hangs
            assert heard.count("WATCHDOG=1") == before
            await eventually(lambda: heard.count("WATCHDOG=1") > before)


@pytest.mark.parametrize(
    "more",
    [{}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}],
)
async def test_a_watchdog_that_is_not_for_this_process_hears_nothing(tmp_path: Path, more: Mapping[str, str]):
    name = str(tmp_path / "notify")
    with systemd(name) as heard:
        async with Notifier.of({"NOTIFY_SOCKET": name, **more}).alive():
            await asyncio.sleep(0.3)
        assert heard.lines() == ["STATUS=starting"]


@pytest.mark.parametrize("name", ["", "/nowhere/notify", "vsock:2:1", "@" + "x" * 200])
async def test_nobody_has_to_be_there(name: str):
    notifier = Notifier.of({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"})
    async with notifier.alive():
        notifier.ready()
        notifier.reloading()
        notifier.stopping()


async def test_who_stops_listening_is_no_fault(tmp_path: Path):
    name = str(tmp_path / "notify")
    with systemd(name):
        notifier = Notifier.of({"NOTIFY_SOCKET": name})
        for _ in range(10_000):  # nobody waits until there is room
            notifier.ready()
    async with notifier.alive():
        notifier.ready()
        await asyncio.sleep(0.1)
