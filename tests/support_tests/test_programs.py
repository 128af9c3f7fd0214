"""The test support itself: components are found by name, programs are waited for and ended."""

import signal
import sys
from pathlib import Path

import pytest
from support.components import COMPONENTS, install_command, missing, needs
from support.programs import ProgramError, free_port, listens, running


def test_an_unknown_component_is_refused_where_it_is_named() -> None:
    with pytest.raises(LookupError, match="toaster"):
        needs("toaster")


def test_one_command_installs_everything() -> None:
    assert install_command(["websockify", "xterm", "qemu"]) == (
        "sudo apt-get install -y qemu-system-x86 xterm && pip install websockify"
    )


def test_a_missing_component_is_found_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert missing(["qemu", "xterm"]) == ["qemu", "xterm"]
    assert COMPONENTS["qemu"].path() is None


async def test_a_program_is_ready_when_its_port_listens_and_gone_after_the_block(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    async with running("server", argv, logs=tmp_path, ready=lambda: listens(port)) as server:
        assert server.alive
        assert server.rss() > 1_000_000
    assert await server.wait_exit() == -signal.SIGTERM
    assert not listens(port)


async def test_a_program_that_dies_early_is_told_with_its_log(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no disk')"]
    with pytest.raises(ProgramError, match="no disk"):
        async with running("broken", argv, logs=tmp_path, ready=lambda: False):
            pass


async def test_a_program_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(ProgramError, match="not ready"):
        async with running("sleeper", argv, logs=tmp_path, ready=lambda: False, within=0.3):
            pass
