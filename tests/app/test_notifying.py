"""What systemd is told (sd_notify(3)): a real socket of datagrams in its place."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.gateway import gateway
from support.programs import eventually
from support.systemd import systemd

from gateway.app.notifying import Notifier


@pytest.mark.parametrize("kind", ["path", "abstract"])
async def test_it_is_told_what_the_process_does(tmp_path: Path, kind: str):
    name = str(tmp_path / "notify") if kind == "path" else f"@{tmp_path.name}-{os.getpid()}"
    async with systemd(name) as heard:
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
    async with systemd(name) as heard:
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
    async with systemd(name) as heard:
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
    async with systemd(name):
        notifier = Notifier.of({"NOTIFY_SOCKET": name})
        for _ in range(10_000):  # nobody waits until there is room
            notifier.ready()
    async with notifier.alive():
        notifier.ready()
        await asyncio.sleep(0.1)


async def test_a_service_is_ready_once_it_listens_and_stopping_once_it_was_told(tmp_path: Path, artifacts: Path):
    name = str(tmp_path / "notify")
    async with systemd(name) as heard:
        env = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000", "VNC_GATEWAY_LIMITS__DRAIN_DELAY": "2"}
        async with gateway({"vm": "tcp://127.0.0.1:1"}, logs=artifacts, env=env) as running:
            await eventually(lambda: heard.count("READY=1") == 1)
            await eventually(lambda: heard.count("WATCHDOG=1") > 1)
            assert "STATUS=ready, 0 sessions" in heard.lines()
            running.process.signal(signal.SIGHUP)
            await eventually(lambda: heard.count("READY=1") == 2)
            assert heard.count("RELOADING=1") == 1
            assert "STOPPING=1" not in heard.lines()
            running.process.signal(signal.SIGTERM)
            await eventually(lambda: heard.count("STOPPING=1") == 1)
            assert "STATUS=draining, 0 sessions" in heard.lines()
            beats = heard.count("WATCHDOG=1")
            await eventually(lambda: heard.count("WATCHDOG=1") > beats, what="it lives on while it drains")
            assert await running.process.wait_exit() == 0
